/** Sockets from which nobody reads: that the peer ends or resets is noticed all the same, and nothing waits for ever. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { everyTransport, Scene, secured, type Trust } from './behaviour/scene.ts';
import { ending } from './behaviour/settlement.ts';
import { stage, trustForTests } from './behaviour/stage.ts';
import { Peer } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';

let trust: Trust;
let before: number;
const strays = strayRejections();

beforeAll(async () => {
  trust = await trustForTests();
  await using peer = await Peer.open();
  await (await new Scene('plain', trust).reach('idle', peer)).socket.close();
  before = openSockets();
});

describe('cancelled before the connection is open, then RST: closed resolves', () => {
  test('plain', async () => {
    await using peer = await Peer.open();
    const scene = new Scene('plain', trust).dial(peer.address);
    const cancelled = scene.reader.cancel();
    const wire = await peer.wire();
    await scene.socket.opened;
    await cancelled;
    wire.reset();
    expect(await ending(scene.socket.closed)).toBe('resolves');
  });

  test.each(secured)('%s', async (transport) => {
    await using at = await stage(trust, transport, 'handshake');
    const { scene, wire } = at;
    await scene.reader.cancel();
    await scene.answer();
    await scene.socket.opened;
    wire.reset();
    expect(await ending(scene.socket.closed)).toBe('resolves');
  });
});

describe.each(everyTransport)('%s', (transport) => {
  test('cancelled, then data and an end: the data stops nobody, and the socket ends', async () => {
    await using at = await stage(trust, transport);
    const { scene, wire } = at;
    await scene.reader.cancel();
    const ended = once(wire.tcp, 'end');
    wire.stream.write(new Uint8Array(16 * 1024 * 1024));
    wire.end();
    wire.listen();
    expect(await ending(scene.socket.closed)).toBe('resolves');
    await ended;
    expect(await ending(scene.writer.write('late'))).toBe('ERR_SOCKET_CLOSED');
  });

  test('a write is told of RST while data lies unread: closed resolves, and reads do not end properly', async () => {
    await using at = await stage(trust, transport);
    const { scene, wire } = at;
    wire.stream.write('unread');
    await sleep(50);
    wire.reset();
    const told = async (): Promise<string> => {
      for (let round = 0; round < 100; round += 1) {
        const word = await ending(scene.writer.write('x'));
        if (word !== 'resolves') return word;
        await sleep(5);
      }
      return 'it was told of nothing';
    };
    expect(await told()).toBe('ECONNRESET');
    expect(await ending(scene.socket.closed)).toBe('resolves');
    // What arrived may be there or not: not every system keeps it.
    let last = await ending(scene.reader.read());
    if (last === 'resolves') last = await ending(scene.reader.read());
    expect(last).toBe('ECONNRESET');
  });
});

test.each(secured)('%s: RST while TLS holds what was written', async (transport) => {
  const fill = async (most: number) => {
    const at = await stage(trust, transport);
    const { scene, wire } = at;
    wire.deaf();
    await scene.reader.cancel();
    let taken = 0;
    for (; taken < most; taken += 1) {
      const write = scene.writer.write(new Uint8Array(16_000));
      write.catch(() => {});
      if (await Promise.race([write.then(() => false), sleep(300, true)])) break;
    }
    return Object.assign(at, { taken });
  };
  // How much is taken; and then no more than that, so that no write waits which could be told.
  await using full = await fill(5000);
  await using at = await fill(full.taken);
  at.wire.reset();
  expect(await ending(at.scene.socket.closed)).toBe('resolves');
});

// Needs a network of its own, in which nothing arrives any more: Linux, and the right to have one.
const ownNetwork = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
test.runIf(ownNetwork)(
  'a write is told that the peer is silent for too long: reads do not end properly',
  async () => {
    const setup = 'ip link set lo up; echo 2 > /proc/sys/net/ipv4/tcp_retries2';
    const shell = `${setup}; exec "$0" __test__/fixtures/silenced.mjs`;
    const { stdout, stderr } = await runNode(['-rn', 'sh', '-c', shell, process.execPath], {
      node: 'unshare',
      deadline: 20_000,
    });
    expect(stderr).toBe('');
    const { write, reads, closed } = JSON.parse(stdout);
    expect(write).toBe('ETIMEDOUT');
    expect(reads).toEqual(['unread', 'ETIMEDOUT']);
    expect(closed).toBe('resolves');
  },
  25_000,
);

test('nothing of this is left', async () => {
  await openSocketsReturnTo(before);
  expect(strays).toEqual([]);
});
