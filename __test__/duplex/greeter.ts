import type { Socket } from 'node:net';
import { closes, type Stage } from './stage.ts';

/** Exchanges a byte, so that the socket is seen to be the right one, and ends it. */
export async function used(at: Stage, socket: Socket): Promise<void> {
  at.journal.watch(at.keep(socket));
  socket.on('data', (data) => at.note('data', String(data)));
  await closes(socket);
}

/** A server that greets, and ends what has ended. */
export async function greeter(at: Stage, host = '127.0.0.1'): Promise<number> {
  const listener = await at.listen({ host, allowHalfOpen: false });
  listener.accepted().then((peer) => peer.end('hello'));
  return listener.port;
}
