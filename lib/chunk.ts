/** What can be written: strings, and bytes in any form. */

import { types } from 'node:util';
import { SocketError } from './error.ts';

/** For a chunk whose memory went away while it waited. */
export function transferred(): SocketError {
  return new SocketError(
    'the memory of a chunk was transferred or resized while it was written; wait for its write first',
    {
      code: 'ERR_INVALID_CHUNK',
    },
  );
}

/** The bytes of a chunk. Shared memory is copied, because the other side may change it while it is sent. */
export function toBytes(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof Uint8Array && chunk.buffer instanceof ArrayBuffer && chunk.byteLength > 0)
    return chunk;
  if (ArrayBuffer.isView(chunk)) {
    // Throws TypeError if the memory was transferred away: sending nothing instead would lose data.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    return chunk.buffer instanceof ArrayBuffer ? bytes : bytes.slice();
  }
  // Also those of other realms, as a test runner's `vm` contexts have them.
  if (types.isArrayBuffer(chunk)) return new Uint8Array(chunk);
  if (types.isSharedArrayBuffer(chunk)) return new Uint8Array(chunk).slice();
  throw new SocketError('a chunk must be a string or a BufferSource; convert anything else first', {
    code: 'ERR_INVALID_CHUNK',
  });
}

/** How many bytes a chunk counts as in a queue. */
export function lengthOf(chunk: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  try {
    const length = (chunk as ArrayBufferView | undefined | null)?.byteLength;
    // Anything else that a stream could not add up would error it without a word to the sink.
    return typeof length === 'number' && Number.isSafeInteger(length) && length >= 0 ? length : 0;
  } catch {
    // A view on memory that was transferred away. Only when it is written can the side end properly.
    return 0;
  }
}
