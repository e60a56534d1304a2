/** What becomes of a socket: its promises, and what those hear who listen to channels. Each thing once. */

import type { SocketInfo, SocketStats } from '../index.d.ts';
import type { Address } from './address.ts';
import * as channels from './channels.ts';
import { Deferred } from './deferred.ts';
import type { SocketError } from './error.ts';
import type { Idle } from './idle.ts';
import type { Options } from './options.ts';

export abstract class Outcome implements channels.Observable, Idle {
  readonly address: Address;
  readonly options: Options;
  /** What the user has. */
  socket: object | undefined;
  /** Whether another socket has the connection, or is going to: after startTls(), or in another shape. */
  protected moved = false;
  /** Whether somebody may wait for `closed`. */
  protected awaited = false;
  readonly #opened = new Deferred<SocketInfo>();
  readonly #closed = new Deferred<void>();
  /** Why it is going to be over, or is. */
  #reason: unknown;
  #over = false;

  constructor(address: Address, options: Options) {
    this.address = address;
    this.options = options;
  }

  protected abstract info(): SocketInfo;
  /** `null`: the native half has failed. */
  protected abstract figures(): SocketStats | null;
  /** What broke in the native half. */
  protected abstract failure(): SocketError;
  abstract repin(): void;
  abstract abort(reason: unknown): void;

  get opened(): Promise<SocketInfo> {
    return this.#opened.promise;
  }

  get closed(): Promise<void> {
    // Whoever looks at it may wait for it, so it has to be settled although the socket itself was dropped.
    if (!this.awaited) {
      this.awaited = true;
      this.repin();
    }
    return this.#closed.promise;
  }

  /** @throws {SocketError} if the native half has failed. */
  get stats(): SocketStats {
    const stats = this.figures();
    if (stats === null) throw this.failure();
    return stats;
  }

  protected isOpen(): void {
    channels.opened(this);
    this.#opened.resolve(this.info());
  }

  protected unopened(reason: unknown): void {
    this.#opened.reject(reason);
  }

  /** Somebody ends it, perhaps with a reason. */
  protected endedBy(reason: unknown): void {
    this.#reason ??= reason;
  }

  /** Something went wrong. If that is not the first thing, or comes after a reason to end it, it follows from that. */
  protected broken(error: unknown): void {
    if (this.#over || this.#reason !== undefined) return;
    this.#reason = error;
    channels.failed(this, error);
  }

  /** Nothing has gone through it for too long. */
  idled(error: SocketError): void {
    this.broken(error);
    this.abort(error);
  }

  /** It could not be opened. */
  protected failed(error: unknown): void {
    this.broken(error);
    this.#closed.reject(error);
  }

  protected over(): void {
    if (!this.#over) channels.closed(this, this.#reason);
    this.#over = true;
    this.#closed.resolve();
  }

  observed(): channels.Observed {
    const { address, options, moved } = this;
    return {
      address: address.text,
      secureTransport: options.secureTransport,
      socket: () => this.socket as object,
      info: () => this.info(),
      stats: () => (moved ? null : this.figures()),
    };
  }
}
