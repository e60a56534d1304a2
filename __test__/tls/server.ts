import { createHash, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { connect, type Socket, type SocketOptions, type StartTlsOptions } from 'wintersock';
import type { Credentials } from '../fixtures/pki.mjs';

/** A TLS server of Node's that says something to everybody, and what it knows of those who came. */
export interface Server extends AsyncDisposable {
  readonly port: number;
  readonly sessions: TLSSocket[];
  /** Whether each of them resumed a session. */
  readonly resumed: boolean[];
  /** Lines of a key log. */
  readonly keys: string[];
}

export async function serve(credentials: Credentials, options: TlsOptions = {}): Promise<Server> {
  const { chainPem: cert, keyPem: key } = credentials;
  const sessions: TLSSocket[] = [];
  const resumed: boolean[] = [];
  const keys: string[] = [];
  const server = createServer({ cert, key, ...options }, (tls) => {
    sessions.push(tls);
    resumed.push(tls.isSessionReused());
    // A ticket comes with the data.
    tls.on('error', () => {}).resume();
    tls.write('hello');
  });
  server.on('keylog', (line: Buffer) => keys.push(line.toString()));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    sessions,
    resumed,
    keys,
    async [Symbol.asyncDispose]() {
      for (const tls of sessions) tls.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

type Connect = typeof connect;

/** A connection with TLS from startTls(). */
export function secured(
  { port }: Server,
  options: StartTlsOptions = {},
  { connect: by = connect, ...others }: SocketOptions & { connect?: Connect } = {},
): Socket {
  const plain = by({ hostname: 'localhost', port }, { ...others, secureTransport: 'starttls' });
  return plain.startTls(options);
}

/** What a server has said to a socket, and what became of it: 'hello', or a code. */
export async function greeting(socket: Socket): Promise<string> {
  try {
    const { value } = await socket.readable.getReader().read();
    return Buffer.from(value as Uint8Array).toString();
  } catch (error) {
    return (error as { code: string }).code;
  } finally {
    await socket.close().catch(() => {});
  }
}

/** The pin of a certificate's key, as OpenSSL and Node see it. */
export function pinOf(pem: string): string {
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(der).digest('base64')}`;
}
