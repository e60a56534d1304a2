/**
 * The hand-over from plain text to TLS, cut into segments in any way: nothing in plain text after it, nothing that was plain text passes for
 * encrypted, nothing is lost, nothing hangs.
 */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { wordOf } from './ledger.mjs';
import { patternAt } from './pattern.mjs';
import { Peer } from './peer.mjs';
import { clients } from './clients.mjs';
import { shaper } from './segments.mjs';
import { sizes, written } from './sequences.mjs';

const DEADLINE_MS = 8000;
/** What a server says when it agrees to TLS. */
const ANSWER = 7;
/** With which a forged handshake would begin: an alert, and application data. */
const forged = {
  alert: Buffer.from('15030300020228', 'hex'),
  data: Buffer.from('1703030008494e4a4543544544', 'hex'),
};
const plain = fc.constantFrom(1, 2, 100, 16_384, 65_537);

/**
 * @typedef {object} HandOver
 * @property {'web' | 'duplex'} api
 * @property {'TLSv1.2' | 'TLSv1.3'} tls
 * @property {number} greeting Bytes that the peer says first.
 * @property {number[]} before Written in plain text; the last of them asks for TLS.
 * @property {boolean} awaits Each of them is awaited.
 * @property {boolean} early startTls() does not wait for the answer.
 * @property {boolean} silent There is none: TLS follows the last byte, whenever that is sent.
 * @property {boolean} reads A read is pending at the hand-over.
 * @property {number | 'alert' | 'data'} injected What somebody puts behind the answer: so many bytes of plain text, or a record.
 * @property {number} later Turns of the event loop until it is put there; 0: in the same segment.
 * @property {number[]} after Written to the secure socket at once.
 * @property {number[]} back What the peer says over TLS.
 * @property {{ size: number, pause: number }[]} cuts Segments of what the peer sends, over and over, and the turns between them.
 * @property {number} stalls Turns for which the peer reads nothing when the request has come.
 */

/** @type {import('fast-check').Arbitrary<HandOver>} */
export const handovers = /** @type {any} */ (
  fc.record({
    api: fc.constantFrom('web', 'duplex'),
    tls: fc.constantFrom('TLSv1.2', 'TLSv1.3'),
    greeting: fc.constantFrom(0, 0, 5, 100, 65_536),
    before: fc.array(written, { minLength: 1, maxLength: 4 }),
    awaits: fc.boolean(),
    early: fc.oneof(
      { weight: 5, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    silent: fc.oneof(
      { weight: 3, arbitrary: fc.constant(false) },
      { weight: 1, arbitrary: fc.constant(true) },
    ),
    reads: fc.boolean(),
    injected: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.oneof(plain, fc.constantFrom('alert', 'data')) },
    ),
    later: fc.integer({ min: 0, max: 3 }),
    after: fc.array(sizes, { maxLength: 4 }),
    back: fc.array(sizes, { maxLength: 4 }),
    cuts: fc.array(
      fc.record({
        size: fc.constantFrom(1, 2, 3, 5, 64, 1400, 16_389, 100_000),
        pause: fc.integer({ min: 0, max: 2 }),
      }),
      { maxLength: 4 },
    ),
    stalls: fc.constantFrom(0, 0, 1, 5, 20),
  })
);

/** @param {HandOver} handOver @param {import('./machine.mjs').Trust} trust */
export async function perform(handOver, trust) {
  const peer = await Peer.open({
    handshake: 'completes',
    contexts: trust.completes[handOver.tls],
    shape: shaper(handOver.cuts),
  });
  const limit = new AbortController();
  const late = sleep(DEADLINE_MS, undefined, { signal: limit.signal }).then(() =>
    Promise.reject(new Error('it hangs')),
  );
  late.catch(() => {});
  const client = clients[handOver.api](peer.port, trust);
  try {
    await Promise.race([converse(handOver, peer, client), late]);
  } finally {
    limit.abort();
    client.destroy();
    await peer.close();
  }
}

/** @param {HandOver} handOver @param {Peer} peer @param {ReturnType<typeof webClient>} client */
async function converse(
  { greeting, before, awaits, early, silent, reads, injected, later, after, back, stalls },
  peer,
  client,
) {
  const line = await peer.accepted;
  const asked = before.reduce((sum, size) => sum + size, 0);
  const intrusion = { before: false, within: false };
  const answered = answer(line, intrusion, { greeting, asked, early, silent, injected, later, stalls });
  answered.catch(() => {});
  if (greeting > 0) await client.read(greeting);
  let written = 0;
  const writes = [];
  for (const size of before) {
    const write = client.write(patternAt(written, size));
    write.catch(() => {});
    writes.push(write);
    written += size;
    if (awaits) await write;
  }
  if (!early && !silent) await client.read(ANSWER);
  // With an answer that nobody reads, or something behind it, there is plain text that could pass for encrypted.
  const tainted = (early && !silent) || injected !== 0;
  const secure = client.secure(reads);
  if (secure === undefined) {
    if (!tainted) throw new Error('startTls() throws although all has been read');
    return;
  }
  const sent = after.map((size, index) => secure.write(patternAt(sum(after.slice(0, index)), size)));
  for (const one of sent) one.catch(() => {});
  const received = secure.readAll();
  received.catch(() => {});
  const outcome = await secure.opened.then(() => '', wordOf);
  if (outcome === '' && intrusion.before && !client.hasRead(greeting + (early || silent ? 0 : ANSWER)))
    throw new Error('what came in plain text is followed by a handshake that succeeds');
  if (outcome !== '' && !tainted) throw new Error(`the handshake fails with ${outcome}`);
  if (outcome !== '' && !/^(ERR_TLS_|ECONNRESET)/.test(outcome))
    throw new Error(`plain text before the handshake is reported as ${outcome}`);
  for (const [index, one] of (await Promise.allSettled(writes)).entries()) {
    if (one.status === 'rejected' && !tainted)
      throw new Error(`write ${index} before startTls() rejects with ${wordOf(one.reason)}`);
  }
  if (outcome !== '') {
    await Promise.allSettled([...sent, received]);
    await secure.closed.catch(() => {});
    check(line, asked, true);
    return;
  }
  await answered;
  if (intrusion.within) {
    const ending = await received.then(({ length }) => `an end after ${length} bytes`, wordOf);
    if (!/^(ERR_TLS_|ECONNRESET)/.test(ending))
      throw new Error(`what was put between the records leads to ${ending}`);
    await Promise.allSettled(sent);
    await secure.closed;
    return;
  }
  // With TLS 1.3 the client is done before its peer. Node would end without close_notify until then.
  while (!line.secured) await sleep(1);
  for (const size of back) line.data(size);
  await Promise.all(sent);
  while (line.secret.length < sum(after)) await sleep(1);
  line.fin();
  const got = await received;
  if (got.wrongAt !== undefined || got.length !== sum(back))
    throw new Error(`${got.length} bytes of ${sum(back)} came over TLS, wrong from ${got.wrongAt}`);
  await secure.closed;
  while (line.end === 'open') await sleep(1);
  check(line, asked, false);
  if (line.secret.length !== sum(after))
    throw new Error(`the peer got ${line.secret.length} bytes of ${sum(after)} over TLS`);
}

/** @param {import('./peer.mjs').Line} line @param {number} asked @param {boolean} failed */
function check(line, asked, failed) {
  if (line.intruded) throw new Error('the peer was sent plain text where TLS was to be');
  for (const { wrongAt } of [line.plain, line.secret])
    if (wrongAt !== undefined) throw new Error(`the peer got something else from byte ${wrongAt} on`);
  if (line.plain.length > asked || (!failed && line.plain.length < asked))
    throw new Error(`the peer got ${line.plain.length} bytes of ${asked} in plain text`);
}

/** The peer's part up to TLS. @param {import('./peer.mjs').Line} line @param {{ before: boolean, within: boolean }} intrusion @param {any} handOver */
async function answer(line, intrusion, { greeting, asked, early, silent, injected, later, stalls }) {
  if (greeting > 0) line.data(greeting);
  // Who says nothing reads late, so that the client goes over to TLS before all is sent.
  while (!silent && line.plain.length < asked) await sleep(1);
  line.stall(stalls > 0);
  await turns(stalls);
  line.stall(false);
  const bytes = typeof injected === 'number' ? patternAt(0, injected) : forged[injected];
  const said = patternAt(line.sentPlain, ANSWER);
  // What comes when the peer has begun with TLS is between its records.
  const write = (/** @type {Buffer} */ chunk, /** @type {boolean} */ intrudes) => {
    if (intrudes) intrusion[line.tls ? 'within' : 'before'] = true;
    line.tcp.write(chunk);
  };
  const together = later === 0 && !silent;
  if (!silent) write(together ? Buffer.concat([said, bytes]) : said, early || (together && bytes.length > 0));
  if (together || bytes.length === 0) return;
  await turns(later);
  write(bytes, true);
}

/** @param {number} count */
async function turns(count) {
  for (let left = count; left > 0; left -= 1) await turn();
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
