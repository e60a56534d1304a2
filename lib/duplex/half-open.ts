/** allowHalfOpen of a duplex: whether our side ends with the peer's; and what node:tls over it makes of that. */

import type { Duplex } from 'node:stream';
import { PARTS, type Parts } from './parts.ts';

type Socket = Duplex & { readonly [PARTS]: Parts };

/** Whether node:tls has put a listener there to read what is under it. There is no other way to know. */
export function isOfTls(listener: unknown): boolean {
  const { listener: inner = listener } = listener as { listener?: unknown };
  return /\b(?:readBuffer|emitEOF)\(/.test(String(inner));
}

/** The peer's end comes. Where node:tls is over it, ours follows a turn or two later: it still writes its own end then. */
export function peerEnds(socket: Socket): void {
  if (!socket[PARTS].halfOpen && socket.listeners('data').some(isOfTls)) {
    socket[PARTS].ending = true;
    socket.once('end', followEnd);
  }
  socket.push(null);
  socket.read(0);
}

/** As a listener. It stays when all are removed. */
export function followEnd(this: Socket): void {
  setImmediate(() => setImmediate(end, this));
}

function end(socket: Socket): void {
  socket[PARTS].ending = false;
  if (!socket.allowHalfOpen && !socket.writableEnded && !socket.destroyed) socket.end();
}

/** Lets a class say what it is told, except to the stream while that decides whether to end our side at once. */
export function defineHalfOpen(prototype: Socket): void {
  Object.defineProperty(prototype, 'allowHalfOpen', {
    get(this: Socket): boolean {
      return this[PARTS].halfOpen || this[PARTS].ending;
    },
    set(this: Socket, value: boolean) {
      // The constructor of Duplex sets it before there are parts.
      if (PARTS in this) this[PARTS].halfOpen = Boolean(value);
    },
  });
}
