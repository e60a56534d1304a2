/**
 * The readable stream of a socket, whose default readers ask the socket itself. The way through a byte stream's controller
 * transfers every chunk and costs a round trip more than all else that JavaScript does for it.
 */

import type { ReadableStreamReadResult, UnderlyingByteSource, UnderlyingSource } from 'node:stream/web';

/** Where reads are answered from. */
export interface Source {
  /** The answer to a read, or what the answer will come through. `undefined`: ask the stream. */
  take(): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>> | undefined;
  /** Lets the stream answer a read, and what is asked until then. */
  throughStream<T>(read: () => Promise<T>): Promise<T>;
  /** The reader lets go: reads that wait for their answer get `error`. */
  released(error: TypeError): void;
}

// Not a field: Node 20 gives each stream a shape of its own, and every further field makes another one, of 300 bytes.
const sources = new WeakMap<ReadableStream, Source>();
/** The last reader of each. */
const readers = new WeakMap<ReadableStream, ReadableStreamDefaultReader | ReadableStreamBYOBReader>();

/** A byte stream that hands out such readers. Whatever else reads it (BYOB readers, pipes, tees, iterators) pulls as ever. */
export class SocketReadable extends ReadableStream<Uint8Array> {
  constructor(underlying: UnderlyingByteSource, source: Source) {
    // The declaration knows sources of bytes in one of its overloads only, and a class has one.
    super(underlying as unknown as UnderlyingSource<Uint8Array>);
    sources.set(this, source);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the overloads of the platform's declaration
  override getReader(options: any = undefined): any {
    const source = sources.get(this);
    // With options it is the platform's to say what they mean.
    const asIs = source === undefined || (options !== undefined && options !== null);
    const reader = asIs ? super.getReader(options) : new SocketReader(this, source);
    readers.set(this, reader);
    return reader;
  }
}

/** Drops what is in the queue of a stream, and ends it: by whoever may, which is the reader that holds it. A pipe, or the like, has one of its own. */
export function discard(stream: ReadableStream): void {
  const holder = stream.locked ? readers.get(stream) : stream;
  holder?.cancel().catch(() => {});
}

class SocketReader extends ReadableStreamDefaultReader<Uint8Array> {
  readonly #source: Source;
  #released = false;

  constructor(stream: ReadableStream<Uint8Array>, source: Source) {
    super(stream);
    this.#source = source;
  }

  override read(): Promise<ReadableStreamReadResult<Uint8Array>> {
    // On anything else the platform's own method rejects.
    if (!(#source in Object(this)) || this.#released) return super.read();
    return this.#source.take() ?? this.#source.throughStream(() => super.read());
  }

  override releaseLock(): void {
    super.releaseLock();
    if (this.#released) return;
    this.#released = true;
    this.#source.released(invalidState('the reader has let its stream go'));
  }
}

for (const [ours, theirs] of [
  [SocketReadable, ReadableStream],
  [SocketReader, ReadableStreamDefaultReader],
]) {
  passFor(ours as object, theirs as object);
}

/** Lets what is made by `ours` say that it was made by `theirs`: a class of ours is of no use to anybody. */
export function passFor(ours: object, theirs: object): void {
  const { prototype } = ours as { prototype: object };
  Object.defineProperty(prototype, 'constructor', { value: theirs, writable: true, configurable: true });
}

/** What the platform's readers and writers reject with when they cannot be used. */
export function invalidState(what: string): TypeError {
  return Object.assign(new TypeError(`Invalid state: ${what}`), { code: 'ERR_INVALID_STATE' });
}
