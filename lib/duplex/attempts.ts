/** Addresses of a host that was looked up here, tried in turn. */

import { getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import type { Address } from '../address.ts';
import type { NativeSocket } from '../binding.ts';
import type { Host } from '../host.ts';
import type { Idle, IdleWatch } from '../idle.ts';

export class Attempts {
  readonly #addresses: Address[];
  #timer: NodeJS.Timeout | undefined;

  readonly #host: Host;
  readonly #family: 0 | 4 | 6;
  #current: Address | undefined;
  /** Why the first of those that may not be connected to may not. */
  refusal: unknown;

  /** @param family 4 or 6: addresses that are looked up are to be of that. */
  constructor(addresses: readonly Address[], host: Host, family: 0 | 4 | 6 = 0) {
    this.#addresses = [...addresses];
    this.#host = host;
    this.#family = family;
  }

  /**
   * Tries the next address that may be connected to, if there is one.
   * @param late Called if it has not answered in the time that node:net gives it, unless it is the last.
   * @param lost Told why the host could not look it up.
   */
  next(late: () => void, lost: (error: unknown) => void): NativeSocket | undefined {
    this.end();
    for (;;) {
      this.#current = this.#addresses.shift();
      if (this.#current === undefined) return undefined;
      try {
        const native = this.#host.dial(this.#current, undefined, lost, this.#family);
        if (this.#addresses.length > 0)
          this.#timer = setTimeout(late, getDefaultAutoSelectFamilyAttemptTimeout());
        return native;
      } catch (error) {
        this.refusal ??= error;
      }
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
