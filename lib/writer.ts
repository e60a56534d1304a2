/**
 * The writable stream of a socket, whose writers offer each chunk to the socket first: what it takes at once needs no queue.
 */

import type { QueuingStrategy, UnderlyingSink } from 'node:stream/web';
import { invalidState, passFor } from './reader.ts';

/** Where chunks go. */
export interface Sink<Chunk> {
  /** Takes a chunk, if that can be done at once and nothing is before it. Otherwise returns what is left for the stream's queue. */
  offer(chunk: Chunk): Chunk | typeof TAKEN;
  /** The stream takes a chunk, and what comes before that is settled. */
  passOn(): void;
  /** The stream is going to be closed or aborted: nothing is taken any more. */
  ending(): void;
  /** Bytes taken since the last microtask. */
  readonly fresh: number;
  /** While nothing more should be written, although there is room for it: what ends that. */
  readonly pause: Promise<void> | undefined;
  /** What the stream has queued is all taken, if it is waiting for that. */
  drained(): Promise<void> | undefined;
}

/** All of a chunk has been taken. */
export const TAKEN = Symbol('taken');

// Not a field, for the same reason as the sources of readers.
const sinks = new WeakMap<WritableStream, unknown>();

/** A stream that hands out such writers. A pipe queues as ever. */
export class SocketWritable<Chunk> extends WritableStream<Chunk> {
  constructor(underlying: UnderlyingSink<Chunk>, strategy: QueuingStrategy<Chunk>, sink: Sink<Chunk>) {
    super(underlying, strategy);
    sinks.set(this, sink);
  }

  override getWriter(): WritableStreamDefaultWriter<Chunk> {
    const sink = sinkOf<Chunk>(this);
    return sink ? new SocketWriter(this, sink) : super.getWriter();
  }

  override close(): Promise<void> {
    if (sinks.has(this) && !this.locked) sinkOf(this)?.ending();
    return super.close();
  }

  override abort(reason: unknown = undefined): Promise<void> {
    if (sinks.has(this) && !this.locked) sinkOf(this)?.ending();
    return super.abort(reason);
  }
}

function sinkOf<Chunk>(stream: WritableStream<Chunk>): Sink<Chunk> | undefined {
  return sinks.get(stream) as Sink<Chunk> | undefined;
}

class SocketWriter<Chunk> extends WritableStreamDefaultWriter<Chunk> {
  readonly #sink: Sink<Chunk>;
  #released = false;
  #pause: Promise<void> | undefined;
  #ready: Promise<void> | undefined;
  #awaited: { resolve(): void; reject(reason: unknown): void } | undefined;
  #closing = false;

  constructor(stream: WritableStream<Chunk>, sink: Sink<Chunk>) {
    super(stream);
    this.#sink = sink;
  }

  override write(chunk: Chunk = undefined as Chunk): Promise<void> {
    // On anything else the platform's own method rejects.
    if (!(#sink in Object(this)) || this.#released) return super.write(chunk);
    const left = this.#sink.offer(chunk);
    if (left === TAKEN) return this.#sink.pause?.then() ?? Promise.resolve();
    try {
      const written = super.write(left);
      this.#sink.passOn();
      return written;
    } catch {
      // Node throws an assertion of its own at a write behind a close that is under way.
      return Promise.reject(invalidState('the stream is closing or closed'));
    }
  }

  override close(): Promise<void> {
    if (#sink in Object(this) && !this.#released) {
      this.#sink.ending();
      this.#closing = true;
      // Nothing more can be written, so nobody has to wait to write.
      this.#awaited?.resolve();
    }
    return super.close();
  }

  override abort(reason: unknown = undefined): Promise<void> {
    if (#sink in Object(this) && !this.#released) {
      this.#sink.ending();
      this.#awaited?.reject(reason);
    }
    return super.abort(reason);
  }

  override releaseLock(): void {
    if (!this.#released) this.#awaited?.reject(invalidState('the writer has let its stream go'));
    this.#released = true;
    super.releaseLock();
  }

  /** As if what was taken at once had gone through the queue, where it would be counted until its write resolves. */
  override get desiredSize(): number | null {
    const room = super.desiredSize;
    if (room === null) return null;
    return Math.min(room - this.#sink.fresh, this.#sink.pause ? 0 : room);
  }

  /**
   * Once a queue is full it is emptied before it is filled again. With one chunk in for each that goes out, every chunk would go through
   * the queue from then on.
   */
  override get ready(): Promise<void> {
    if (!(#sink in Object(this)) || this.#released || this.#closing) return super.ready;
    const pause = this.#sink.pause ?? (this.#isFull() ? this.#sink.drained() : undefined);
    if (pause === undefined) return super.ready;
    if (pause !== this.#pause) {
      this.#pause = pause;
      this.#ready = new Promise((resolve, reject) => {
        this.#awaited = { resolve, reject };
        pause.then(() => super.ready).then(resolve, reject);
      });
      // As of the platform's own: nobody has to look at it.
      this.#ready.catch(() => {});
    }
    return this.#ready as Promise<void>;
  }

  #isFull(): boolean {
    const room = super.desiredSize;
    return room !== null && room <= 0;
  }
}

passFor(SocketWritable, WritableStream);
passFor(SocketWriter, WritableStreamDefaultWriter);
