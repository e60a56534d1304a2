/** Addresses of a host that was looked up here, tried in turn. */

import { getDefaultAutoSelectFamilyAttemptTimeout } from 'node:net';
import type { Address } from '../address.ts';
import type { Host } from '../host.ts';

export class Attempts {
  readonly #addresses: Address[];
  #timer: NodeJS.Timeout | undefined;

  /** Who decides how. */
  readonly host: Host;
  /** The last one that was tried. */
  current: Address | undefined;

  constructor(addresses: readonly Address[], host: Host) {
    this.#addresses = [...addresses];
    this.host = host;
  }

  /** The next address, if there is one. `late` is called if it has not answered in the time that node:net gives it, unless it is the last. */
  next(late: () => void): Address | undefined {
    this.end();
    const address = this.#addresses.shift();
    this.current = address ?? this.current;
    if (this.#addresses.length > 0)
      this.#timer = setTimeout(late, getDefaultAutoSelectFamilyAttemptTimeout());
    return address;
  }

  /** It has been decided. */
  end(): void {
    clearTimeout(this.#timer);
  }
}
