/** What broke under a duplex, as node:net and node:tls say it. */

import { type Failure, fromNative, SocketError } from '../error.ts';

/** With the call of the system, and where: the properties that drivers look at. @param host What was asked for. */
export function failureOf(failure: Failure | null, host: string): SocketError {
  const { code, message = '', syscall, address, port } = failure ?? {};
  // An end in the middle of the handshake: node:tls calls it a reset, and pools try again after one.
  const reset = code === 'ERR_TLS_HANDSHAKE';
  const error = reset ? new SocketError(message, { code: 'ECONNRESET' }) : fromNative(failure);
  if (syscall === 'getaddrinfo') return Object.assign(error, { syscall, hostname: host });
  return Object.assign(
    error,
    syscall && { syscall },
    address !== undefined && { address },
    port !== undefined && { port },
  );
}
