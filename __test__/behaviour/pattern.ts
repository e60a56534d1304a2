import { createHash, type Hash } from 'node:crypto';

/** Bytes that do not repeat at any power of two, so that a chunk lost, doubled or swapped changes the hash. */
export function patterned(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >>> 8) * 7) % 251;
  return bytes;
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Takes bytes and tells their number and hash. */
export class Tally {
  readonly #hash: Hash = createHash('sha256');
  length = 0;

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.length += bytes.byteLength;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}
