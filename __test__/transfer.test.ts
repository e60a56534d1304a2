/** Much data in both directions, and what is held of it when one side does not keep up. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { inKernel, liveBytes } from './behaviour/memory.ts';
import { patterned, Tally } from './behaviour/pattern.ts';
import type { Scene, Transport, Trust } from './behaviour/scene.ts';
import { type Stage, stage, trustForTests } from './behaviour/stage.ts';
import type { Wire } from './behaviour/wire.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const TOTAL = 64 * MIB;
const HIGH_WATER_MARK = 64 * KIB;

/** A block that is no multiple of anything, sent again and again. */
const block = patterned(97 * KIB + 13);
const blocks = Math.ceil(TOTAL / block.byteLength);
const expected = (() => {
  const hash = createHash('sha256');
  for (let index = 0; index < blocks; index += 1) hash.update(block);
  return { length: blocks * block.byteLength, digest: hash.digest('hex') };
})();

let trust: Trust;
beforeAll(async () => {
  trust = await trustForTests();
});

/** Our port and the peer's, by which the kernel knows the connection. */
async function portsOf({ peer, scene }: Stage): Promise<{ ours: number; theirs: number }> {
  const { localAddress } = await scene.socket.opened;
  return { ours: Number(localAddress.slice(localAddress.lastIndexOf(':') + 1)), theirs: peer.port };
}

/** Sends all of it, as fast as the other side takes it. */
async function sendFromPeer({ stream }: Wire): Promise<void> {
  for (let index = 0; index < blocks; index += 1) if (!stream.write(block)) await once(stream, 'drain');
}

async function sendFromUs({ writer }: Scene): Promise<void> {
  for (let index = 0; index < blocks; index += 1) {
    await writer.ready;
    writer.write(block).catch(() => {});
  }
  await writer.close();
}

/** Takes what comes, and pauses after every `step` bytes. */
async function receiveAtPeer({ stream }: Wire, step: number): Promise<Tally> {
  const tally = new Tally();
  let next = step;
  const end = once(stream, 'end');
  stream.on('data', (chunk: Buffer) => {
    tally.add(chunk);
    if (tally.length < next) return;
    next += step;
    stream.pause();
    setTimeout(() => stream.resume(), 5);
  });
  stream.resume();
  await end;
  return tally;
}

async function receiveAtUs({ reader }: Scene, step: number, pause: () => unknown): Promise<Tally> {
  const tally = new Tally();
  let next = step;
  while (tally.length < expected.length) {
    const { value } = await reader.read();
    if (value === undefined) break;
    tally.add(value);
    for (; tally.length > next; next += step) {
      pause();
      await sleep(5);
    }
  }
  return tally;
}

const transports: readonly Transport[] = ['plain', 'TLS 1.2', 'TLS 1.3', 'starttls'];

describe.each(transports)('%s', (transport) => {
  test('64 MiB in each direction at once, a slow reader and a slow peer: whole, in bounded memory', async () => {
    await using at = await stage(trust, transport);
    const { scene, wire } = at;
    const before = liveBytes();
    let most = 0;
    const watch = () => {
      most = Math.max(most, liveBytes() - before);
    };
    const [toPeer, toUs] = await Promise.all([
      receiveAtPeer(wire, 2 * MIB),
      receiveAtUs(scene, 4 * MIB, watch),
      sendFromUs(scene),
      sendFromPeer(wire),
    ]);
    expect({ length: toPeer.length, digest: toPeer.digest() }).toEqual(expected);
    expect({ length: toUs.length, digest: toUs.digest() }).toEqual(expected);
    expect(most).toBeLessThan(4 * MIB);
  }, 60_000);

  // What was sent and is not with the kernel has been taken in by this side. Only Linux tells what the kernel holds.
  test.runIf(process.platform === 'linux')('a reader that does not read takes in little', async () => {
    await using at = await stage(trust, transport);
    const { ours, theirs } = await portsOf(at);
    const { tcp, stream } = at.wire;
    const start = tcp.bytesWritten;
    const flood = () => {
      while (stream.write(block));
    };
    stream.on('drain', flood);
    flood();
    let sent = 0;
    for (let before = -1; sent > before; ) {
      before = sent;
      await sleep(200);
      sent = tcp.bytesWritten - start - tcp.writableLength;
    }
    stream.off('drain', flood);
    // So much that it is more than what may be taken in.
    expect(sent).toBeGreaterThan(2 * (HIGH_WATER_MARK + 64 * KIB));
    expect(sent - inKernel({ from: theirs, to: ours })).toBeLessThanOrEqual(HIGH_WATER_MARK + 64 * KIB);
  });

  test.runIf(process.platform === 'linux')('a peer that does not read is written to no further', async () => {
    await using at = await stage(trust, transport);
    const { ours, theirs } = await portsOf(at);
    const { scene, wire } = at;
    wire.deaf();
    const start = wire.tcp.bytesRead;
    let taken = 0;
    for (let stuck = false; !stuck; ) {
      const write = scene.writer.write(block);
      write.catch(() => {});
      stuck = await Promise.race([write.then(() => false), sleep(300, true)]);
      if (!stuck) taken += block.byteLength;
    }
    const gone = inKernel({ from: ours, to: theirs }) + wire.tcp.bytesRead - start;
    expect(taken).toBeGreaterThan(0);
    expect(taken - gone).toBeLessThanOrEqual(HIGH_WATER_MARK + 64 * KIB);
    expect(scene.writer.desiredSize).toBeLessThanOrEqual(0);
    const ready = await Promise.race([scene.writer.ready.then(() => 'ready'), sleep(50, 'pending')]);
    expect(ready).toBe('pending');
    scene.abort.abort(new Error('enough'));
  });
});
