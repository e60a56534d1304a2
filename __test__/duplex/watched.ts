import type { Socket } from 'node:net';
import { happens, type Stage } from './stage.ts';

/** Marks where the turn, its ticks and its microtasks end. */
export function marks(at: Stage, name: string): void {
  process.nextTick(() => at.note(name, 'tick'));
  queueMicrotask(() => at.note(name, 'microtask'));
}

/** Connects, noting all that the socket emits, and what its peer does in a journal of its own. */
export async function watched(at: Stage, options: { allowHalfOpen?: boolean } = {}) {
  const listener = await at.listen();
  const socket = at.watch(new at.side.Socket(options));
  socket.connect(listener.port, '127.0.0.1');
  const [peer] = await Promise.all([listener.accepted(), happens(socket, 'ready')]);
  return { socket, peer, heard: hear(peer) };
}

/** What a peer hears until it closes or ends. */
export async function hear(peer: Socket): Promise<string> {
  let text = '';
  peer.setEncoding('latin1').on('data', (data: string) => {
    text += data;
  });
  const how = await Promise.race([
    happens(peer, 'end').then(() => 'end'),
    happens(peer, 'error').then(([error]) => (error as NodeJS.ErrnoException).code),
  ]);
  return `${text}, then ${how}`;
}
