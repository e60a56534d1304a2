/** A line that is cut and heals, or gets narrower: everything comes after all. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { KIB, MIB, whole } from '../content.mjs';
import { cut, heal } from '../line.mjs';
import { endsWell, readOn, received, send, sendAll } from './serving.mjs';

/** Both ways at once, and at a quarter of it something happens to the line for so many ms. */
function transfer(name, says, disturb, { quick = [], ms: lasts = 1000 } = {}) {
  return {
    name,
    says,
    // Slow enough that all are under way when it happens to the line.
    on: ['slow'],
    quick,
    size: { full: 2 * MIB, quick: 512 * KIB },
    turns: { disturb, heal },
    async serve(socket, { size }) {
      const seen = received(socket);
      await send(socket, size);
      socket.end();
      return seen;
    },
    async run({ open, turn, within, seen, size }) {
      const wire = open({ allowHalfOpen: true });
      await within(wire.opened, 'opened');
      const sent = sendAll(wire, size).then(() => wire.end());
      const read = async () => {
        const first = await readOn(wire, size / 4);
        await turn('disturb');
        await sleep(lasts);
        await turn('heal');
        const healed = performance.now();
        return { sum: (await readOn(wire, undefined, first)).sum(), ms: performance.now() - healed };
      };
      const [{ sum, ms }] = await within(Promise.all([read(), sent]), 'the transfer');
      assert.equal(sum, whole(size));
      const [peer] = await seen();
      assert.deepEqual({ sum: peer.sum, ended: peer.ended }, { sum: whole(size), ended: 'end' });
      await within(endsWell(wire), 'the end');
      return { ms };
    },
  };
}

export const outages = [
  transfer('cut, and healed', 'for a second: all comes after all', cut, { quick: ['slow'] }),
  transfer(
    'called unreachable, and healed',
    'a router says so for half a second: an open connection survives it',
    { line: () => ['refuse both host'] },
    { ms: 500, quick: ['slow'] },
  ),
  transfer(
    'the MTU shrinks',
    'to 1,280 bytes, and the sender is told: all comes',
    { line: (members) => [`line both ${members} mtu=1280`] },
    { ms: 500, quick: ['slow'] },
  ),
];
