/** How connections end over a bad line: never with less than was sent, and never as if that were all. */
import assert from 'node:assert/strict';
import { chunks, KIB, MIB, Received, whole } from '../content.mjs';
import { echo, endsWell, endsWith, readAll, received, send, sendAll } from './serving.mjs';

/** Writes all at once, without waiting. @param {import('../wires.mjs').Wire} wire @param {number} size */
const pour = (wire, size) => Promise.allSettled([...chunks(size)].map((chunk) => wire.write(chunk)));

/** Reads until it breaks. What had come before, and the code. @param {import('../wires.mjs').Wire} wire */
async function readToBreak(wire) {
  const all = new Received();
  try {
    for (let chunk = await wire.read(); chunk; chunk = await wire.read()) all.add(chunk);
    return { all, code: 'end' };
  } catch (error) {
    return { all, code: error.code, error };
  }
}

/** Writes and closes at once. @param {object} job @param {object} [change] */
export async function closesInFlight({ open, within, seen, size }, change) {
  const wire = open(change);
  await within(wire.opened, 'opened');
  const written = pour(wire, size);
  await within(wire.close(), 'close()');
  for (const { reason } of await within(written, 'the writes')) if (reason) throw reason;
  await within(endsWell(wire), 'the end');
  const [peer] = await seen();
  assert.deepEqual({ sum: peer.sum, ended: peer.ended }, { sum: whole(size), ended: 'end' });
}

export const ends = [
  {
    name: 'close() with data in flight',
    says: 'all that was written reaches the peer, and then the end',
    on: ['far', 'lossy', 'bad', 'slow'],
    quick: ['bad'],
    size: { full: 96 * KIB, quick: 64 * KIB },
    serve: received,
    run: (job) => closesInFlight(job),
  },
  {
    name: 'close() towards a peer that talks',
    says: 'the peer answers while what was written is under way: it has all of it',
    on: ['narrow'],
    quick: ['narrow'],
    // As much as the system takes at once; the line carries that of all connections in some seconds.
    size: { full: 32 * KIB, quick: 32 * KIB },
    serve: echo,
    run: (job) => closesInFlight(job),
  },
  {
    name: 'close() with more than a second takes',
    says: 'close() gives up; the writes that were cut short reject, and the peer gets a reset and not an end',
    promises: 1000,
    on: ['slow'],
    quick: ['slow'],
    apis: ['connect()'],
    size: { full: 8 * MIB, quick: 8 * MIB },
    serve: received,
    async run({ open, within, seen, ends: sent, size }) {
      const wire = open();
      await within(wire.opened, 'opened');
      const begun = performance.now();
      const written = pour(wire, size);
      await within(wire.close(), 'close()');
      const ms = performance.now() - begun;
      const reasons = (await within(written, 'the writes')).flatMap(({ reason }) => reason ?? []);
      assert.ok(reasons.length > 0, 'all writes resolved');
      for (const { code } of reasons) assert.equal(code, 'ERR_SOCKET_CLOSED');
      const [peer] = await seen();
      assert.ok(peer.bytes < size, 'all of it came');
      // Node may take a reset for the end, so the line is asked.
      const { finsUp = 0, resetsUp = 1 } = await sent();
      assert.equal(finsUp, 0, 'an end was sent');
      assert.ok(resetsUp > 0, 'no reset was sent');
      return { ms };
    },
  },
  {
    name: 'half-close',
    says: 'the peer answers after our end; all of the answer comes',
    on: ['far', 'bad'],
    quick: ['bad'],
    size: { full: MIB, quick: 256 * KIB },
    async serve(socket, { size }) {
      const seen = await received(socket);
      await send(socket, size);
      socket.end();
      return seen;
    },
    async run({ open, within, seen, size }) {
      const wire = open({ allowHalfOpen: true });
      await within(wire.opened, 'opened');
      await within(sendAll(wire, 64 * KIB), 'the request');
      await within(wire.end(), 'the end of this side');
      assert.equal(await within(readAll(wire), 'the answer'), whole(size));
      await within(endsWell(wire), 'the end');
      const [peer] = await seen();
      assert.deepEqual({ sum: peer.sum, ended: peer.ended }, { sum: whole(64 * KIB), ended: 'end' });
    },
  },
  {
    name: 'the FINs are lost',
    says: 'they are sent again, and both sides end well',
    on: ['far'],
    quick: [],
    turns: { loses: { line: () => ['drop up fin 2 down fin 2'] } },
    async serve(socket) {
      const seen = await received(socket);
      socket.end('bye');
      return seen;
    },
    async run({ open, turn, within, seen }) {
      await turn('loses');
      const wire = open({ allowHalfOpen: true });
      await within(wire.opened, 'opened');
      await within(wire.write(Buffer.from('hello')), 'a write');
      await within(wire.end(), 'the end of this side');
      assert.equal(String(await within(wire.read(), 'the answer')), 'bye');
      assert.equal(await within(wire.read(), 'the peer’s end'), undefined);
      await within(endsWell(wire), 'the end');
      const [peer] = await seen();
      assert.equal(peer.ended, 'end');
    },
  },
  {
    name: 'a reset in a download',
    says: 'what had come is read, then ECONNRESET; no end',
    on: ['far'],
    quick: ['far'],
    size: { full: MIB, quick: 256 * KIB },
    // A peer that is gone: what it had not sent is lost.
    turns: { dies: { peer: 'reset' } },
    serve: (socket, { size }) => send(socket, size),
    async run({ open, turn, within, size }) {
      const wire = open();
      await within(wire.opened, 'opened');
      await within(readAll(wire, size / 2), 'the first half');
      await turn('dies');
      const { all, code, error } = await within(readToBreak(wire), 'the rest');
      assert.ok(all.bytes <= size / 2, 'more came than was sent');
      if (code !== 'ECONNRESET') throw error ?? new Error(`it ended with ${code}`);
      await within(endsWith(wire, 'ECONNRESET'), 'the end');
    },
  },
  {
    name: 'TLS cut off',
    says: 'a FIN without close_notify: all that came is read, then ERR_TLS_TRUNCATED',
    on: ['bad'],
    quick: ['bad'],
    // Of the others it is an end like any other, as in node:tls: docs/drivers.md.
    apis: ['connect()'],
    securities: ['on', 'starttls'],
    size: { full: MIB, quick: 128 * KIB },
    async serve(secure, { size, socket }) {
      const seen = received(secure);
      await send(secure, size);
      // With an empty write all before it is in the hands of the system.
      await new Promise((resolve) => secure.write('', resolve));
      socket.end();
      return seen;
    },
    async run({ open, within, size }) {
      const wire = open();
      await within(wire.opened, 'opened');
      const { all, code, error } = await within(readToBreak(wire), 'the download');
      if (code !== 'ERR_TLS_TRUNCATED') throw error ?? new Error(`it ended with ${code}, after ${all.sum()}`);
      assert.equal(all.sum(), whole(size));
      await within(wire.close(), 'close()');
    },
  },
];
