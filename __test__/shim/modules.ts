/** Node's own modules, and those that stand in for them: for programs that have to get the same from both. */
import { once } from 'node:events';
import { createRequire } from 'node:module';
import nodeNet, { type AddressInfo } from 'node:net';
import nodeTls from 'node:tls';
import { expect, onTestFinished, test } from 'vitest';
import { type Authority, type Credentials, createAuthority } from '../fixtures/pki.mjs';

const require = createRequire(import.meta.url);

export interface Modules {
  net: typeof nodeNet;
  tls: typeof nodeTls;
}

export const node: Modules = { net: nodeNet, tls: nodeTls };
/** As `require()` gives them. */
export const ours: Modules = { net: require('../../dist/net.cjs'), tls: require('../../dist/tls.cjs') };

/** Runs a program with both. What it returns has to be the same, and `expected`. */
export function both(name: string, program: (modules: Modules) => unknown, expected: unknown): void {
  test(`${name}, with Node's own`, async () => expect(await program(node)).toEqual(expected));
  test(name, async () => expect(await program(ours)).toEqual(expected));
}

/** For localhost alone: 127.0.0.1 is a wrong name. Nobody trusts it without being told. */
export const authority: Authority = await createAuthority();
export const credentials: Credentials = await authority.issue({ names: ['localhost'] });

/** A server that closes when the test is over, with its connections. Port 0 means a new one, a path a pipe. */
export async function listening(server: nodeNet.Server, place: string | number = 0): Promise<number> {
  const connections = new Set<nodeNet.Socket>();
  server.on('connection', (socket: nodeNet.Socket) => {
    connections.add(socket.on('error', () => {}).on('close', () => connections.delete(socket)));
  });
  server.on('tlsClientError', () => {}); // a client that refuses the certificate
  onTestFinished(async () => {
    for (const socket of connections) socket.destroy();
    server.close();
    await once(server, 'close');
  });
  if (typeof place === 'string') server.listen(place);
  else server.listen(place, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo | null)?.port ?? 0;
}

/** A server with TLS that answers with what it got. */
export async function secureEcho(options: nodeTls.TlsOptions = {}): Promise<number> {
  const { chainPem: cert, keyPem: key } = credentials;
  const echo = (socket: nodeTls.TLSSocket) => {
    socket.on('error', () => {}).pipe(socket);
  };
  return listening(nodeTls.createServer({ cert, key, ...options }, echo));
}

/** A server without TLS that answers with what it got. */
export async function echo(place?: string): Promise<number> {
  return listening(
    nodeNet.createServer((socket) => socket.pipe(socket)),
    place,
  );
}

/** What comes back of `text`; or the code of the error. Ends the socket and waits until it has closed. */
export async function exchanged(socket: nodeNet.Socket, text = 'hello'): Promise<string> {
  let answer = '';
  let code: string | undefined;
  socket.on('error', (error: NodeJS.ErrnoException) => {
    code = error.code ?? error.message;
  });
  socket.on('data', (data) => {
    answer += data;
    if (answer.length === text.length) socket.end();
  });
  socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return code ?? answer;
}
