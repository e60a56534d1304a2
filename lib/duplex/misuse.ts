/** What a duplex says when it is asked for something at the wrong time. */

import { closedError, SocketError } from '../error.ts';

export const UNCONNECTED = 'TLS needs a socket that is connected or connecting; call connect() first';

/** What a duplex that is to go over to TLS is at. */
interface Securing {
  connected: boolean;
  secured: boolean;
  over: boolean;
  /** It has plain text that nobody has read. */
  unread: boolean;
}

/** @throws {SocketError} ERR_INVALID_STATE, if it cannot. */
export function checkSecuring({ connected, secured, over, unread }: Securing): void {
  if (!connected) throw misused(UNCONNECTED);
  if (secured) throw misused('TLS is on already, or about to be');
  if (over) {
    throw misused('startTls() was called after the socket, or a side of it, had been closed or had ended');
  }
  // Whoever can write to the connection could put this into what then seems to have come over TLS.
  if (unread)
    throw misused('the peer has sent something in plain text that has not been read; read it first');
}

/** It was ended here, or is not connected. */
export function gone(host: string, detail: string): SocketError {
  return closedError(host === '' ? detail : `${host}: ${detail}`);
}

/** It does not fit what the socket is at. */
export function misused(detail: string): SocketError {
  return new SocketError(detail, { code: 'ERR_INVALID_STATE' });
}
