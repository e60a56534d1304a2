/** Workers that end while their sockets are at work: the process lives, and descriptors return. */
import { expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';

/** For each there are five activities: idle, reading, writing, connecting, handshaking; 20 sockets, half with TLS. */
const endings = ['terminate', 'exit', 'throw', 'return'];
const ACTIVITIES = 5;

/** How many rounds in each way of I/O: most where most sockets will be. */
const modes = { direct: 6, thread: 3, ahead: 1 };
const matrix = Object.entries(modes).flatMap(([mode, rounds]) =>
  endings.map((ending) => ({ ending, mode, rounds })),
);

test.each(matrix)(
  'workers that end by $ending, with 20 sockets at work, $rounds times in a row: $mode',
  async ({ ending, mode, rounds }) => {
    const script = '__test__/fixtures/worker-churn.mjs';
    const { code, signal, stdout, stderr } = await runNode([script, ending, String(rounds)], {
      env: { WINTERSOCK_IO: mode },
      deadline: 240_000,
    });
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ ended: rounds * ACTIVITIES, left: 0, own: 'still here' });
  },
  250_000,
);
