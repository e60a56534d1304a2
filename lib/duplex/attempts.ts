/** Addresses of a host that was looked up here, tried in turn. */

import { getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import type { Address } from '../address.ts';
import type { NativeSocket } from '../binding.ts';
import type { SocketError } from '../error.ts';
import type { Host } from '../host.ts';
import type { Idle, IdleWatch } from '../idle.ts';

export class Attempts {
  readonly #addresses: Address[];
  #timer: NodeJS.Timeout | undefined;

  readonly #host: Host;
  readonly #family: 0 | 4 | 6;
  readonly #begun: number | undefined;
  #current: Address | undefined;
  /** Why the first of those that may not be connected to may not. */
  refusal: SocketError | undefined;

  /**
   * @param family 4 or 6: addresses that are looked up are to be of that.
   * @param begun When the look-up of these addresses has begun, by `performance.now()`.
   */
  constructor(addresses: readonly Address[], host: Host, family: 0 | 4 | 6 = 0, begun?: number) {
    this.#begun = begun;
    this.#host = host;
    this.#addresses = addresses.filter((address) => this.#mayBe(address));
    this.#family = family;
  }

  /**
   * Tries the next address that may be connected to.
   * @param late Called if it has not answered in the time that node:net gives it, unless it is the last.
   * @param lost Told why the host could not look it up.
   */
  next(late: () => void, lost: (error: unknown) => void): NativeSocket {
    this.end();
    this.#current = this.#addresses.shift() as Address;
    const native = this.#host.dial(this.#within(this.#current), undefined, lost, this.#family);
    if (this.#addresses.length > 0)
      this.#timer = setTimeout(late, getDefaultAutoSelectFamilyAttemptTimeout());
    return native;
  }

  /** Why none may be connected to; counted. */
  refused(): SocketError | undefined {
    if (this.refusal) this.#host.config.failed(this.refusal.code);
    return this.refusal;
  }

  /** Whether there is another one. */
  get more(): boolean {
    return this.#addresses.length > 0;
  }

  /** What is left of the time for all that comes before the connection is open. */
  #within(address: Address): Address {
    const { connectTimeout } = this.#host;
    if (this.#begun === undefined || connectTimeout === 0) return address;
    return { ...address, timeout: Math.max(1, Math.ceil(this.#begun + connectTimeout - performance.now())) };
  }

  #mayBe(address: Address): boolean {
    try {
      this.#host.check(address);
      return true;
    } catch (error) {
      this.refusal ??= error as SocketError;
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
