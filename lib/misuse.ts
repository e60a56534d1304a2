/** What a socket says when it is asked for something at the wrong time. Each function is given the address, for the message. */

import type { SecureTransportKind } from '../index.d.ts';
import { closedError, SocketError } from './error.ts';

export const CLOSED = 'the socket was closed by close()';
export const PEER_ENDED = 'the peer has closed the connection, and allowHalfOpen is false';
export const CUT_SHORT =
  'what was queued before startTls() was not sent, because a write failed or was aborted';
const ENDED = 'startTls() was called after the socket, or a side of it, had been closed or had ended';
const UPGRADED = 'startTls() was called before; use the socket that it returned';
const REMEDY = "startTls() needs a socket of connect(address, { secureTransport: 'starttls' })";
const NOT_OPEN = 'toDuplex() needs a socket that has not been closed or upgraded, and has not ended';
const STREAMS_USED =
  'toDuplex() needs a socket that has not been read from, and whose streams are neither locked nor busy';

/** It has been closed. */
export function closed(text: string, detail: string): SocketError {
  return closedError(`${text}: ${detail}`);
}

/** It has been upgraded. */
export function replacedError(text: string): SocketError {
  const detail = `${text}: this socket was upgraded; use the socket that startTls() returned`;
  return new SocketError(detail, { code: 'ERR_SOCKET_UPGRADED' });
}

/** @throws {SocketError} if startTls() cannot be called. */
export function checkUpgrade(
  text: string,
  kind: SecureTransportKind,
  upgraded: boolean,
  over: boolean,
): void {
  const made = kind === 'on' ? 'this socket is secure already' : 'this socket was not made for it';
  if (kind !== 'starttls') throw misused(text, `${made}; ${REMEDY}`);
  if (upgraded) throw misused(text, UPGRADED);
  if (over) throw closed(text, ENDED);
}

/** @throws {SocketError} if toDuplex() cannot be called. */
export function checkLending(text: string, open: boolean, untouched: boolean): void {
  if (!open) throw misused(text, NOT_OPEN);
  if (!untouched) throw misused(text, STREAMS_USED);
}

function misused(text: string, detail: string): SocketError {
  return new SocketError(`${text}: ${detail}`, { code: 'ERR_INVALID_STATE' });
}
