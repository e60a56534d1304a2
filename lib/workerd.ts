/**
 * The package on Cloudflare Workers, by the export condition `workerd`: the runtime's own `connect()`.
 *
 * The runtime gives neither a class `Socket` nor a class `SocketError`, but code written for this package imports
 * them by name, and a missing name would keep the whole module from loading. `instanceof` answers for both.
 */
export { connect } from 'cloudflare:sockets';

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

/** The runtime reports every failure of a socket as a plain `TypeError` or `Error`: none of them is one of these. */
export { SocketError } from './error.ts';
