/** Memory that is read into. */

import { scratch } from './binding.ts';

/** Large enough for a whole TLS flight, small enough to stay in the cache. */
const CHUNK = 65_536;
/** Reads above this go straight into a chunk of their own, smaller ones through the scratch, which all sockets share. */
export const BULK = CHUNK / 2;

let spare: Uint8Array<ArrayBuffer> | undefined;

/** Memory for a large chunk. Not zeroed: what a read has not filled has to be cleared before it gets out. */
export function allocate(): Uint8Array<ArrayBuffer> {
  const memory = spare ?? new Uint8Array(Buffer.allocUnsafeSlow(CHUNK).buffer as ArrayBuffer);
  spare = undefined;
  return memory;
}

/** Takes memory back that nobody else has seen. */
export function giveBack(memory: Uint8Array<ArrayBuffer>): void {
  if (memory !== scratch) spare = memory;
}

/**
 * The chunk of so many bytes that were read into `memory`. A small one gets memory of its own size; a view would keep 64 KiB alive
 * for it. In a large one, what stood behind the data before must not get out with it.
 */
export function chunkOf(memory: Uint8Array<ArrayBuffer>, count: number): Uint8Array<ArrayBuffer> {
  if (memory !== scratch && count > BULK) {
    return count === CHUNK ? memory : memory.fill(0, count).subarray(0, count);
  }
  giveBack(memory);
  return memory.slice(0, count);
}

/** The same as a Buffer: a few bytes in a piece of Node's pool, which costs a third of memory of their own. */
export function bufferOf(memory: Uint8Array<ArrayBuffer>, count: number): Buffer {
  if (memory === scratch) {
    const chunk = Buffer.allocUnsafe(count);
    chunk.set(scratch.subarray(0, count));
    return chunk;
  }
  const { buffer, byteOffset, byteLength } = chunkOf(memory, count);
  return Buffer.from(buffer, byteOffset, byteLength);
}
