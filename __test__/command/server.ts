/** Servers for the command: each connection is left to a function, and all are gone after the test. */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import {
  type SecureContextOptions,
  TLSSocket,
  type TlsOptions,
  createServer as createTlsServer,
} from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Credentials } from '../fixtures/pki.mjs';

/** Resolves with `127.0.0.1:port`. */
export function serve(accept: (socket: Socket) => void): Promise<string> {
  return listen(createServer({ allowHalfOpen: true }, accept));
}

/** The same with TLS, as `localhost:port`. */
export async function serveTls(
  options: TlsOptions,
  accept: (socket: TLSSocket) => void = () => {},
): Promise<string> {
  const server = createTlsServer({ allowHalfOpen: true, ...options } as TlsOptions, accept);
  server.on('tlsClientError', () => {}); // a client that refuses the certificate
  return (await listen(server)).replace('127.0.0.1', 'localhost');
}

/** What node:tls takes of credentials. */
export function shown({ chainPem, keyPem }: Credentials): SecureContextOptions {
  return { cert: chainPem, key: keyPem };
}

/** The TCP connection of a socket, which may be the one below TLS. */
export function tcpOf(socket: Duplex): Socket {
  // Node names it nowhere else.
  return (socket as { _parent?: Socket })._parent ?? (socket as Socket);
}

/** Ends a socket with a last word. */
export function farewell(socket: Duplex, text = ''): void {
  // Node sends no close_notify if TLS is ended in the event that says it is there.
  setImmediate(() => socket.end(text));
}

/** All that comes. Unlike node:stream/consumers it leaves the socket open for an answer. */
export async function received(socket: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(socket, 'end');
  return Buffer.concat(chunks);
}

async function listen(server: Server): Promise<string> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {}).on('close', () => open.delete(socket));
  });
  server.on('secureConnection', (socket: TLSSocket) => socket.on('error', () => {}));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What a server says, or insists on hearing: a text to the byte, or a pattern that all of it has to match. */
export type Step = { say: string | Uint8Array } | { hear: string | RegExp };

/**
 * A server that keeps to a script, then goes over to TLS if it has credentials, and then says `welcome`. Whoever departs from the script is cut off.
 */
export function serveScript(steps: readonly Step[], credentials?: Credentials): Promise<string> {
  return serve(async (socket) => {
    try {
      for (const step of steps) {
        if ('say' in step) socket.write(step.say);
        else await hear(socket, step.hear);
      }
      if (credentials === undefined) return;
      const secure = new TLSSocket(socket, { isServer: true, ...shown(credentials) });
      secure.on('error', () => {}).on('secure', () => farewell(secure, 'welcome'));
    } catch {
      socket.destroy();
    }
  });
}

async function hear(socket: Socket, expected: string | RegExp): Promise<void> {
  let heard = '';
  for (;;) {
    if (typeof expected === 'string' && heard.startsWith(expected)) {
      // The client's next words, which may already be those of TLS.
      if (heard !== expected) socket.unshift(Buffer.from(heard.slice(expected.length), 'latin1'));
      return;
    }
    if (typeof expected === 'string' ? !expected.startsWith(heard) : expected.test(heard)) break;
    await once(socket, 'readable');
    const chunk: Buffer | null = socket.read();
    if (chunk === null && socket.readableEnded) throw new Error('the client ended');
    heard += chunk?.toString('latin1') ?? '';
  }
  if (typeof expected === 'string') throw new Error(`heard ${heard}`);
}
