/** The readable side: a byte stream that reads when asked, and notices the peer's end when nobody asks. */

import { END, FAILED, Interest, peek, read, WAIT, watch } from './binding.ts';

/** What the owner of a readable side hears of it. */
export interface ReadableOwner {
  /** The peer has ended its side, and all its data has been taken. */
  readEnded(): void;
  /** The user cancelled the stream. */
  readCancelled(): void;
  /** Reading broke. */
  readFailed(): void;
  /** Whether somebody waits for data has changed. */
  readWanted(): void;
}

type State =
  /** Not connected yet. */
  | { kind: 'opening' }
  /** `armed`: the native side tells when there is something, so there is no use in asking before. */
  | { kind: 'open'; id: number; armed: boolean }
  /** Nobody wants the rest: it is read only to notice the peer's end. */
  | { kind: 'cancelled' }
  /** Ended, or (with `error`) broken. */
  | { kind: 'over'; error?: unknown };

/** Large enough for a whole TLS flight, small enough to stay in the cache. */
const CHUNK = 65_536;
/** Reads above this go straight into a chunk of their own, smaller ones through the scratch. */
const BULK = CHUNK / 2;
/** So many reads in a row find data at once; the next waits a turn. A fast peer would starve timers and everybody else. */
const STREAK = 16;

// Shared by all sockets of the thread: a read and the copy out of it happen in one go.
const scratch = new Uint8Array(CHUNK);
let spare: Uint8Array<ArrayBuffer> | undefined;

/** Memory for a chunk. Not zeroed: what a read has not filled has to be cleared before it gets out. */
function allocate(): Uint8Array<ArrayBuffer> {
  const chunk = spare ?? new Uint8Array(Buffer.allocUnsafeSlow(CHUNK).buffer as ArrayBuffer);
  spare = undefined;
  return chunk;
}

export class ReadableSide {
  readonly #owner: ReadableOwner;
  #state: State = { kind: 'opening' };
  #stream: ReadableStream<Uint8Array> | undefined;
  #controller: ReadableByteStreamController | undefined;
  #wanted = false;
  /** Asked again before the first answer: by a second read, or by another reader after releaseLock(). */
  #again = false;
  #bulk = false;
  #streak = 0;

  constructor(owner: ReadableOwner) {
    this.#owner = owner;
  }

  /** Made on first use: a stream costs more than the rest of a socket. */
  get stream(): ReadableStream<Uint8Array> {
    if (this.#stream === undefined) {
      this.#stream = new ReadableStream({
        type: 'bytes',
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#again ||= this.#wanted;
          this.#wanted = true;
          this.#owner.readWanted();
          if (this.#state.kind !== 'open' || this.#state.armed) return;
          if (this.#streak < STREAK) this.#fill(this.#state);
          else this.#arm(this.#state);
        },
        cancel: () => {
          const { kind } = this.#state;
          if (kind === 'over' || kind === 'cancelled') return;
          const id = this.#state.kind === 'open' ? this.#state.id : undefined;
          this.#state = { kind: 'cancelled' };
          this.#wanted = false;
          this.#owner.readCancelled();
          if (id !== undefined) this.readable(id);
        },
      });
      if (this.#state.kind === 'over') this.#show(this.#state);
    }
    return this.#stream;
  }

  /** Whether a read is pending. */
  get wanted(): boolean {
    return this.#wanted;
  }

  /** Whether nothing will be read any more. */
  get over(): boolean {
    return this.#state.kind === 'over' || this.#state.kind === 'cancelled';
  }

  /** The connection is open. */
  open(id: number): void {
    if (this.#state.kind === 'opening') this.#state = { kind: 'open', id, armed: false };
    this.readable(id);
  }

  /** The native side says that there may be something. */
  readable(id: number): void {
    const state = this.#state;
    if (state.kind === 'cancelled') this.#discard(id);
    if (state.kind !== 'open') return;
    state.armed = false;
    this.#streak = 0;
    // After releaseLock() nobody waits. What is not read stays with the system; what a request was for is unknown.
    if (this.#wanted && !this.#stream?.locked) {
      this.#wanted = false;
      this.#again = true;
      this.#owner.readWanted();
    }
    if (this.#wanted) this.#fill(state);
    else this.#look(state);
  }

  /** Ends the stream: pending reads are done. */
  end(): void {
    if (!this.over) this.#over({ kind: 'over' });
  }

  /** Errors the stream. */
  fail(error: unknown): void {
    if (!this.over) this.#over({ kind: 'over', error });
  }

  #fill(open: State & { kind: 'open' }): void {
    const controller = this.#controller as ReadableByteStreamController;
    // The request may be of a reader that has gone. enqueue() serves any reader, at the price of a copy.
    const request = this.#again ? null : controller.byobRequest;
    const view = request?.view as Uint8Array<ArrayBuffer> | undefined;
    const buffer = view ?? (this.#bulk ? allocate() : scratch);
    const count = read(open.id, buffer);
    if (buffer !== scratch && buffer !== view && count <= BULK) spare = buffer;
    if (count < 0) {
      this.#nothing(open, count);
      return;
    }
    open.armed = count < buffer.byteLength;
    this.#wanted = false;
    this.#again = false;
    this.#streak += 1;
    if (request) {
      request.respond(count);
    } else {
      // A small chunk gets memory of its own size; a view would keep 64 KiB alive for it. In a large one, what stood
      // behind the data before must not get out with it.
      const large = buffer !== scratch && buffer !== spare;
      const chunk = large ? buffer.fill(0, count).subarray(0, count) : buffer.slice(0, count);
      this.#bulk = count > BULK;
      controller.enqueue(chunk);
    }
    this.#owner.readWanted();
    // There may be more, or an end, for which nobody asks.
    if (!open.armed && !this.#wanted) this.#arm(open);
  }

  /** Nobody asks for data: only finds out whether the peer has ended. What is there stays where it is. */
  #look(open: State & { kind: 'open' }): void {
    const found = peek(open.id);
    if (found < 0) this.#nothing(open, found);
  }

  /** Reads what nobody wants, until there is nothing, or an end. */
  #discard(id: number): void {
    for (let reads = 0; reads < STREAK; reads += 1) {
      const count = read(id, scratch);
      if (count === END) this.#owner.readEnded();
      else if (count === FAILED) this.#owner.readFailed();
      // The native side tells when there is more.
      if (count < scratch.byteLength) return;
    }
    watch(id, Interest.Readable);
  }

  #nothing(open: State & { kind: 'open' }, result: number): void {
    if (result === WAIT) {
      open.armed = true;
    } else if (result === END) {
      this.end();
      this.#owner.readEnded();
    } else if (result === FAILED) {
      this.#owner.readFailed();
    }
  }

  /** Lets the native side tell in a later turn. Unlike an immediate, that keeps no process alive for an unref'd socket. */
  #arm(open: State & { kind: 'open' }): void {
    open.armed = true;
    watch(open.id, Interest.Readable);
  }

  #over(state: State & { kind: 'over' }): void {
    this.#state = state;
    this.#wanted = false;
    this.#owner.readWanted();
    this.#show(state);
  }

  #show(state: State & { kind: 'over' }): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    if ('error' in state) {
      controller.error(state.error);
      return;
    }
    try {
      controller.close();
      // A pending BYOB read ends only when its request is answered.
      controller.byobRequest?.respond(0);
    } catch {
      // Cancelled already; or, by Streams, a BYOB read had half an element, and the stream is errored with that.
    }
  }
}
