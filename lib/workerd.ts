/**
 * The package on Cloudflare Workers, by the export condition `workerd`: the runtime's own `connect()`.
 *
 * The runtime gives neither a class `Socket` nor a class `SocketError`, but code written for this package imports
 * them by name, and a missing name would keep the whole module from loading. `instanceof` answers for both.
 */
import { SocketError } from './error.ts';

export { connect } from 'cloudflare:sockets';
export { presets } from './config/presets.ts';

/** The sockets of the runtime, for `instanceof`. */
export class Socket {
  constructor() {
    throw new TypeError('Illegal constructor');
  }

  static [Symbol.hasInstance](value: unknown): boolean {
    // The runtime's class is called so at every compatibility date; its toStringTag came later.
    return (value as object | null | undefined)?.constructor?.name === 'Socket';
  }
}

/** On Workers the runtime is the host, and what it decides is in its own configuration: throws ERR_UNSUPPORTED. */
export function createBinding(): never {
  throw new SocketError(
    'on Workers the runtime decides whom to trust and where connections may go; use `connect`, and the configuration of the Worker',
    { code: 'ERR_UNSUPPORTED' },
  );
}

/** As createBinding(). */
export { createBinding as setDefaultBinding };

/** The runtime reports every failure of a socket as a plain `TypeError` or `Error`: none of them is one of these. */
export { SocketError };
