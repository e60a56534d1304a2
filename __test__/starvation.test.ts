/** Sockets that always find something to do: everybody else has a turn nevertheless, and the process may end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Peer, type Wire } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';

let peer: Peer;
const block = new Uint8Array(1024 * 1024);

/** Sends without end, and takes everything. */
function flood({ tcp }: Wire): void {
  const send = () => {
    while (!tcp.destroyed && tcp.write(block));
  };
  tcp.on('drain', send).resume();
  send();
}

beforeAll(async () => {
  peer = await Peer.open();
  peer.onWire = flood;
});
afterAll(() => peer?.close());

// In a process of its own: one whose timers starve could not even say so.
const run = (name: string) =>
  runNode(['__test__/fixtures/under-load.mjs', name, peer.address], { deadline: 10_000 });

test.each(['reading', 'writing', 'both'])(
  'timers run with 20 sockets under load: %s',
  async (name) => {
    const { code, stdout, stderr } = await run(name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Of about a hundred. How many of them is a matter of the machine; none would be starvation.
    expect(Number(stdout)).toBeGreaterThanOrEqual(10);
  },
  15_000,
);

test("a process ends although unref'd sockets read without end", async () => {
  expect(await run("unref'd")).toEqual({ code: 0, signal: null, stdout: 'over\n', stderr: '' });
}, 15_000);
