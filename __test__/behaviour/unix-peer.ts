/** Servers at paths, for Unix domain sockets. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { temporaryDirectory } from './trust.ts';

const servers: Server[] = [];
const peers = new Set<Socket>();

/** Serves at a new path, or at that one, until the test that calls this is over. The path. */
export async function serve(serves: (peer: Socket) => unknown, path?: string): Promise<string> {
  const at = path ?? join(await temporaryDirectory(), 'socket');
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (peer) => {
    peers.add(peer.on('error', () => {}));
    serves(peer);
  });
  servers.push(server.listen(at));
  await once(server, 'listening');
  return at;
}

afterEach(async () => {
  for (const peer of peers) peer.destroy();
  peers.clear();
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

/** Gives back what it gets. */
export const echo = (peer: Socket): unknown => peer.pipe(peer);

/** All that a peer hears, up to its end. */
export async function heard(peer: Socket): Promise<string> {
  let text = '';
  peer.on('data', (chunk: Buffer) => {
    text += chunk;
  });
  // It was accepted paused.
  peer.resume();
  await once(peer, 'end');
  return text;
}
