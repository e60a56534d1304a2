/** The life of a socket: what happens when, and which promise that settles. Everything the class Socket shows is here. */

import type { SocketInfo } from '../index.d.ts';
import type { Address } from './address.ts';
import { checkTls, connect, listen, type NativeSocket, pin, Told, type TlsOptions } from './binding.ts';
import { Deferred } from './deferred.ts';
import { closedError, fromNative, rethrowing, SocketError } from './error.ts';
import { type Options, readStartTlsOptions, tlsOptions } from './options.ts';
import type { ReadableOwner, WritableOwner } from './owner.ts';
import { ReadableSide } from './readable.ts';
import { watchSignal } from './signal.ts';
import { WritableSide } from './writable.ts';

/** How long close() waits for queued writes. The native half has a bound of its own for what it then flushes. */
const CLOSE_BOUND_MS = 1000;

/** Each state owns what is usable in it. */
type State =
  /** Resolving, connecting, or in a handshake. */
  | { kind: 'connecting' }
  | { kind: 'open' }
  /** startTls() was called: what was queued goes out, then `next` takes the connection over. */
  | { kind: 'upgrading'; next: Connection }
  /** A write was told that the connection broke. What arrived before can still be read. */
  | { kind: 'broken' }
  /** Flushing; without a bound after the peer's end, with one after close(). */
  | { kind: 'closing'; bound?: NodeJS.Timeout }
  | { kind: 'closed' };

export class Connection implements ReadableOwner, WritableOwner {
  readonly options: Options;
  readonly readable: ReadableSide;
  readonly writable: WritableSide;
  readonly #address: Address;
  readonly #native: NativeSocket;
  readonly #opened = new Deferred<SocketInfo>();
  readonly #closed = new Deferred<void>();
  #state: State = { kind: 'connecting' };
  #observed = false;
  #forget: (() => void) | undefined;

  /** Starts to connect, or (with `native`) waits to take over a connection. */
  constructor(address: Address, options: Options, native?: NativeSocket) {
    this.#address = address;
    this.options = options;
    this.readable = new ReadableSide(this);
    this.writable = new WritableSide(this, options.highWaterMark);
    this.#native = native ?? dial(address, options);
    if (native === undefined) listen(this.#native.id, this);
    if (options.signal) this.#forget = watchSignal(options.signal, this);
    this.repin();
  }

  get opened(): Promise<SocketInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    // Whoever looks at it may wait for it, so it has to be settled although the socket itself was dropped.
    if (!this.#observed) {
      this.#observed = true;
      this.repin();
    }
    return this.#closed.promise;
  }

  upgraded = false;

  keepAlive(on: boolean): void {
    this.#native.keepAlive(on);
  }

  close(reason: unknown): Promise<void> {
    const make = () => (reason === undefined ? this.#ended('the socket was closed by close()') : reason);
    const { kind } = this.#state;
    // Nothing is queued, so there is nothing to wait for.
    if (kind === 'open' && this.writable.endUntouched(make)) {
      this.#state = { kind: 'closing' };
      this.readable.end();
      if (!this.#native.close(false)) this.#finish();
      return this.closed;
    }
    const error = make();
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
    this.readable.fail(reason);
    this.#shut(reason);
  }

  startTls(options: unknown): Connection {
    // First: a getter may do anything, also to this socket.
    const tls = readStartTlsOptions(options, tlsOptions(this.options, this.#address.host));
    rethrowing(() => checkTls(tls));
    const { secureTransport } = this.options;
    if (secureTransport !== 'starttls') {
      const why =
        secureTransport === 'on' ? 'this socket is secure already' : 'this socket was not made for it';
      throw this.#misused(
        `${why}; startTls() needs a socket of connect(address, { secureTransport: 'starttls' })`,
      );
    }
    if (this.upgraded) throw this.#misused('startTls() was called before; use the socket that it returned');
    const open = this.#state.kind === 'open' || this.#state.kind === 'connecting';
    if (!open || this.writable.over || this.writable.ends || this.readable.over) {
      throw this.#ended(
        'startTls() was called after the socket, or a side of it, had been closed or had ended',
      );
    }

    const next = new Connection(this.#address, { ...this.options, secureTransport: 'on' }, this.#native);
    this.upgraded = true;
    const connecting = this.#state.kind === 'connecting';
    this.#state = { kind: 'upgrading', next };
    this.#forget?.();
    this.readable.end();
    this.repin();
    const detail = `${this.#address.text}: this socket was upgraded; use the socket that startTls() returned`;
    const replaced = new SocketError(detail, { code: 'ERR_SOCKET_UPGRADED' });
    // While it connects nothing can be let out: the writable calls back only after that.
    this.writable.seal('upgrade', replaced, (whole) => {
      if (!whole) next.#fail(this.#cutShort());
      else if (connecting)
        this.#opened.promise.then(
          () => this.#handOver(next, tls, replaced),
          () => {},
        );
      else this.#handOver(next, tls, replaced);
    });
    // Not before the new socket's errors are out, so that a driver hears of those first.
    const settle = () => setImmediate(() => this.#shut(replaced));
    next.opened.then(settle, settle);
    return next;
  }

  /** An event of the native half. */
  told(event: Told): void {
    if (event === Told.Readable) this.readable.readable(this.#native.id);
    else if (event === Told.Writable) this.writable.writable(this.#native.id);
    else if (event === Told.Opened) this.#open();
    else if (event === Told.Unwritable) this.writable.unwritable(this.#native.id);
    else if (event === Told.Failed) this.#fail(this.#failure());
    else if (event === Told.Broken) this.broke();
    else this.#finish();
  }

  #open(): void {
    const info = this.#native.info();
    this.#opened.resolve({
      remoteAddress: this.#address.text,
      localAddress: info?.localAddress ?? '',
      alpn: info?.alpn ?? null,
    });
    if (this.#state.kind === 'connecting') {
      this.#state = { kind: 'open' };
      this.readable.open(this.#native.id);
    }
    this.writable.open(this.#native.id);
    this.sideEnded();
    this.repin();
  }

  /** It could not be opened. */
  #fail(error: SocketError): void {
    if (this.#state.kind === 'upgrading') this.#state.next.#fail(error);
    this.#closed.reject(error);
    this.readable.fail(error);
    this.#shut(error);
  }

  #cutShort(): SocketError {
    const detail = 'what was queued before startTls() was not sent, because a write failed or was aborted';
    return this.#native.failure() ? this.#failure() : this.#ended(detail);
  }

  #handOver(next: Connection, tls: TlsOptions, replaced: SocketError): void {
    if (this.#state.kind !== 'upgrading' || next.#state.kind !== 'connecting') return;
    if (this.#native.failure() !== null) {
      next.#fail(this.#failure());
      return;
    }
    this.writable.fail(replaced);
    listen(this.#native.id, next);
    try {
      rethrowing(() => this.#native.startTls(tls));
    } catch (error) {
      next.#fail(error as SocketError);
    }
  }

  /** The peer's FIN, after all its data. */
  readEnded(): void {
    if (this.#state.kind === 'broken') {
      this.broke();
    } else if (this.options.allowHalfOpen) {
      this.sideEnded();
    } else if (this.#state.kind === 'open') {
      const error = this.#ended('the peer has closed the connection, and allowHalfOpen is false');
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
      this.#closed.resolve();
      this.keepAlive(false);
      this.repin();
    }
    return this.#failure();
  }

  /** The connection is broken, and what had arrived before has been read, or is not wanted. */
  broke(): void {
    const error = this.#failure();
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

  #closeNative(): void {
    const bound = this.#state.kind === 'closing' ? this.#state.bound : undefined;
    this.#state = bound ? { kind: 'closing', bound } : { kind: 'closing' };
    this.repin();
    // Otherwise an event tells when it is done.
    if (!this.#native.close(bound === undefined)) this.#finish();
  }

  /** Ends everything at once. */
  #shut(error: unknown): void {
    if (this.#state.kind === 'closed') return;
    // After a hand-over the connection is the next socket's.
    if (this.#state.kind !== 'upgrading') this.#native.abort(this.writable.queues);
    this.#opened.reject(error);
    this.readable.end();
    this.writable.fail(error);
    this.#finish();
  }

  #finish(): void {
    if (this.#state.kind === 'closing') clearTimeout(this.#state.bound);
    this.#state = { kind: 'closed' };
    this.#closed.resolve();
    this.#forget?.();
    this.repin();
  }

  #ended(detail: string): SocketError {
    return closedError(`${this.#address.text}: ${detail}`);
  }

  #misused(detail: string): SocketError {
    return new SocketError(`${this.#address.text}: ${detail}`, { code: 'ERR_INVALID_STATE' });
  }

  #failure(): SocketError {
    return fromNative(this.#native.failure());
  }

  repin(): void {
    const { kind } = this.#state;
    const awaited = this.#observed && kind !== 'broken';
    const idle = kind === 'open' || kind === 'broken';
    const quiet = idle && !awaited && !this.readable.wanted && !this.writable.wanted;
    pin(this, kind !== 'closed' && !quiet);
  }
}

function dial(address: Address, options: Options): NativeSocket {
  const tls = options.secureTransport === 'on' ? tlsOptions(options, address.host) : undefined;
  return rethrowing(() => connect(address, tls));
}
