/** Addresses of a host that was looked up here, tried in turn. */

import { getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import type { Address } from '../address.ts';
import type { NativeSocket } from '../binding.ts';
import { type SocketError, timeoutError } from '../error.ts';
import type { Host } from '../host.ts';
import type { Idle, IdleWatch } from '../idle.ts';

/** Who connects. */
export interface Dialling extends Idle {
  readonly native: NativeSocket | undefined;
  take(native: NativeSocket): void;
  /** Also: it cannot be connected. */
  idled(error: unknown): void;
}

export class Attempts {
  readonly #addresses: Address[];
  #timer: NodeJS.Timeout | undefined;

  readonly #host: Host;
  /** For messages. */
  readonly #text: string;
  readonly #family: 0 | 4 | 6;
  readonly #begun: number | undefined;
  #current: Address | undefined;
  /** Why the first of those that may not be connected to may not. */
  #refusal: SocketError | undefined;
  #line: Dialling | undefined;

  /**
   * @param family 4 or 6: addresses that are looked up are to be of that.
   * @param begun When the look-up of these addresses has begun, by `performance.now()`.
   */
  constructor(addresses: readonly Address[], host: Host, family: 0 | 4 | 6 = 0, begun?: number) {
    this.#begun = begun;
    this.#host = host;
    this.#text = addresses[0]?.name ?? addresses[0]?.text ?? '';
    // Of one alone it is found out when it is dialled.
    const several = addresses.length > 1;
    this.#addresses = several ? addresses.filter((address) => this.#mayBe(address)) : [...addresses];
    this.#family = family;
  }

  /**
   * Tries the first for a line.
   * @throws {SocketError} if none may be connected to; that is counted.
   */
  begin(line: Dialling): void {
    this.#line = line;
    if (this.next()) return;
    const error = this.#refusal ?? timeoutError(this.#text, 'looking it up', this.#host.connectTimeout);
    this.#host.failed(error);
    throw error;
  }

  /** Tries the next one, and gives up the last. Whether there is one. */
  next(): boolean {
    this.end();
    const line = this.#line;
    const address = this.#addresses.shift();
    if (address === undefined || line === undefined || this.#left() <= 0) return false;
    this.#current = address;
    // First: there may be no room for both.
    line.native?.abort(false);
    try {
      line.take(
        this.#host.dial(this.#within(address), undefined, (error) => line.idled(error), this.#family),
      );
      if (this.#addresses.length > 0)
        this.#timer = setTimeout(() => this.next(), getDefaultAutoSelectFamilyAttemptTimeout());
    } catch (error) {
      // As in node:net: never within the call.
      process.nextTick(() => line.idled(error));
    }
    return true;
  }

  /** What is left of the time for all that comes before the connection is open. */
  #within(address: Address): Address {
    const left = this.#left();
    return left === Number.POSITIVE_INFINITY
      ? address
      : { ...address, timeout: Math.max(1, Math.ceil(left)) };
  }

  #left(): number {
    const { connectTimeout } = this.#host;
    if (this.#begun === undefined || connectTimeout === 0) return Number.POSITIVE_INFINITY;
    return this.#begun + connectTimeout - performance.now();
  }

  #mayBe(address: Address): boolean {
    try {
      this.#host.check(address);
      return true;
    } catch (error) {
      this.#refusal ??= error as SocketError;
      return false;
    }
  }

  /** Tells when nothing has gone through the connection for as long as the host allows. */
  watch(native: NativeSocket, idle: Idle): IdleWatch | undefined {
    return this.#current && this.#host.watch(native, this.#current, idle);
  }

  /** It has been decided. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
