import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';

/** How many sockets this process has open, of the native half and of Node. Only Linux tells: elsewhere always 0. */
export function openSockets(): number {
  if (process.platform !== 'linux') return 0;
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
    } catch {
      return false; // it was the descriptor of the listing itself
    }
  }).length;
}

/** Waits until no more than `count` sockets are open. close() may listen for the peer's end for about a second. */
export async function openSocketsReturnTo(count: number): Promise<void> {
  for (const deadline = performance.now() + 4000; openSockets() > count && performance.now() < deadline; ) {
    await sleep(20);
  }
  expect(openSockets(), 'descriptors left').toBeLessThanOrEqual(count);
}

/** Collects unhandled rejections and warnings of handled-late ones, for the tests of the calling file. */
export function strayRejections(): unknown[] {
  const strays: unknown[] = [];
  const collect = (reason: unknown) => strays.push(reason);
  beforeAll(() => {
    process.on('unhandledRejection', collect);
  });
  afterAll(() => {
    process.off('unhandledRejection', collect);
  });
  return strays;
}
