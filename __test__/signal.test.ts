/** One signal for many sockets, such as that of a shutdown: it ends all of them, and does not notice how many there are. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Socket } from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { liveBytes } from './behaviour/memory.ts';
import { ending } from './behaviour/settlement.ts';
import { Peer } from './behaviour/wire.ts';

const MANY = 30;
const strays = strayRejections();
const warnings: Error[] = [];
const collect = (warning: Error) => warnings.push(warning);
let peer: Peer;

beforeAll(async () => {
  process.on('warning', collect);
  peer = await Peer.open();
  peer.onWire = (wire) => void wire.drain();
});
afterAll(async () => {
  process.off('warning', collect);
  await peer?.close();
});

const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;

async function open(signal: AbortSignal): Promise<Socket[]> {
  const sockets = Array.from({ length: MANY }, () => connect(peer.address, { signal }));
  await Promise.all(sockets.map(({ opened }) => opened));
  return sockets;
}

test('aborting ends all of them with its reason', async () => {
  const abort = new AbortController();
  const sockets = await open(abort.signal);
  const reads = sockets.map(({ readable }) => readable.getReader().read());
  const reason = new Error('shutdown');
  abort.abort(reason);
  for (const read of reads) await expect(read).rejects.toBe(reason);
  for (const { closed } of sockets) expect(await ending(closed)).toBe('resolves');
});

test('a socket that has closed before is left alone, the others are ended', async () => {
  const abort = new AbortController();
  const [first, ...others] = await open(abort.signal);
  const read = first?.readable.getReader().read();
  await first?.close();
  abort.abort(new Error('shutdown'));
  expect(await read).toEqual({ done: true, value: undefined });
  for (const { readable } of others) await expect(readable.getReader().read()).rejects.toThrow('shutdown');
});

test('it has one listener, and none after the last socket; Node warns of nothing', async () => {
  const { signal } = new AbortController();
  const sockets = await open(signal);
  expect(listeners(signal)).toBe(1);
  await Promise.all(sockets.map((socket) => socket.close()));
  expect(listeners(signal)).toBe(0);
  expect(warnings).toEqual([]);
});

test('sockets that were collected leave no listener', async () => {
  const { signal } = new AbortController();
  await open(signal).then(() => undefined);
  for (const deadline = performance.now() + 3000; listeners(signal) > 0 && performance.now() < deadline; ) {
    liveBytes(); // collects
    await sleep(20);
  }
  expect(listeners(signal)).toBe(0);
});

test('nothing was unhandled', () => expect(strays).toEqual([]));
