/** The connection under a duplex: connects, reads when asked, writes in order, goes over to TLS, ends. No web streams. */

import { AsyncResource } from 'node:async_hooks';
import {
  END,
  FAILED,
  Interest,
  type Listener,
  listen,
  type NativeSocket,
  peek,
  pin,
  read,
  scratch,
  shutdown,
  Told,
  WAIT,
  watch,
  write,
} from '../binding.ts';
import type { Handshake } from '../credentials.ts';
import { errorOf, rethrowing, type SocketError } from '../error.ts';
import type { IdleWatch } from '../idle.ts';
import type { Attempts, Dialling } from './attempts.ts';
import { failureOf } from './failure.ts';
import type { Follower, LineOwner } from './parts.ts';
import { type Done, type Pending, Writes } from './writes.ts';
import { allocate, BULK, bufferOf, giveBack } from '../memory.ts';

/** Each state owns what is usable in it. */
type State =
  /** Not dialled yet. */
  | { kind: 'idle' }
  | { kind: 'connecting' }
  | { kind: 'open'; id: number }
  /** The handshake has the connection. */
  | { kind: 'securing' }
  | { kind: 'closed' };

/** As in lib/readable.ts: so many reads in a row, then the others have their turn. */
const STREAK = 16;

export class Line extends AsyncResource implements Listener, Dialling {
  owner: LineOwner;
  readonly followers: Follower[] = [];
  /** Once it is dialled. */
  native: NativeSocket | undefined;
  /** Whether it keeps the process alive. */
  referenced = true;
  bytesRead = 0;
  /** Bytes that were taken over. */
  sent = 0;
  #state: State = { kind: 'idle' };
  readonly #host: string;
  #idle: IdleWatch | undefined;
  #attempts: Attempts | undefined;
  /** Somebody wants bytes. */
  #wanted = false;
  /** There was nothing left, and the native half tells when there is. */
  #dry = true;
  #bulk = false;
  readonly writes = new Writes();
  readonly #lost: Done = (error) => error && this.owner.broke(error);
  #ending: ((error?: Error | null) => void) | undefined;
  /** When `sent` has come so far, the rest is written over TLS. */
  #upgrade: { at: number; handshake: Handshake } | undefined;

  constructor(owner: LineOwner, host: string) {
    // The events of a socket belong to where it was made, as those of net.Socket: for AsyncLocalStorage.
    super('WINTERSOCK');
    this.owner = owner;
    this.#host = host;
  }

  /** Connects to the first of some addresses that accepts it. Throws if it may be none of them. */
  dial(attempts: Attempts): void {
    this.#attempts = attempts;
    attempts.begin(this);
  }

  /** Takes over what connects, or is `open`. `hears`: of its events from now on; otherwise whoever hears of them hands them over. */
  take(native: NativeSocket, open = false, hears = true): void {
    this.native = native;
    this.#state = open ? { kind: 'open', id: native.id } : { kind: 'connecting' };
    if (!this.referenced) this.hold();
    if (hears) listen(native.id, this);
    pin(this, true);
    if (open) watch(native.id, Interest.Readable);
  }

  /** As in libuv, a connection that is asked for, and writes on an open one, keep the process alive also without a reference. */
  hold(): void {
    const { kind } = this.#state;
    const writes = this.writes.length > 0 || this.#ending !== undefined;
    const busy = kind === 'connecting' || (kind === 'open' && writes);
    if (kind !== 'closed') this.native?.keepAlive(this.referenced || busy);
  }

  told(event: Told): void {
    this.runInAsyncScope(this.#told, this, event);
  }

  #told(event: Told): void {
    if (this.#state.kind === 'closed') return;
    if (event === Told.Readable) this.#readable();
    else if (event === Told.Writable) this.#send();
    else if (event === Told.Opened) this.#opened();
    else this.#broke();
    if (!this.referenced) this.hold();
  }

  /** Asks for bytes. */
  read(): void {
    this.#wanted = true;
    // What comes from now on is for the handshake: handed out, it would pass for encrypted.
    if (this.#state.kind === 'open' && !this.#dry && !this.#upgrade) this.#receive(this.#state);
  }

  /** Writes after what was written before; `done` when it is taken over. */
  write(bytes: Uint8Array, done: Done): void {
    const state = this.#state;
    // Nearly always: it is open, nothing is before it, and all is taken.
    const alone = state.kind === 'open' && this.writes.length === 0 && this.#upgrade === undefined;
    const taken = alone ? write(state.id, bytes, 0, true) : 0;
    if (taken > 0) this.sent += taken;
    if (taken === bytes.length) done();
    else if (taken === FAILED) done(this.failure());
    else this.writes.add({ bytes, offset: taken, done });
    if (!alone) this.#send();
    if (!this.referenced) this.hold();
  }

  /** Has everything kept that is being written, and what comes until `keep()`'s caller is done, without telling the writer. */
  release(): void {
    this.writes.release(this.#lost);
  }

  /** As `write()`, for whoever does not wait. */
  keep(bytes: Uint8Array): void {
    this.write(bytes, this.#lost);
  }

  /** Ends the write side, after all writes. */
  end(done: Done): void {
    this.#ending = done;
    this.#send();
    if (!this.referenced) this.hold();
  }

  /**
   * Goes over to TLS when all has gone out that is to be written in plain text: `queued` bytes, those that write() has been
   * given, but not taken over wholly, among them.
   */
  secure(handshake: Handshake, queued: number): void {
    this.#upgrade = { at: this.sent - this.writes.partly + queued, handshake };
    this.#send();
  }

  /** Closes. `'end'`: what was taken over goes out, and a late peer does not reset it; `'cut'`: something is lost. */
  close(how: 'end' | 'drop' | 'cut', error: Error): void {
    if (this.#state.kind === 'closed') return;
    this.#state = { kind: 'closed' };
    this.#attempts?.end();
    this.#idle?.stop();
    pin(this, false);
    if (how === 'end') this.native?.close(false);
    else this.native?.abort(how === 'cut');
    this.writes.fail();
    this.#ending?.(error);
    this.#ending = undefined;
    for (const { closed } of this.followers) closed(error);
  }

  /** It was idle for too long, or cannot be connected. */
  idled(error: unknown): void {
    this.owner.broke(errorOf(error));
  }

  failure(): SocketError {
    return failureOf(this.native?.failure() ?? null, this.#host);
  }

  #opened(): void {
    const { id } = this.native as NativeSocket;
    this.#attempts?.end();
    const securing = this.#state.kind === 'securing';
    if (!securing) {
      for (const { opened } of this.followers) opened?.();
      this.#idle = this.#attempts?.watch(this.native as NativeSocket, this);
    }
    const open: State = { kind: 'open', id };
    this.#state = open;
    // Most servers say nothing before they are asked: being told costs less than trying.
    this.#dry = true;
    if (securing) this.owner.secured();
    else this.owner.opened();
    if (this.#state !== open) return;
    watch(open.id, Interest.Readable);
    this.#send();
  }

  #broke(): void {
    if (this.#state.kind === 'connecting' && this.#attempts?.next()) return;
    const error = this.failure();
    if (this.#state.kind === 'connecting') for (const { failed } of this.followers) failed?.(error);
    this.owner.broke(error);
  }

  #readable(): void {
    if (this.#state.kind !== 'open') return;
    this.#dry = false;
    // Plain text that is still to be written may wait for the user: a reset is noticed all the same.
    if (this.#upgrade && peek(this.#state.id) === FAILED) this.#broke();
    else if (this.#wanted && !this.#upgrade) this.#receive(this.#state);
  }

  #receive(open: State & { kind: 'open' }): void {
    for (let reads = 0; reads < STREAK; reads += 1) {
      const memory = this.#bulk ? allocate() : scratch;
      const count = this.#bulk ? read(open.id, memory) : read(open.id);
      if (count < 0) {
        giveBack(memory);
        this.#nothing(count);
        return;
      }
      this.bytesRead += count;
      this.#dry = count < memory.length;
      this.#bulk = count > BULK;
      this.#wanted = this.owner.received(bufferOf(memory, count));
      if (this.#state !== open || this.#upgrade || this.#dry || !this.#wanted) return;
    }
    watch(open.id, Interest.Readable);
  }

  #nothing(result: number): void {
    this.#dry = true;
    if (result === WAIT) return;
    // An end without close_notify is one for node:tls, and servers rely on it.
    if (result === END || this.native?.failure()?.code === 'ERR_TLS_TRUNCATED') this.owner.ended();
    else if (result === FAILED) this.#broke();
  }

  /** Writes what can be written now, then goes over to TLS, or ends. */
  #send(): void {
    const state = this.#state;
    while (state.kind === 'open' && this.#state === state) {
      if (this.#upgrade?.at === this.sent) {
        this.#handshake(this.#upgrade.handshake);
        return;
      }
      const pending = this.writes.first;
      if (pending === undefined) break;
      if (!this.#sendSome(state.id, pending)) return;
    }
    if (this.#ending && state.kind === 'open' && this.#state === state)
      this.#shutDown(state.id, this.#ending);
  }

  /** Whether there is room for more. */
  #sendSome(id: number, pending: Pending): boolean {
    const { bytes, offset, done } = pending;
    const plain = this.#upgrade === undefined ? bytes.length : offset + this.#upgrade.at - this.sent;
    const part = plain < bytes.length ? bytes.subarray(0, plain) : bytes;
    const taken = part.length === 0 ? 0 : write(id, part, offset, true);
    if (taken === FAILED) {
      this.writes.shift();
      done(this.failure());
      return false;
    }
    pending.offset += taken;
    this.sent += taken;
    if (pending.offset === bytes.length) {
      this.writes.shift();
      done();
      return true;
    }
    return pending.offset === part.length;
  }

  #handshake({ secure, credentials }: Handshake): void {
    this.#upgrade = undefined;
    this.#state = { kind: 'securing' };
    this.#dry = true;
    if (!this.referenced) this.hold();
    try {
      rethrowing(() => this.native?.startTls(secure, credentials.native));
    } catch (error) {
      // The connection broke, and nobody has been told yet.
      this.owner.broke(this.native?.failure() ? this.failure() : (error as Error));
    }
  }

  #shutDown(id: number, done: Done): void {
    const result = shutdown(id);
    if (result === WAIT) return;
    this.#ending = undefined;
    done(result === FAILED ? this.failure() : null);
  }
}
