/** A line that is cut for good, and peers that die: an end in time, with the right code. */
import assert from 'node:assert/strict';
import { chunks, KIB, MIB } from '../content.mjs';
import { cut, heal } from '../line.mjs';
import { echo, endsWell, endsWith, fails, readOn, received, send, sendAll } from './serving.mjs';

const ours = ['connect()', 'wintersock/node'];

/** A connection over which a few bytes have gone there and back. */
async function opened({ open, within }, change) {
  const wire = open(change);
  await within(wire.opened, 'opened');
  await within(wire.write(Buffer.from('hello')), 'a write');
  assert.equal(String(await within(wire.read(), 'the answer')), 'hello');
  return wire;
}

/** Writes until that fails, with the code, or (but for connect()) with that of a stream that was destroyed in the meantime. */
function writeOn(wire, api, code) {
  const write = async () => {
    for (;;) for (const chunk of chunks(MIB)) await wire.write(chunk);
  };
  return fails(write(), code, ...(api === 'connect()' ? [] : ['ERR_STREAM_DESTROYED']));
}

/** Writes to a peer that is gone. It may be known already: then the write fails. */
async function asks(wire) {
  const { code } = await wire.write(Buffer.from('are you there?')).then(
    () => ({ code: 'ECONNRESET' }),
    (error) => error,
  );
  assert.ok(['ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(code), code);
}

export const silences = [
  {
    name: 'cut, and nothing is said',
    says: '`idleTimeout` of 2,000 ms: ERR_IDLE_TIMEOUT',
    promises: 2000,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    turns: { cut },
    serve: echo,
    async run(job) {
      const wire = await opened(job, { config: { idleTimeout: 2000 } });
      const begun = performance.now();
      const read = fails(wire.read(), 'ERR_IDLE_TIMEOUT');
      await job.turn('cut');
      await job.within(read, 'the read');
      await job.within(endsWith(wire, 'ERR_IDLE_TIMEOUT'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut while data is sent',
    says: 'the system gives up (here after seconds): ETIMEDOUT, for reads and writes',
    on: ['far'],
    quick: ['far'],
    impatient: true,
    turns: { cut },
    serve: received,
    async run({ open, turn, within, api }) {
      const wire = open();
      await within(wire.opened, 'opened');
      const written = writeOn(wire, api, 'ETIMEDOUT');
      const read = fails(wire.read(), 'ETIMEDOUT');
      const begun = await turn('cut');
      await within(Promise.all([written, read]), 'the deadline of the system');
      await within(endsWith(wire, 'ETIMEDOUT'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut after our end',
    says: 'more than the system takes, then the end: when the system gives up, the end rejects with ETIMEDOUT',
    on: ['far'],
    quick: [],
    apis: ['connect()'],
    impatient: true,
    turns: { cut },
    serve: received,
    async run({ open, turn, within }) {
      const wire = open({ allowHalfOpen: true });
      await within(wire.opened, 'opened');
      await turn('cut');
      const begun = performance.now();
      const written = [...chunks(8 * MIB)].map((chunk) => wire.write(chunk));
      const ended = fails(wire.end(), 'ETIMEDOUT');
      const last = fails(written.at(-1), 'ETIMEDOUT');
      await within(Promise.all([last, ended, Promise.allSettled(written)]), 'the deadline of the system');
      await within(wire.ended, 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut after the peer’s end',
    says: 'what is queued cannot be sent any more: when the system gives up, the writes reject and the socket is closed',
    on: ['far'],
    quick: [],
    apis: ['connect()'],
    impatient: true,
    turns: { cut },
    async serve(socket) {
      // It reads nothing, so that much is queued when its end comes.
      socket.end('bye');
    },
    async run({ open, turn, within }) {
      const wire = open();
      await within(wire.opened, 'opened');
      const written = [...chunks(16 * MIB)].map((chunk) => wire.write(chunk));
      const last = fails(written.at(-1), 'ETIMEDOUT');
      assert.equal(String(await within(wire.read(), 'the answer')), 'bye');
      await turn('cut');
      const begun = performance.now();
      assert.equal(await within(wire.read(), 'the peer’s end'), undefined);
      await within(Promise.all([last, Promise.allSettled(written)]), 'the writes');
      await within(wire.ended, 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut in a download',
    says: 'much has come; then `idleTimeout` of 2,000 ms, or a signal: what had come is read, no end',
    promises: 2000,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    turns: { cut },
    serve: (socket) => send(socket, 64 * MIB),
    async run({ open, turn, within, api }) {
      const abort = new AbortController();
      const idle = open({ config: { idleTimeout: 2000 } });
      const aborted = open({ signal: abort.signal });
      await within(Promise.all([idle.opened, aborted.opened]), 'opened');
      const all = await within(
        Promise.all([idle, aborted].map((wire) => readOn(wire, 256 * KIB))),
        'the first data',
      );
      const begun = await turn('cut');
      const ended = fails(readOn(idle, undefined, all[0]), 'ERR_IDLE_TIMEOUT');
      const reason = new Error('enough');
      const stopped = readOn(aborted, undefined, all[1]).then(assert.fail, (error) => error);
      setTimeout(() => abort.abort(reason), 500);
      const error = await within(stopped, 'the signal');
      if (api === 'connect()') assert.equal(error, reason);
      else assert.equal(error.code, 'ABORT_ERR');
      await within(ended, 'the deadline');
      await within(endsWith(idle, 'ERR_IDLE_TIMEOUT'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut, and the system probes',
    says: '`keepAlive`, a probe after a second, two of them a second apart: ETIMEDOUT',
    promises: 3000,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    turns: { cut },
    serve: echo,
    async run(job) {
      const wire = await opened(job, { config: { keepAlive: { idle: 1000, interval: 1000, count: 2 } } });
      const begun = performance.now();
      const read = fails(wire.read(), 'ETIMEDOUT');
      await job.turn('cut');
      await job.within(read, 'the read');
      await job.within(endsWith(wire, 'ETIMEDOUT'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut after the peer’s end, and the system probes',
    says: '`keepAlive` as above, with `allowHalfOpen`, and nothing is written: ETIMEDOUT',
    promises: 3000,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    turns: { cut },
    async serve(socket) {
      socket.end('bye');
    },
    async run({ open, turn, within }) {
      const config = { keepAlive: { idle: 1000, interval: 1000, count: 2 } };
      const wire = open({ config, allowHalfOpen: true });
      await within(wire.opened, 'opened');
      assert.equal(String(await within(wire.read(), 'the answer')), 'bye');
      assert.equal(await within(wire.read(), 'the peer’s end'), undefined);
      const begun = performance.now();
      await turn('cut');
      await within(endsWith(wire, 'ETIMEDOUT'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut, and the signal is aborted',
    says: 'at once, with its reason',
    promises: 0,
    on: ['far'],
    quick: ['far'],
    apis: ours,
    turns: { cut },
    serve: echo,
    async run(job) {
      const abort = new AbortController();
      const wire = await opened(job, { signal: abort.signal });
      const read = wire.read().then(assert.fail, (error) => error);
      const begun = await job.turn('cut');
      const reason = new Error('enough');
      abort.abort(reason);
      const error = await job.within(read, 'the read');
      if (job.api === 'connect()') assert.equal(error, reason);
      else assert.equal(error.code, 'ABORT_ERR');
      await job.within(wire.ended, 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'cut, and closed',
    says: '`closed` resolves within the second that close() has, also with more to send than the system takes',
    promises: 1000,
    on: ['far'],
    quick: ['far'],
    apis: ['connect()'],
    turns: { cut },
    serve: echo,
    async run(job) {
      const [few, many] = [await opened(job), await opened(job)];
      const begun = await job.turn('cut');
      const [little, much] = [few.write(Buffer.alloc(KIB)), sendAll(many, 8 * MIB)];
      const lost = fails(much, 'ERR_SOCKET_CLOSED');
      await job.within(little, 'the write');
      await job.within(Promise.all([few.close(), many.close()]), 'close()');
      const ms = performance.now() - begun;
      await job.within(lost, 'the writes');
      await job.within(Promise.all([endsWell(few), endsWell(many)]), 'the end');
      return { ms };
    },
  },
  {
    name: 'the peer’s RST is lost',
    says: 'the next write brings another: ECONNRESET',
    on: ['far'],
    quick: ['far'],
    turns: { dies: { line: () => ['drop down rst 1'], peer: 'reset' } },
    serve: echo,
    async run(job) {
      const wire = await opened(job);
      const read = fails(wire.read(), 'ECONNRESET');
      const begun = await job.turn('dies');
      await job.within(asks(wire), 'the write');
      await job.within(read, 'the read');
      await job.within(endsWith(wire, 'ECONNRESET'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'the peer dies while the line is cut',
    says: 'when it heals, the next write brings the RST: ECONNRESET',
    on: ['far'],
    quick: [],
    turns: { dies: { line: cut.line, peer: 'reset' }, heal },
    serve: echo,
    async run(job) {
      const wire = await opened(job);
      const read = fails(wire.read(), 'ECONNRESET');
      await job.turn('dies');
      const begun = await job.turn('heal');
      await job.within(asks(wire), 'the write');
      await job.within(read, 'the read');
      await job.within(endsWith(wire, 'ECONNRESET'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
  {
    name: 'the MTU shrinks, and nobody tells',
    says: 'nothing goes through any more: `idleTimeout` of 2,000 ms: ERR_IDLE_TIMEOUT',
    promises: 2000,
    on: ['far'],
    quick: [],
    apis: ours,
    turns: { shrinks: { line: (members) => [`line both ${members} mtu=1280 silent=true`] } },
    serve: received,
    async run({ open, turn, within, api }) {
      const wire = open({ config: { idleTimeout: 2000 } });
      await within(wire.opened, 'opened');
      const written = writeOn(wire, api, 'ERR_IDLE_TIMEOUT');
      const begun = await turn('shrinks');
      await within(written, 'the writes');
      await within(endsWith(wire, 'ERR_IDLE_TIMEOUT'), 'the end');
      return { ms: performance.now() - begun };
    },
  },
];
