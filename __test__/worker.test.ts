/** Workers that end while their sockets are at work: the process lives, and descriptors return. */
import { expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';

/** For each there are five activities: idle, reading, writing, connecting, handshaking; 20 sockets, half with TLS. */
const endings = ['terminate', 'exit', 'throw', 'return'];
const ROUNDS = 10;
const ACTIVITIES = 5;

test.each(endings)(
  'a worker that ends by %s, with 20 sockets at work, ten times in a row',
  async (ending) => {
    const script = '__test__/fixtures/worker-churn.mjs';
    const { code, signal, stdout, stderr } = await runNode([script, ending, String(ROUNDS)], {
      deadline: 60_000,
    });
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ ended: ROUNDS * ACTIVITIES, left: 0, own: 'still here' });
  },
  70_000,
);
