/** The writable side: a stream counted in bytes, whose writes resolve once they are taken over. */

import type { BufferSource } from '../index.d.ts';
import { FAILED, Interest, shutdown, WAIT, watch, write } from './binding.ts';
import { lengthOf, toBytes, transferred } from './chunk.ts';
import { Intake, type IntakeOwner, type Waiting } from './intake.ts';
import type { WritableOwner } from './owner.ts';
import { Seal } from './seal.ts';
import { SocketWritable } from './writer.ts';

type State =
  | { kind: 'opening' }
  | { kind: 'open'; id: number }
  /** Closed, or (with `error`) aborted or broken. `unsaid`: the peer has not been sent the end yet. */
  | { kind: 'over'; error?: unknown; unsaid?: boolean };

type Chunk = BufferSource | string;

export class WritableSide implements IntakeOwner {
  readonly #owner: WritableOwner;
  readonly highWaterMark: number;
  #state: State = { kind: 'opening' };
  #stream: WritableStream<Chunk> | undefined;
  #controller: WritableStreamDefaultController | undefined;
  #waiting: Waiting | undefined;
  /** Whether the end of the stream is on its way. */
  ends = false;
  #queued = 0;
  readonly #intake: Intake;
  #heeding = false;
  #seal: Seal | undefined;

  constructor(owner: WritableOwner, highWaterMark: number) {
    this.#owner = owner;
    this.#intake = new Intake(this, () => owner.repin());
    this.highWaterMark = highWaterMark;
  }

  /** Made on first use. */
  get stream(): WritableStream<Chunk> {
    if (this.#stream === undefined) {
      this.#stream = new SocketWritable<Chunk>(
        {
          start: (controller) => {
            this.#controller = controller;
          },
          write: (chunk) => this.#write(chunk),
          close: () => this.#close(),
          abort: (reason) => this.#leave(reason),
        },
        { highWaterMark: this.highWaterMark, size: (chunk) => this.#enqueue(chunk) },
        this.#intake,
      );
      const state = this.#state;
      if (state.kind === 'over') {
        if ('error' in state) this.#controller?.error(state.error);
        else this.#stream.close().catch(() => {});
      }
    }
    return this.#stream;
  }

  get intake(): number | undefined {
    const state = this.#state;
    return state.kind === 'open' && this.#queued === 0 && !this.ends && !this.#seal ? state.id : undefined;
  }

  /** Whether something that was to be sent has not been taken over yet. */
  get queues(): boolean {
    return this.#state.kind === 'open' && this.#queued > 0;
  }

  /** Whether nobody is using it. */
  get untouched(): boolean {
    return !this.over && !this.ends && this.#queued === 0 && !this.#stream?.locked;
  }

  /** Whether a write or the end of the stream is pending. */
  get wanted(): boolean {
    return this.#waiting !== undefined || this.#intake.pace.pause !== undefined;
  }

  /** Whether nothing will be written any more. */
  get over(): boolean {
    return this.#state.kind === 'over';
  }

  /** The connection is open. */
  open(id: number): void {
    if (this.#state.kind === 'opening') this.#state = { kind: 'open', id };
    this.writable(id);
  }

  /** The native side says that there may be room. */
  writable(id: number): void {
    if (this.#intake.pace.end()) this.#owner.repin();
    if (this.#state.kind === 'over' && this.#state.unsaid) this.#state.unsaid = shutdown(id) === WAIT;
    const waiting = this.#waiting;
    if (this.#state.kind !== 'open' || waiting === undefined) return;
    try {
      if (!waiting.go(id)) return;
      this.#rest();
      waiting.resolve();
    } catch (error) {
      this.#rest();
      waiting.reject(error);
    }
  }

  /** The native side says that what it had taken could not be sent. */
  unwritable(id: number): void {
    // A write that waits, or the end, hears it by trying.
    if (this.#waiting) {
      this.writable(id);
    } else if (this.#state.kind !== 'over') {
      this.fail(this.#owner.writeFailure());
      this.#owner.sideEnded();
    }
  }

  /** Errors the stream: what is queued, and what comes later, rejects with `error`. */
  fail(error: unknown): void {
    if (this.#state.kind === 'over') return;
    this.#over({ kind: 'over', error });
    this.#giveUp(error);
    this.#controller?.error(error);
  }

  /** Ends a side that nobody has looked at, if it is one. The error is made for who looks later. */
  endUntouched(make: () => unknown): boolean {
    if (this.#stream !== undefined || this.#state.kind !== 'open') return false;
    let error: unknown;
    const get = () => (error ??= make());
    this.#over(Object.defineProperty({ kind: 'over' as const }, 'error', { get, enumerable: true }));
    return true;
  }

  /** Closes an unlocked stream; a locked one belongs to a writer, whose later writes get `error`. */
  finish(error: unknown): void {
    const stream = this.#stream;
    if (this.#state.kind === 'over' || stream?.locked) {
      this.fail(error);
      return;
    }
    this.#over({ kind: 'over' });
    this.#giveUp(error);
    stream?.close().catch(() => {});
  }

  /**
   * Lets out what is queued now, rejects later writes with `error`, and then, never at once, calls `drained`. If the
   * side is over or breaks, nothing is left to let out.
   */
  seal(why: Seal['why'], error: unknown, drained: (whole: boolean) => void): void {
    this.#seal = new Seal(why, this.#queued, error, drained);
    this.#checkSeal();
  }

  #checkSeal(): void {
    const seal = this.#seal;
    if (seal === undefined || (this.#state.kind !== 'over' && !(seal.isThrough && !this.ends))) return;
    // A close() that the stream has queued behind the last write arrives within this turn.
    setImmediate(() => {
      if (this.#seal !== seal || (this.ends && this.#state.kind !== 'over')) return;
      this.#seal = undefined;
      seal.drained();
    });
  }

  #enqueue(chunk: unknown): number {
    if (!this.#intake.closed) this.#queued += 1;
    return lengthOf(chunk);
  }

  #write(chunk: unknown): Promise<void> | undefined {
    try {
      if (this.#seal?.isThrough) throw this.#seal.error;
      const bytes = toBytes(chunk);
      const length = bytes.byteLength;
      let offset = 0;
      const result = this.#attempt((id) => {
        if (bytes.byteLength !== length) throw transferred();
        const taken = write(id, bytes, offset);
        if (taken === FAILED) throw this.#owner.writeFailure();
        offset += taken;
        return offset === length;
      });
      if (result === undefined) return this.#wroteAtOnce(length);
      return result.then(
        () => this.#wrote(),
        (error) => this.#broke(error),
      );
    } catch (error) {
      this.#broke(error);
    }
  }

  #wroteAtOnce(length: number): Promise<void> | undefined {
    this.#wrote();
    if (!this.#intake.pace.count(length)) return undefined;
    if (this.#state.kind !== 'open') return undefined;
    watch(this.#state.id, Interest.Writable);
    // The chunk is written, whatever happens until then.
    return new Promise((resolve) => this.#wait({ go: () => true, resolve, reject: resolve }));
  }

  #wrote(): void {
    this.#queued -= 1;
    this.#intake.took();
    if (this.#seal) {
      this.#seal.wrote();
      this.#checkSeal();
    }
  }

  /** A write that throws errors its stream, by Streams; so the side has ended. */
  #broke(error: unknown): never {
    this.#leave(error);
    throw error;
  }

  #close(): Promise<void> | undefined {
    if (this.#state.kind === 'over') return undefined;
    if (this.#seal?.why === 'upgrade') this.#broke(this.#seal.error);
    this.ends = true;
    try {
      const result = this.#attempt((id) => this.#shutDown(id));
      if (result === undefined) this.#end({ kind: 'over' });
      return result?.then(
        () => this.#end({ kind: 'over' }),
        (error) => this.#broke(error),
      );
    } catch (error) {
      this.#broke(error);
    }
  }

  /** Ends the side with an error: what was queued is dropped, and the peer sees an end. */
  #leave(error: unknown): void {
    const before = this.#state;
    if (before.kind === 'over') return;
    const upgrade = this.#seal?.why === 'upgrade';
    const unsaid = !upgrade && (before.kind === 'opening' || shutdown(before.id) === WAIT);
    this.#end({ kind: 'over', error, unsaid });
  }

  #shutDown(id: number): boolean {
    const result = shutdown(id);
    if (result === FAILED) throw this.#owner.writeFailure();
    return result !== WAIT;
  }

  #end(state: State & { kind: 'over' }): void {
    if (this.#state.kind === 'over') return;
    this.#over(state);
    this.#checkSeal();
    this.#owner.sideEnded();
  }

  #over(state: State & { kind: 'over' }): void {
    this.#state = state;
    if (this.#intake.pace.end()) this.#owner.repin();
    this.#intake.release();
  }

  /** Does it now, or waits for the connection or for room. */
  #attempt(go: (id: number) => boolean): Promise<void> | undefined {
    if (this.#state.kind === 'open' && go(this.#state.id)) return undefined;
    if (this.#state.kind === 'over') throw this.#state.error;
    return new Promise((resolve, reject) => this.#wait({ go, resolve, reject }));
  }

  #wait(waiting: Waiting): void {
    this.#waiting = waiting;
    this.#heedAbort();
    this.#owner.repin();
  }

  /** abort() waits for the write in flight; the signal is what reaches it. Not before there is one: a signal takes much memory. */
  #heedAbort(): void {
    if (this.#heeding || this.#controller === undefined) return;
    this.#heeding = true;
    // Unknown to @types/node 20.
    const { signal } = this.#controller as unknown as { signal: AbortSignal };
    if (signal.aborted) this.#giveUp(signal.reason);
    else signal.addEventListener('abort', () => this.#giveUp(signal.reason), { once: true });
  }

  #giveUp(error: unknown): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#rest();
    waiting.reject(error);
  }

  #rest(): void {
    this.#waiting = undefined;
    this.#owner.repin();
  }
}
