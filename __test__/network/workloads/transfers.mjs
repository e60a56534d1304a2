/** Workloads that a line makes slow, and nothing else: all has to come, as it was sent. */
import assert from 'node:assert/strict';
import { KIB, MIB, whole } from '../content.mjs';
import { addresses } from '../line.mjs';
import { echo, endsWell, readAll, received, send, sendAll } from './serving.mjs';

/** Sends, ends, and receives all the while. */
export async function sendsAndReceives(socket, { size }) {
  const seen = received(socket);
  await send(socket, size);
  socket.end();
  return seen;
}

/** The same from this side, and all is as it was sent. @param {object} job @param {object} [change] */
export async function bothWays({ open, within, seen, size }, change) {
  const wire = open({ allowHalfOpen: true, ...change });
  await within(wire.opened, 'opened');
  const begun = performance.now();
  const sent = sendAll(wire, size).then(() => wire.end());
  const [sum] = await within(Promise.all([readAll(wire), sent]), 'the transfer');
  const [peer] = await seen();
  const ms = performance.now() - begun;
  assert.equal(sum, whole(size));
  assert.deepEqual({ sum: peer.sum, ended: peer.ended }, { sum: whole(size), ended: 'end' });
  await within(endsWell(wire), 'the end');
  return { ms };
}

const everywhere = ['far', 'lossy', 'bad', 'slow'];

export const transfers = [
  {
    name: 'round trips',
    says: 'requests of 1 to 1,460 bytes, each answered before the next',
    on: ['far', 'lossy', 'bad'],
    quick: ['bad'],
    size: { full: 100, quick: 25 },
    serve: echo,
    async run({ open, within, size }) {
      const wire = open();
      await within(wire.opened, 'opened');
      const begun = performance.now();
      for (let turn = 0; turn < size; turn += 1) {
        const request = Buffer.alloc(1 + ((turn * 211) % 1460), turn);
        await within(wire.write(request), 'a write');
        let answer = Buffer.alloc(0);
        while (answer.length < request.length) {
          const chunk = await within(wire.read(), `answer ${turn}`);
          assert.ok(chunk, `the end came in place of answer ${turn}`);
          answer = Buffer.concat([answer, chunk]);
        }
        assert.ok(answer.equals(request), `answer ${turn} is another`);
      }
      const ms = performance.now() - begun;
      await within(wire.close(), 'close()');
      await within(endsWell(wire), 'the end');
      return { ms };
    },
  },
  {
    name: 'upload',
    says: 'sent, the side ended, and the peer has all of it',
    on: everywhere,
    quick: ['bad'],
    size: { full: 8 * MIB, quick: MIB },
    async serve(socket) {
      const seen = await received(socket);
      socket.end(seen.sum);
      return seen;
    },
    async run({ open, within, seen, size }) {
      const wire = open({ allowHalfOpen: true });
      await within(wire.opened, 'opened');
      const begun = performance.now();
      await within(sendAll(wire, size), 'the transfer');
      await within(wire.end(), 'the end of this side');
      let answer = '';
      for (let chunk = await within(wire.read(), 'the answer'); chunk; chunk = await wire.read())
        answer += chunk;
      const ms = performance.now() - begun;
      assert.equal(answer, whole(size));
      await within(endsWell(wire), 'the end');
      const [peer] = await seen();
      assert.deepEqual({ sum: peer.sum, ended: peer.ended }, { sum: whole(size), ended: 'end' });
      return { ms };
    },
  },
  {
    name: 'download',
    says: 'the peer sends, and ends',
    on: everywhere,
    quick: ['bad'],
    size: { full: 8 * MIB, quick: MIB },
    serve: sendsAndReceives,
    async run({ open, within, seen, size }) {
      const wire = open();
      await within(wire.opened, 'opened');
      const begun = performance.now();
      assert.equal(await within(readAll(wire), 'the transfer'), whole(size));
      const ms = performance.now() - begun;
      await within(endsWell(wire), 'the end');
      const [peer] = await seen();
      assert.equal(peer.ended, 'end');
      return { ms };
    },
  },
  {
    name: 'both ways at once',
    says: 'each side sends and receives at the same time, and ends when it has sent',
    on: everywhere,
    quick: ['bad'],
    size: { full: 4 * MIB, quick: 512 * KIB },
    serve: sendsAndReceives,
    run: (job) => bothWays(job),
  },
  {
    name: 'many connections',
    says: 'at a time, 16 KiB there and back on each',
    on: ['far', 'bad'],
    quick: ['bad'],
    size: { full: 40, quick: 12 },
    serve: echo,
    async run({ open, within, size }) {
      const one = async () => {
        const wire = open();
        await within(wire.opened, 'opened');
        const [sum] = await within(
          Promise.all([readAll(wire, 16 * KIB), sendAll(wire, 16 * KIB)]),
          'the transfer',
        );
        assert.equal(sum, whole(16 * KIB));
        await within(wire.close(), 'close()');
        await within(endsWell(wire), 'the end');
      };
      await Promise.all(Array.from({ length: size }, one));
    },
  },
];

/** Not measured: the first connection of a process brings much that later ones find. */
export const warmUp = {
  name: 'warm-up',
  says: '',
  on: [],
  quick: [],
  serve: echo,
  async run({ open, within }) {
    const wire = open({ host: 'line.test', hosts: [addresses.v4] });
    await within(wire.opened, 'opened');
    await within(Promise.all([readAll(wire, KIB), sendAll(wire, KIB)]), 'the transfer');
    await within(wire.close(), 'close()');
  },
};
