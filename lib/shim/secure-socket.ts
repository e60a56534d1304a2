/** The class `tls.TLSSocket` of the stand-in, and what its sockets have beyond those of `wintersock/node`. */

import tls from 'node:tls';
import { Socket } from '../duplex/socket.ts';
import { SocketError } from '../error.ts';
import { checkNodes } from '../host.ts';
import { inherits } from './socket.ts';

/** Encrypted, in Rust. Has the members of a TLSSocket that drivers call without asking first. */
export class SecureSocket extends Socket {
  /** None to hand out: sessions are kept, and resumed, where the handshake is. */
  getSession(): undefined {}
  getTLSTicket(): undefined {}
  setSession(): void {}

  /** There is no renegotiation at all. */
  disableRenegotiation(): void {}
  renegotiate(_options: unknown, callback?: (error: Error) => void): boolean {
    const error = new SocketError('there is no renegotiation; connect anew', { code: 'ERR_INVALID_STATE' });
    if (callback) process.nextTick(callback, error);
    return false;
  }

  setMaxSendFragment(): boolean {
    return false;
  }

  getEphemeralKeyInfo(): Record<string, never> {
    return {};
  }

  enableTrace(): void {}
}

Object.defineProperty(SecureSocket, 'name', { value: 'TLSSocket' });

/**
 * Node's class, which takes what is encrypted by us for one of its own. To construct it makes TLS of Node's own, over any stream:
 * that is for servers, and for handshakes that are not `tls.connect()`'s.
 */
export const TLSSocket: typeof tls.TLSSocket = new Proxy(tls.TLSSocket, {
  get: (target, name, receiver) =>
    name === Symbol.hasInstance ? isInstance : Reflect.get(target, name, receiver),
  construct(target, given, newTarget) {
    const [, options] = given as [unknown, { isServer?: boolean } | undefined];
    if (!options?.isServer) checkNodes('`new TLSSocket()`', 'network', 'tls');
    return Reflect.construct(target, given, newTarget);
  },
});

function isInstance(this: unknown, value: unknown): boolean {
  if (this !== TLSSocket) return inherits(this, value);
  return value instanceof tls.TLSSocket || (value instanceof Socket && value.encrypted);
}
