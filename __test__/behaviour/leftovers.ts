import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect } from 'vitest';
import { openSockets } from '../fixtures/descriptors.mjs';

export { openSockets };

/** Waits until no more than `count` sockets are open. close() may listen for the peer's end for about a second. */
export async function openSocketsReturnTo(count: number): Promise<void> {
  for (const deadline = performance.now() + 4000; openSockets() > count && performance.now() < deadline; ) {
    await sleep(20);
  }
  expect(openSockets(), 'descriptors left').toBeLessThanOrEqual(count);
}

/** Collects unhandled rejections during the tests of the calling file. */
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
