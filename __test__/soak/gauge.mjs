/** What a process holds: memory, descriptors, handles of the event loop. */
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSockets } from '../fixtures/descriptors.mjs';
import { slowness } from '../fixtures/environment.mjs';

/**
 * @typedef {object} Reading
 * @property {number} rss Bytes of resident memory.
 * @property {number} heap Bytes of JavaScript.
 * @property {number} external Bytes that JavaScript holds outside its heap.
 * @property {number} descriptors Open ones; 0 where only Linux could tell.
 * @property {number} sockets Those of them that are sockets.
 * @property {number} handles Handles of this thread's event loop, of all kinds, Node's own too.
 * @property {number} polls Those of them that watch a socket of the package; those of node:net are of another kind.
 */

/** @returns {Reading} */
export function read() {
  const { rss, heapUsed: heap, external } = process.memoryUsage();
  return { rss, heap, external, descriptors: openDescriptors(), sockets: openSockets(), ...handles() };
}

/** Without that of the listing itself. */
export function openDescriptors() {
  return process.platform === 'linux' ? readdirSync('/proc/self/fd').length - 1 : 0;
}

function handles() {
  // Without the names of all peers, which take long to look up.
  process.report.excludeNetwork = true;
  const all = process.report.getReport().libuv.filter(({ type }) => type !== 'loop');
  return { handles: all.length, polls: all.filter(({ type }) => type === 'poll').length };
}

/** Collects garbage, and gives finalizers their turns. */
export async function collect() {
  for (let round = 0; round < 4; round += 1) {
    globalThis.gc();
    await sleep(5);
  }
}

/**
 * Waits until no more than so many sockets are open, and collects meanwhile. A socket that is closed may listen for the peer's
 * end for a second.
 * @param {() => boolean} settled @param {number} seconds How long at most, times WINTERSOCK_SLOWNESS.
 */
export async function settles(settled, seconds = 5) {
  const deadline = performance.now() + seconds * 1000 * slowness;
  for (await collect(); !settled() && performance.now() < deadline; await collect()) await sleep(50);
}

/** How much `values` grow from one to the next, by least squares. @param {number[]} values */
export function slope(values) {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let [over, under] = [0, 0];
  for (const [at, value] of values.entries()) {
    over += (at - middle) * (value - mean);
    under += (at - middle) ** 2;
  }
  return over / under;
}
