/** The readable side: a byte stream that reads when asked, and notices the peer's end when nobody asks. */

import type { UnderlyingByteSource } from 'node:stream/web';
import { END, FAILED, Interest, peek, read, scratch, WAIT, watch } from './binding.ts';
import { allocate, BULK, chunkOf, giveBack } from './memory.ts';
import type { ReadableOwner } from './owner.ts';
import { discard, SocketReadable, type Source } from './reader.ts';
import { type Answer, Reads, settle } from './reads.ts';

type State =
  /** Not connected yet. */
  | { kind: 'opening' }
  /**
   * `dry`: there was nothing left, so there is no use in trying before the native side tells. `asked`: it has been asked to tell, which it
   * always is when it is dry.
   */
  | { kind: 'open'; id: number; dry: boolean; asked: boolean }
  /** Nobody wants the rest: it is read only to notice the peer's end. */
  | { kind: 'cancelled' }
  /** Ended, or (with `error`) broken. */
  | { kind: 'over'; error?: unknown };

/** So many reads in a row find data at once; the next waits a turn. A fast peer would starve timers and everybody else. */
const STREAK = 16;

export class ReadableSide implements Source {
  readonly #owner: ReadableOwner;
  #state: State = { kind: 'opening' };
  #stream: ReadableStream<Uint8Array> | undefined;
  #controller: ReadableByteStreamController | undefined;
  readonly #reads = new Reads();
  /** The stream has pulled. */
  #pulled = false;
  /** It has been pulled from. */
  #used = false;
  /** Pulled again before the first answer: by a second read, or by another reader after releaseLock(). */
  #again = false;
  #bulk = false;
  #streak = 0;

  constructor(owner: ReadableOwner) {
    this.#owner = owner;
  }

  /** Made on first use: a stream costs more than the rest of a socket. */
  get stream(): ReadableStream<Uint8Array> {
    if (this.#stream === undefined) {
      const underlying: UnderlyingByteSource = {
        type: 'bytes',
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      };
      this.#stream = new SocketReadable(underlying, this);
      if (this.#state.kind === 'over') this.#show(this.#state);
    }
    return this.#stream;
  }

  /** Whether nobody has used it. */
  get untouched(): boolean {
    return !this.over && !this.#reads.disturbed && !this.#stream?.locked;
  }

  /** Whether a read is pending. */
  get wanted(): boolean {
    // A default read that was let go: the next reader's pulls again. For a BYOB one that is not so.
    const letGo = !this.#stream?.locked && !this.#controller?.byobRequest;
    return (this.#pulled && !letGo) || this.#reads.waiting > 0;
  }

  /** Whether nothing will be read any more. */
  get over(): boolean {
    return this.#state.kind === 'over' || this.#state.kind === 'cancelled';
  }

  take(): Promise<Answer> | undefined {
    if (this.over || this.#concernsStream()) return undefined;
    if (this.#reads.waiting === 0 && this.#mayRead()) {
      const chunk = this.#receive(this.#state as State & { kind: 'open' });
      if (chunk) return Promise.resolve({ value: chunk, done: false });
      if (this.over) return undefined;
    }
    const answer = this.#reads.add();
    if (this.#reads.waiting === 1) this.#owner.repin();
    return answer;
  }

  /** Whether the stream has to answer the next read. */
  #concernsStream(): boolean {
    // What was asked of it before has to be answered before.
    if (this.#pulled || this.#reads.inStream || !this.#reads.disturbed) return true;
    if (!this.#used) return false;
    // Bytes that nobody has taken, or a BYOB read that has got a part of an element.
    const controller = this.#controller as ReadableByteStreamController;
    this.#used = (controller.desiredSize ?? 0) < 0 || controller.byobRequest !== null;
    return this.#used;
  }

  throughStream<T>(read: () => Promise<T>): Promise<T> {
    return this.#reads.throughStream(read);
  }

  released(error: TypeError): void {
    for (const { reject } of this.#reads.takeAll()) reject(error);
    this.#owner.repin();
  }

  /** The connection is open. Most servers say nothing before they are asked, so nothing is tried for nobody. */
  open(id: number): void {
    if (this.#state.kind === 'opening') this.#state = { kind: 'open', id, dry: false, asked: false };
    if (this.#state.kind === 'open' && !this.wanted) this.#ask(this.#state);
    else this.readable(id);
  }

  /** The native side says that there may be something. */
  readable(id: number): void {
    const state = this.#state;
    if (state.kind === 'cancelled') this.#discard(id);
    if (state.kind !== 'open') return;
    state.dry = false;
    state.asked = false;
    this.#streak = 0;
    // After releaseLock() nobody waits. What is not read stays with the system; what a request was for is unknown.
    if (this.#pulled && !this.#stream?.locked) {
      this.#pulled = false;
      this.#again = true;
      this.#owner.repin();
    }
    if (this.#reads.waiting > 0) this.#answer(state);
    else if (this.#pulled) this.#fill(state);
    else {
      // Nobody asks for data: only finds out whether the peer has ended. What is there stays where it is.
      const found = peek(id);
      if (found < 0) this.#nothing(state, found);
    }
  }

  /** Ends the stream: pending reads are done. */
  end(): void {
    if (!this.over) this.#over({ kind: 'over' });
  }

  /** The user ends the socket: what a reader has left in the stream's queue does not come out any more. */
  drop(): void {
    if (this.#stream && (this.#controller?.desiredSize ?? 0) < 0) discard(this.#stream);
  }

  /** Errors the stream. `dropping`: also if it has ended, and a reader has left something in its queue. */
  fail(error: unknown, dropping = false): void {
    if (!this.over) this.#over({ kind: 'over', error });
    else if (dropping) this.#controller?.error(error);
  }

  #pull(): void {
    this.#again ||= this.#pulled;
    this.#pulled = true;
    this.#used = true;
    this.#owner.repin();
    if (this.#reads.waiting === 0 && this.#mayRead()) this.#fill(this.#state as State & { kind: 'open' });
  }

  #cancel(): void {
    const state = this.#state;
    if (state.kind === 'over' || state.kind === 'cancelled') return;
    this.#state = { kind: 'cancelled' };
    this.#pulled = false;
    settle(this.#reads.takeAll(), {});
    this.#owner.repin();
    this.#owner.sideEnded();
    if (state.kind === 'open') this.readable(state.id);
  }

  /** Whether to try now. Otherwise the native side tells when. */
  #mayRead(): boolean {
    const state = this.#state;
    if (state.kind !== 'open' || state.dry) return false;
    if (this.#streak < STREAK) return true;
    this.#ask(state);
    return false;
  }

  /** Answers the reads that wait, as far as there is something. */
  #answer(open: State & { kind: 'open' }): void {
    while (this.#reads.waiting > 0 && this.#state === open && this.#mayRead()) {
      const chunk = this.#receive(open);
      if (chunk === undefined) return;
      const request = this.#reads.next();
      if (this.#reads.waiting === 0) this.#owner.repin();
      request?.resolve({ value: chunk, done: false });
    }
    if (this.#pulled && this.#state === open && this.#mayRead()) this.#fill(open);
  }

  /** A chunk of what is there. */
  #receive(open: State & { kind: 'open' }): Uint8Array<ArrayBuffer> | undefined {
    const memory = this.#bulk ? allocate() : scratch;
    const count = this.#bulk ? read(open.id, memory) : read(open.id);
    const received = this.#received(open, count, memory);
    if (received) this.#bulk = count > BULK;
    else giveBack(memory);
    return received ? chunkOf(memory, count) : undefined;
  }

  /** Notes what a read has told. Whether it was data. */
  #received(open: State & { kind: 'open' }, count: number, buffer: Uint8Array): boolean {
    if (count < 0) {
      this.#nothing(open, count);
      return false;
    }
    this.#streak += 1;
    open.dry = count < buffer.byteLength;
    if (open.dry) open.asked = true;
    // There may be more, or an end, for which nobody asks.
    else this.#ask(open);
    return true;
  }

  #fill(open: State & { kind: 'open' }): void {
    const controller = this.#controller as ReadableByteStreamController;
    // The request may be of a reader that has gone. enqueue() serves any reader, at the price of a copy.
    const request = this.#again ? null : controller.byobRequest;
    const view = request?.view as Uint8Array<ArrayBuffer> | undefined;
    const count = view ? read(open.id, view) : 0;
    if (view && !this.#received(open, count, view)) return;
    const chunk = view ? undefined : this.#receive(open);
    if (!view && chunk === undefined) return;
    this.#pulled = false;
    this.#again = false;
    this.#reads.given();
    try {
      if (chunk) controller.enqueue(chunk);
      else request?.respond(count);
    } catch (error) {
      // Node's own assertion, after a BYOB reader has gone with a part of an element: the data is lost.
      this.fail(error);
      this.#owner.sideEnded();
    }
    this.#owner.repin();
  }

  /** Reads what nobody wants, until there is nothing, or an end. */
  #discard(id: number): void {
    for (let reads = 0; reads < STREAK; reads += 1) {
      const count = read(id);
      if (count === END) this.#owner.readEnded();
      else if (count === FAILED) this.#owner.broke();
      // The native side tells when there is more.
      if (count < scratch.byteLength) return;
    }
    watch(id, Interest.Readable);
  }

  #nothing(open: State & { kind: 'open' }, result: number): void {
    if (result === WAIT) {
      open.dry = true;
      open.asked = true;
    } else if (result === END) {
      this.end();
      this.#owner.readEnded();
    } else if (result === FAILED) {
      this.#owner.broke();
    }
  }

  /** Lets the native side tell in a later turn. Unlike an immediate, that keeps no process alive for an unref'd socket. */
  #ask(open: State & { kind: 'open' }): void {
    if (open.asked) return;
    open.asked = true;
    watch(open.id, Interest.Readable);
  }

  #over(state: State & { kind: 'over' }): void {
    this.#state = state;
    this.#pulled = false;
    const requests = this.#reads.takeAll();
    this.#owner.repin();
    this.#show(state);
    settle(requests, state);
  }

  #show(state: State & { kind: 'over' }): void {
    if ('error' in state) {
      this.#controller?.error(state.error);
      return;
    }
    try {
      this.#controller?.close();
      // A pending BYOB read ends only when its request is answered.
      this.#controller?.byobRequest?.respond(0);
    } catch {
      // Cancelled already; or, by Streams, a BYOB read had half an element, and the stream is errored with that.
    }
  }
}
