/**
 * Workers that end while their sockets are at work, on every system: each ends as told, the peers see the end of each connection, the process
 * goes on, prints nothing and ends by itself. `npm run test:teardown` does far more, where there is Linux.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Portable } from './teardown/portable.mjs';

/** A process has a minute, its peers have ten seconds. */
const DEADLINE_MS = 75_000 * Number(process.env['WINTERSOCK_SLOWNESS'] || 1);

let around: Portable;
beforeAll(async () => {
  around = await Portable.open();
});
afterAll(() => around.close());

// Two endings in each of them: terminate() and process.exit(); an error and a rejection; by itself, and terminate() again.
describe.each([0, 1, 2])('round %i', (round) => {
  test.each(['workers, idle', 'workers, reading', 'workers, writing'])(
    '%s',
    async (name) => expect(await around.run(name, round)).toEqual([]),
    DEADLINE_MS,
  );
});

test(
  'a process with workers at work',
  async () => expect(await around.run('the process, workers at work', 1)).toEqual([]),
  DEADLINE_MS,
);
