/** The life of a socket: what happens when, and which promise that settles. Everything the class Socket shows is here. */

import type { SocketInfo, SocketStats } from '../index.d.ts';
import type { Address } from './address.ts';
import { type Listener, listen, type NativeSocket, pin, Told } from './binding.ts';
import { startsTls } from './channels.ts';
import { type Handshake, readStartTls } from './credentials.ts';
import { fromNative, rethrowing, type SocketError } from './error.ts';
import type { Host } from './host.ts';
import type { IdleWatch } from './idle.ts';
import { infoOf } from './info.ts';
import * as misuse from './misuse.ts';
import type { Options } from './options.ts';
import { Outcome } from './outcome.ts';
import type { Lent, ReadableOwner, WritableOwner } from './owner.ts';
import { ReadableSide } from './readable.ts';
import { watchSignal } from './signal.ts';
import { CLOSE_BOUND_MS, type State } from './state.ts';
import { WritableSide } from './writable.ts';

export class Connection extends Outcome implements ReadableOwner, WritableOwner {
  /** How TLS is, or will be, set up. */
  readonly handshake: Handshake | undefined;
  readonly readable: ReadableSide;
  readonly writable: WritableSide;
  readonly host: Host;
  upgraded = false;
  readonly #native: NativeSocket;
  #state: State = { kind: 'connecting' };
  /** Who is told of events. */
  #heir: Listener = this;
  readonly #upgrades: boolean;
  #forget: (() => void) | undefined;
  #idle: IdleWatch | undefined;

  /** Starts to connect, or (with `native`) waits to take over a connection. */
  constructor(address: Address, options: Options, host: Host, native?: NativeSocket, handshake?: Handshake) {
    super(address, options);
    this.host = host;
    this.readable = new ReadableSide(this);
    this.writable = new WritableSide(this, options.highWaterMark);
    this.handshake = handshake ?? host.handshake(options, address);
    this.#native = native ?? host.dial(address, this.handshake, (error) => this.#fail(error));
    this.#upgrades = native !== undefined;
    if (native === undefined) listen(this.#native.id, this);
    if (options.signal) this.#forget = watchSignal(options.signal, this);
    this.repin();
  }

  protected figures(): SocketStats | null {
    return this.#native.stats();
  }

  keepAlive(on: boolean): void {
    this.#native.keepAlive(on);
  }

  close(reason: unknown): Promise<void> {
    this.endedBy(reason);
    this.readable.drop();
    const make = () => (reason === undefined ? misuse.closed(this.address.text, misuse.CLOSED) : reason);
    const { kind } = this.#state;
    // Nothing is queued, so there is nothing to wait for.
    if (kind === 'open' && this.writable.endUntouched(make)) {
      this.readable.end();
      this.#closeNative(false);
      return this.closed;
    }
    const error = make();
    if (this.#state.kind === 'lent') this.#state.recall(reason);
    if (kind === 'connecting' || kind === 'broken') this.#shut(error);
    else if (kind === 'open') this.#flushAndClose(() => this.writable.fail(error), error);
    if (this.#state.kind === 'closing') {
      this.#state.bound ??= setTimeout(() => this.#shut(error), CLOSE_BOUND_MS).unref();
    }
    return this.closed;
  }

  /** The signal: no flush, and reads do not end as if all had been read. */
  abort(reason: unknown): void {
    if (this.#state.kind === 'closed') return;
    this.endedBy(reason);
    if (this.#state.kind === 'lent') this.#state.recall(reason);
    this.readable.fail(reason, true);
    this.#shut(reason);
  }

  startTls(options: unknown): Connection {
    const { text } = this.address;
    // First: a getter may do anything, also to this socket.
    const handshake = readStartTls(options, this.host.credentials, this.options, this.address.host);
    const open = this.#state.kind === 'open' || this.#state.kind === 'connecting';
    const over = !open || this.writable.over || this.writable.ends || this.readable.over;
    misuse.checkUpgrade(text, this.options.secureTransport, this.upgraded, over);
    const secure: Options = { ...this.options, secureTransport: 'on' };
    const next = new Connection(this.address, secure, this.host, this.#native, handshake);
    this.upgraded = this.moved = true;
    next.#state = { kind: 'connecting', after: this };
    startsTls(this, next, handshake.secure.serverName);
    const connecting = this.#state.kind === 'connecting';
    this.#state = { kind: 'upgrading', next };
    if (!connecting) next.#watch();
    this.#forget?.();
    this.#idle?.stop();
    this.readable.drop();
    this.readable.end();
    this.repin();
    const replaced = misuse.replacedError(text);
    const handOver = () => this.#handOver(next, handshake, replaced);
    // While it connects nothing can be let out: the writable calls back only after that.
    this.writable.seal('upgrade', replaced, (whole) => {
      if (!whole) next.#fail(this.#native.failure() ? this.failure() : misuse.closed(text, misuse.CUT_SHORT));
      else if (connecting) this.opened.then(handOver, () => {});
      else handOver();
    });
    // Not before the new socket's errors are out, so that a driver hears of those first.
    const settle = () => setImmediate(() => this.#shut(replaced));
    next.opened.then(settle, settle);
    return next;
  }

  /** Gives the connection to a duplex. `recall` is called when this socket is closed or aborted. */
  lend(recall: (error: unknown) => void): Lent {
    const { kind } = this.#state;
    const open = !this.upgraded && (kind === 'open' || kind === 'connecting');
    misuse.checkLending(this.address.text, open, this.readable.untouched && this.writable.untouched);
    this.readable.stream.getReader();
    this.writable.stream.getWriter();
    this.#state = { kind: 'lent', recall };
    this.moved = true;
    this.repin();
    return {
      native: this.#native,
      address: this.address,
      connecting: kind === 'connecting',
      handsOver: this.#upgrades && kind === 'connecting' ? (to) => (this.#heir = to) : undefined,
      opened: () => this.#isOpen(),
      failed: (error) => this.failed(error),
      closed: (error) => this.#returned(error),
    };
  }

  #returned(error: unknown): void {
    if (this.#state.kind === 'lent') this.#over(error);
  }

  /** An event of the native half. */
  told(event: Told): void {
    if (event === Told.Readable) this.readable.readable(this.#native.id);
    else if (event === Told.Writable) this.writable.writable(this.#native.id);
    else if (event === Told.Opened) this.#open();
    else if (event === Told.Unwritable) this.writable.unwritable(this.#native.id);
    else if (event === Told.Closed) this.#finish();
    // A panic may break what is not open yet.
    else if (event === Told.Failed || this.#state.kind === 'connecting') this.#fail(this.failure());
    else this.broke();
  }

  #watch(): void {
    this.#idle ??= this.host.watch(this.#native, this.address, this);
  }

  #isOpen(): void {
    (this.#state.kind === 'upgrading' ? this.#state.next : this).#watch();
    this.isOpen();
  }

  protected info(): SocketInfo {
    return infoOf(this.#native, this.address.text, this.handshake !== undefined);
  }

  #open(): void {
    this.#isOpen();
    if (this.#state.kind === 'connecting') {
      this.#state = { kind: 'open' };
      this.readable.open(this.#native.id);
    }
    this.writable.open(this.#native.id);
    this.sideEnded();
    this.repin();
  }

  /** It could not be opened. */
  #fail(error: unknown): void {
    if (this.#state.kind === 'upgrading') this.#state.next.#fail(error);
    this.failed(error);
    if (this.#state.kind === 'lent') this.#state.recall(error);
    this.readable.fail(error);
    this.#shut(error);
  }

  #handOver(next: Connection, handshake: Handshake, replaced: SocketError): void {
    const waits = next.#state.kind === 'connecting' || next.#state.kind === 'lent';
    if (this.#state.kind !== 'upgrading' || !waits) return;
    try {
      if (this.#native.failure() !== null) throw this.failure();
      this.writable.fail(replaced);
      listen(this.#native.id, next.#heir);
      rethrowing(() => this.#native.startTls(handshake.secure, handshake.credentials.native));
    } catch (error) {
      next.#fail(error);
    }
  }

  /** The peer's FIN, after all its data. */
  readEnded(): void {
    if (this.#state.kind === 'broken') {
      this.broke();
    } else if (this.options.allowHalfOpen) {
      this.sideEnded();
    } else if (this.#state.kind === 'open') {
      const error = misuse.closed(this.address.text, misuse.PEER_ENDED);
      this.#flushAndClose(() => this.writable.finish(error), error);
    }
  }

  /** When both sides have ended, the connection has. */
  sideEnded(): void {
    if (!this.readable.over || !this.writable.over) return;
    if (this.#state.kind === 'open' || this.#state.kind === 'broken') this.#closeNative();
  }

  /** A write was told that the connection broke. Nobody may ever read, so that is the end of the socket. */
  writeFailure(): SocketError {
    if (this.#state.kind === 'open') {
      this.#state = { kind: 'broken' };
      this.broken(this.failure());
      this.over();
      this.keepAlive(false);
      this.repin();
    }
    return this.failure();
  }

  /** The connection is broken, and what had arrived before has been read, or is not wanted. */
  broke(): void {
    const error = this.failure();
    this.broken(error);
    this.readable.fail(error);
    this.#shut(error);
  }

  #flushAndClose(finish: () => void, error: unknown): void {
    this.#state = { kind: 'closing' };
    this.readable.end();
    this.writable.seal('close', error, () => {
      if (this.#state.kind !== 'closing') return;
      finish();
      this.#closeNative();
    });
    this.repin();
  }

  #closeNative(patient?: boolean): void {
    const bound = this.#state.kind === 'closing' ? this.#state.bound : undefined;
    this.#state = bound ? { kind: 'closing', bound } : { kind: 'closing' };
    this.repin();
    // Otherwise an event tells when it is done.
    if (!this.#native.close(patient ?? bound === undefined)) this.#finish();
  }

  /** Ends everything at once. */
  #shut(error: unknown): void {
    const state = this.#state;
    if (state.kind === 'closed') return;
    // After a hand-over the connection is the next socket's. Before it, what the last one has queued may be cut short.
    const before = state.kind === 'connecting' && state.after?.writable.queues === true;
    if (!this.moved) this.#native.abort(this.writable.queues || before);
    this.#over(error);
  }

  #over(error: unknown): void {
    this.unopened(error);
    this.readable.end();
    this.writable.fail(error);
    this.#finish();
  }

  #finish(): void {
    if (this.#state.kind === 'closing') clearTimeout(this.#state.bound);
    this.#state = { kind: 'closed' };
    this.over();
    this.#forget?.();
    this.#idle?.stop();
    this.repin();
  }

  protected failure(): SocketError {
    const failure = this.#native.failure();
    // Nothing broke if the next socket was ended while this one was still being sent.
    return failure || !this.upgraded ? fromNative(failure) : misuse.replacedError(this.address.text);
  }

  repin(): void {
    const { kind } = this.#state;
    const idle = kind === 'broken' || (kind === 'open' && !this.awaited);
    const quiet = idle && !this.readable.wanted && !this.writable.wanted;
    pin(this, kind !== 'closed' && !quiet);
  }
}
