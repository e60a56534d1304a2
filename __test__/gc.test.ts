/** Garbage collection: sockets that nobody holds or waits for are closed by it, others are not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Peer, type Wire } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';
import { Surroundings } from './soak/surroundings.mjs';

let peer: Peer;

/** Says "go", says "later" after a while, then reads, and ends after a while. */
function serve(wire: Wire): void {
  wire.tcp.write('go');
  setTimeout(() => {
    wire.tcp.write('later');
    wire.drain();
  }, 400);
  setTimeout(() => wire.end(), 1000);
}

beforeAll(async () => {
  peer = await Peer.open();
});
afterAll(() => peer?.close());

async function run(name: string, to: (wire: Wire) => void, count = 1): Promise<unknown> {
  peer.onWire = to;
  const args = ['--expose-gc', '__test__/fixtures/collected.mjs', name, peer.address, String(count)];
  const { code, signal, stdout, stderr } = await runNode(args, { deadline: 20_000 });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

const greet = ({ tcp }: Wire) => void tcp.write('go');

// Only Linux tells how many descriptors a process has.
describe.runIf(process.platform === 'linux')('descriptors', () => {
  const THOUSAND = 1000;
  /** Of these, each costs more time than it tells. */
  const SOME = 200;
  let around: Surroundings;
  beforeAll(async () => {
    around = await Surroundings.open();
  }, 60_000);
  afterAll(() => around?.close());

  test.each([
    ['web streams', THOUSAND],
    ['web streams, TLS', THOUSAND],
    ['web streams, StartTLS', SOME],
    ['web streams, half of them of a binding', THOUSAND],
    ['web streams, each of a binding of its own', SOME],
    ['web streams with every limit and a signal', THOUSAND],
    ['web streams with every limit and a signal, TLS', SOME],
    ['web streams that have ended our side', SOME],
    ['web streams with a read that was cancelled', SOME],
    ['duplexes that were destroyed', THOUSAND],
    ['duplexes that were destroyed, TLS', SOME],
  ])(
    'return within two seconds, and so do objects and timers: dropped %s',
    async (kind, count) => {
      const told: unknown[] = [];
      const io = process.env['WINTERSOCK_IO'];
      await around.run('dropped.mjs', { kind, count }, { io, seconds: 100 }, (line) => told.push(line));
      expect(told).toEqual([{ opened: count, left: 0, alive: 0, timers: 0 }]);
    },
    120_000,
  );

  test('return also where all sockets had one signal that lives on', async () => {
    const counted = await run('dropped, with one signal for all', greet, 200);
    expect(counted).toEqual({ opened: 200, left: 0, aborted: false });
  }, 30_000);

  test('return also where each socket had a signal with a listener that has the socket', async () => {
    const counted = await run('dropped, with signals that lead back to them', greet, 200);
    expect(counted).toEqual({ opened: 200, left: 0 });
  }, 30_000);

  test('of sockets that nobody ever looked at return', async () => {
    expect(await run('never looked at', greet, 200)).toEqual({ opened: 200, left: 0 });
  }, 30_000);
});

describe('not collected is a socket', () => {
  test.each([
    ['a read is pending', 'later'],
    ['a write is pending', 'written'],
    ['only the readable is held', 'later'],
    ['only a writer is held', 'written'],
  ])(
    'of which %s',
    async (name, result) => {
      expect(await run(name, serve)).toBe(result);
    },
    30_000,
  );
});

test('not collected is a socket whose closed is awaited', async () => {
  const end = (wire: Wire) => {
    wire.tcp.write('go');
    setTimeout(() => wire.end(), 600);
  };
  expect(await run('closed is awaited', end)).toBe('closed');
}, 30_000);

test('a process with nothing but collected sockets ends', async () => {
  expect(await run('nothing but what was collected', greet, 20)).toBe('done');
}, 30_000);
