/** Sockets that always find something to do: everybody else has a turn nevertheless, and the process may end. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { trustedAuthority } from './behaviour/trust.ts';
import { Peer, type Wire } from './behaviour/wire.ts';
import { slowness } from './fixtures/environment.mjs';
import { runNode } from './fixtures/node-process.mjs';

let peer: Peer;
let securePeer: Peer;
let trusted: string;
const block = new Uint8Array(1024 * 1024);

/** Sends without end, and takes everything. */
function flood({ stream }: Wire): void {
  const send = () => {
    while (!stream.destroyed && stream.write(block));
  };
  stream.on('drain', send).resume();
  send();
}

beforeAll(async () => {
  peer = await Peer.open();
  peer.onWire = flood;
  const authority = await trustedAuthority();
  const credentials = await authority.issue({ names: ['127.0.0.1'] });
  trusted = authority.file;
  securePeer = await Peer.open();
  securePeer.onWire = (wire) => void wire.secure({ credentials }).then(flood, () => {});
});
afterAll(async () => {
  await peer?.close();
  await securePeer?.close();
});

// In a process of its own: one whose timers starve could not even say so.
const run = (name: string) =>
  runNode(['__test__/fixtures/under-load.mjs', name, peer.address], {
    env: { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' },
    deadline: 10_000,
  });

test.each(['reading', 'writing', 'both'])(
  'timers run with 20 sockets under load: %s',
  async (name) => {
    const { code, stdout, stderr } = await run(name);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    // Of about a hundred. How many of them is a matter of the machine; none would be starvation.
    expect(Number(stdout)).toBeGreaterThanOrEqual(10 / slowness);
  },
  15_000,
);

// Who reads ahead has the next chunk ready before the last one has been dealt with.
test.each(['direct', 'ahead', 'thread'])(
  'timers run with a slow reader of bulk over TLS: %s',
  async (mode) => {
    const { code, stdout, stderr } = await runNode(['__test__/fixtures/io-timers.mjs', securePeer.address], {
      env: { WINTERSOCK_IO: mode, NODE_EXTRA_CA_CERTS: trusted },
      deadline: 10_000,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(Number(stdout)).toBeGreaterThanOrEqual(10 / slowness);
  },
  15_000,
);

test("a process ends although unref'd sockets read without end", async () => {
  expect(await run("unref'd")).toEqual({ code: 0, signal: null, stdout: 'over\n', stderr: '' });
}, 15_000);
