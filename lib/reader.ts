/**
 * The readable stream of a socket, whose default readers ask the socket itself. The way through a byte stream's controller
 * transfers every chunk and costs a round trip more than all else that JavaScript does for it.
 */

import type { ReadableStreamReadResult, UnderlyingByteSource, UnderlyingSource } from 'node:stream/web';

/** Where reads are answered from. */
export interface Source {
  /** The answer to a read, or what the answer will come through. `undefined`: ask the stream. */
  take(): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> | undefined;
  /** The reader lets go: reads that wait for their answer get `error`. */
  released(error: TypeError): void;
}

// Not a field: Node 20 gives each stream a shape of its own, and every further field makes another one, of 300 bytes.
const sources = new WeakMap<ReadableStream, Source>();

/** A byte stream that hands out such readers. Whatever else reads it (BYOB readers, pipes, tees, iterators) pulls as ever. */
export class SocketReadable extends ReadableStream<Uint8Array> {
  constructor(underlying: UnderlyingByteSource, source: Source) {
    // The declaration knows sources of bytes in one of its overloads only, and a class has one.
    super(underlying as unknown as UnderlyingSource<Uint8Array>);
    sources.set(this, source);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the platform's declaration
  override getReader(options?: any): any {
    // With options it is the platform's to say what they mean.
    return options === undefined || options === null
      ? new SocketReader(this, sources.get(this) as Source)
      : super.getReader(options);
  }
}

class SocketReader extends ReadableStreamDefaultReader<Uint8Array> {
  readonly #source: Source;
  #released = false;

  constructor(stream: ReadableStream<Uint8Array>, source: Source) {
    super(stream);
    this.#source = source;
  }

  override read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    const answer = this.#released ? undefined : this.#source.take();
    return answer ?? super.read();
  }

  override releaseLock(): void {
    if (!this.#released) {
      this.#released = true;
      this.#source.released(new TypeError('the reader was released while it read'));
    }
    super.releaseLock();
  }
}
