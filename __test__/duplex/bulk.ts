import type { Socket } from 'node:net';
import { patterned, sha256, Tally } from '../behaviour/pattern.ts';
import { happens, until } from './stage.ts';

const MIB = 1024 * 1024;
/** Of no size at which anything begins or ends. */
const PIECE = 300_007;

/** 64 MiB, and their hash. */
const data = Buffer.from(patterned(64 * MIB));
const hash = sha256(data);

async function send(to: Socket, length: number): Promise<void> {
  for (let from = 0; from < length; from += PIECE) {
    if (!to.write(data.subarray(from, Math.min(from + PIECE, length)))) await happens(to, 'drain');
  }
}

async function receive(from: Socket, length: number, wanted: string): Promise<boolean> {
  const tally = new Tally();
  from.on('data', (chunk) => tally.add(chunk));
  await until(() => tally.length >= length);
  return tally.digest() === wanted;
}

/** Sends that much from each to the other at once, and says whether it came as it was. Both stay open. Default: 64 MiB. */
export async function bothWays(a: Socket, b: Socket, length = data.length): Promise<boolean[]> {
  const wanted = length === data.length ? hash : sha256(data.subarray(0, length));
  const received = [receive(a, length, wanted), receive(b, length, wanted)];
  await Promise.all([send(a, length), send(b, length)]);
  return Promise.all(received);
}
