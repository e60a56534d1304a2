/**
 * The process at the far end of the line: a listener for each connection of a workload, which does what the workload's `serve` says.
 * Obeys the stage; ends with it.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { createAuthority } from '../fixtures/pki.mjs';
import { addresses } from './line.mjs';
import { ASKS, AGREES } from './said.mjs';
import { workloads } from './workloads/index.mjs';

const authority = await createAuthority();
const names = [addresses.v4, addresses.v6, 'line.test'];
const { chainPem: cert, keyPem: key } = await authority.issue({ names });

/** By port. @type {Map<number, { server: import('node:net').Server, sockets: Set<import('node:net').Socket>, seen: Promise<unknown>[] }>} */
const listeners = new Map();

const obey = {
  authority: () => ({ ca: authority.certPem, credentials: { chainPem: cert, keyPem: key } }),

  /** Listens for connections of a workload. Gives the port. */
  async open({ workload, security, size }) {
    const { serve } = workloads.find(({ name }) => name === workload);
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const listener = { server, sockets: new Set(), seen: [] };
    server.on('connection', (socket) => {
      listener.sockets.add(socket);
      socket.on('error', () => {});
      listener.seen.push(
        secured(socket, security).then(
          (secure) => serve(secure, { size, socket }),
          (error) => ({ failed: error.code ?? error.message }),
        ),
      );
    });
    await new Promise((resolve, reject) =>
      server.once('error', reject).listen({ port: 0, host: '::' }, resolve),
    );
    const { port } = server.address();
    listeners.set(port, listener);
    return port;
  },

  /** What the workload's `serve` has seen of each connection so far, once it has seen all of it. One may have ended before it comes here. */
  async seen({ port }) {
    const { server, seen } = listeners.get(port);
    if (seen.length === 0) await once(server, 'connection');
    return Promise.all(seen);
  },

  /** Breaks all connections off, as if the process had died. */
  reset() {
    for (const { sockets } of listeners.values()) for (const socket of sockets) socket.resetAndDestroy();
  },

  /** Nobody listens any more, and nothing is left of the connections. */
  close() {
    for (const { server, sockets } of listeners.values()) {
      server.close();
      for (const socket of sockets) socket.destroy();
    }
    listeners.clear();
  },

  /** Never: whoever asks hears when this process has ended. */
  end: () => new Promise(() => {}),

  /** Starts what a workload needs besides. */
  prepare: ({ workload, size }) =>
    workloads.find(({ name }) => name === workload).prepare?.({ size, cert, key, ca: authority.certPem }),
};

/** The connection as the workload's `serve` gets it: with TLS, if there is to be any. */
async function secured(socket, security) {
  if (security === 'off') return socket;
  if (security === 'starttls') {
    const asked = await new Promise((resolve, reject) => {
      socket.on('readable', () => {
        // No more: what follows is TLS's.
        const bytes = socket.read(ASKS.length);
        if (bytes !== null) resolve(String(bytes));
      });
      socket.once('close', () => reject(new Error('it ended before TLS')));
    });
    socket.removeAllListeners('readable');
    if (asked !== ASKS) throw new Error(`it said ${JSON.stringify(asked)}`);
    socket.write(AGREES);
  }
  const secure = new TLSSocket(socket, { isServer: true, cert, key, allowHalfOpen: true });
  secure.on('error', () => {});
  return secure;
}

process.on('message', async ({ id, method, params }) => {
  let answer;
  try {
    answer = { id, result: await obey[method](params) };
  } catch (error) {
    answer = { id, error: error.stack };
  }
  if (process.connected) process.send(answer);
});
process.once('disconnect', () => process.exit());
