/** Takes chunks of a writer at once, past the stream's queue, as long as nothing else is in the way. */

import { types } from 'node:util';
import type { BufferSource } from '../index.d.ts';
import { Interest, watch, write } from './binding.ts';
import { Deferred } from './deferred.ts';
import { Pace } from './pace.ts';
import { type Sink, TAKEN } from './writer.ts';

type Chunk = BufferSource | string;

/** The side that chunks are taken for. */
export interface IntakeOwner {
  /** The connection to write to at once. `undefined`: something goes first. */
  readonly intake: number | undefined;
  /** Bytes that may be queued. */
  readonly highWaterMark: number;
  /** Whether chunks are in the stream's queue, and on their way. */
  readonly queues: boolean;
}

export class Intake implements Sink<Chunk> {
  readonly pace = new Pace();
  readonly #owner: IntakeOwner;
  readonly #paused: () => void;
  /** close() or abort() was called; what that does may have to wait. A stream measures later chunks, too, and then refuses them. */
  closed = false;
  /** Writes that the stream has not settled. */
  #through = 0;
  #draining: Deferred<void> | undefined;

  /** @param paused Called when a pause has begun. */
  constructor(owner: IntakeOwner, paused: () => void) {
    this.#owner = owner;
    this.#paused = paused;
  }

  offer(chunk: Chunk): Chunk | typeof TAKEN {
    const id = this.closed || this.#through > 0 ? undefined : this.#owner.intake;
    if (id === undefined) return chunk;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    // Anything else takes more looking at.
    if (!(types.isUint8Array(bytes) && bytes.buffer instanceof ArrayBuffer)) return chunk;
    const length = bytes.byteLength;
    if (length === 0 || length >= this.#owner.highWaterMark - this.fresh) return chunk;
    const taken = write(id, bytes, 0);
    if (taken < length) return taken > 0 ? bytes.subarray(taken) : chunk;
    if (this.pace.countFresh(length) && this.pace.begin()) {
      watch(id, Interest.Writable);
      this.#paused();
    }
    return TAKEN;
  }

  passOn(): void {
    this.#through += 1;
  }

  /** A write that went through the stream has been taken. The stream says so to its writer some microtasks later. */
  async took(): Promise<void> {
    for (let ticks = 0; ticks < 4; ticks += 1) await undefined;
    this.#through = Math.max(0, this.#through - 1);
    if (this.#through === 0) this.release();
  }

  ending(): void {
    this.closed = true;
  }

  get fresh(): number {
    return this.pace.fresh;
  }

  get pause(): Promise<void> | undefined {
    return this.pace.pause;
  }

  drained(): Promise<void> | undefined {
    if (this.#through === 0 || !this.#owner.queues) return undefined;
    this.#draining ??= new Deferred();
    return this.#draining.promise;
  }

  /** Lets go who waits for the queue to be empty. */
  release(): void {
    this.#draining?.resolve();
    this.#draining = undefined;
  }
}

/** What waits for the connection, or for room in it. At most one: a stream calls its sink one by one. */
export interface Waiting {
  /** Tries on. Whether it is done. */
  go(id: number): boolean;
  resolve(): void;
  reject(error: unknown): void;
}
