/** What goes over the line, and whether it came as it was. */
import { createHash } from 'node:crypto';
import { pattern } from '../conformance/pattern.mjs';

export const KIB = 1024;
export const MIB = 1024 * KIB;

/** Bytes that do not repeat at any power of two. */
const block = Buffer.from(pattern(97 * KIB + 13));

/** So many bytes in chunks of all sizes, the same every time. @param {number} total */
export function* chunks(total) {
  const sizes = [1, 17, 1460, 16 * KIB, 4096, 65_536, 3, 40_000];
  for (let sent = 0, turn = 0; sent < total; turn += 1) {
    const at = sent % block.length;
    const size = Math.min(sizes[turn % sizes.length] ?? 1, total - sent, block.length - at);
    yield block.subarray(at, at + size);
    sent += size;
  }
}

/** Takes what came, and tells how much it was and whether it was what chunks() gives. */
export class Received {
  #hash = createHash('sha256');
  bytes = 0;

  /** @param {Uint8Array} chunk */
  add(chunk) {
    this.#hash.update(chunk);
    this.bytes += chunk.length;
  }

  /** In a word, to be compared with that of the other side. */
  sum() {
    return `${this.bytes} bytes, ${this.#hash.copy().digest('hex').slice(0, 16)}`;
  }
}

/** What sum() says if so many bytes came as they were sent. @param {number} total */
export function whole(total) {
  const all = new Received();
  for (const chunk of chunks(total)) all.add(chunk);
  return all.sum();
}
