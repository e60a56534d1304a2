/**
 * The writable stream of a socket, whose writers offer each chunk to the socket first: what it takes at once needs no queue.
 */

import type { QueuingStrategy, UnderlyingSink } from 'node:stream/web';

/** Where chunks go. */
export interface Sink<Chunk> {
  /**
   * Takes a chunk, if that can be done at once, less than `room` bytes of it, and nothing is before it. Otherwise returns what is left
   * for the stream's queue.
   */
  offer(chunk: Chunk, room: number): Chunk | typeof TAKEN;
  /** The stream is going to be closed. */
  closing(): void;
  /** Bytes taken since the last microtask. */
  readonly fresh: number;
}

/** All of a chunk has been taken. */
export const TAKEN = Symbol('taken');

/** A stream that hands out such writers. A pipe queues as ever. */
export class SocketWritable<Chunk> extends WritableStream<Chunk> {
  readonly #sink: Sink<Chunk>;

  constructor(underlying: UnderlyingSink<Chunk>, strategy: QueuingStrategy<Chunk>, sink: Sink<Chunk>) {
    super(underlying, strategy);
    this.#sink = sink;
  }

  override getWriter(): WritableStreamDefaultWriter<Chunk> {
    return new SocketWriter(this, this.#sink);
  }

  override close(): Promise<void> {
    if (!this.locked) this.#sink.closing();
    return super.close();
  }
}

class SocketWriter<Chunk> extends WritableStreamDefaultWriter<Chunk> {
  readonly #sink: Sink<Chunk>;
  #released = false;

  constructor(stream: WritableStream<Chunk>, sink: Sink<Chunk>) {
    super(stream);
    this.#sink = sink;
  }

  override write(chunk: Chunk): Promise<void> {
    const room = this.#released ? null : super.desiredSize;
    // An errored stream has none, a closed one 0.
    if (!room || room < 0) return super.write(chunk);
    const left = this.#sink.offer(chunk, room);
    return left === TAKEN ? Promise.resolve() : super.write(left);
  }

  override close(): Promise<void> {
    if (!this.#released) this.#sink.closing();
    return super.close();
  }

  override releaseLock(): void {
    this.#released = true;
    super.releaseLock();
  }

  /** As if what was taken at once had gone through the queue, where it would be counted until its write resolves. */
  override get desiredSize(): number | null {
    const room = super.desiredSize;
    return room && room - this.#sink.fresh;
  }
}
