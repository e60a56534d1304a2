/** One server, and each of the clients that have to say what they think of it. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import * as tls from 'node:tls';
import { connect, createBinding, type Socket, type TlsVersion } from 'wintersock';
import { createConnection } from 'wintersock/node';

/** What a server shows, and what its clients are told. */
export interface Setting {
  /** PEM, as it is sent, the server's own first. */
  chain: readonly string[];
  key: string;
  /** PEM: what clients trust. */
  ca: readonly string[];
  /** The name that clients ask for; an IP address is also where they connect to. Default `db.example.org`. */
  name?: string;
  server?: tls.TlsOptions;
  /** What is done with a connection whose handshake is done. Default: it is greeted. */
  serve?: (socket: tls.TLSSocket) => void;
  /** Whether clients say something first. */
  speaks?: boolean;
  client?: {
    cert?: string;
    key?: string;
    alpn?: string[];
    minVersion?: TlsVersion;
    maxVersion?: TlsVersion;
  };
}

/** `'accepted'`, or a code; and what was said of it, if it was refused. */
export interface Verdict {
  code: string;
  message: string;
}

export const ACCEPTED = 'accepted';
/** The server has ended the connection, and there was no error. */
export const ENDED = 'ended';
const DEFAULT_NAME = 'db.example.org';
/** Within this time everything is settled, on a slow machine too. */
const DEADLINE_MS = 20_000;

type Target = Required<Pick<Setting, 'ca' | 'name' | 'client' | 'speaks'>> & { host: string; port: number };

/** Each client ends well if it was greeted. */
const clients = {
  /** startTls() of a socket of connect(). */
  web: ({ host, port, name, ca, client: { alpn, ...identity }, speaks }: Target) => {
    const options = { secureTransport: 'starttls' as const, ...(alpn && { alpn }) };
    const plain = connect({ hostname: host, port }, options);
    return isGreeted(plain.startTls({ ca, sni: name, ...identity }), speaks);
  },
  /** TLS at once, under a binding. */
  bound: ({ host, port, name, ca, client, speaks }: Target) => {
    const { connect } = createBinding({ ca, ...client });
    return isGreeted(connect({ hostname: host, port }, { secureTransport: 'on', sni: name }), speaks);
  },
  duplex: (target: Target) =>
    isGreetedAsInNode(createConnection({ ...inWordsOfNode(target), secureTransport: 'on' }), target.speaks),
  /** The same without verification: what it would have said. */
  unverified: async (target: Target) => {
    const options = { ...inWordsOfNode(target), secureTransport: 'on' as const, rejectUnauthorized: false };
    const socket = createConnection(options);
    await isGreetedAsInNode(socket, target.speaks);
    return socket.authorizationError ?? ACCEPTED;
  },
  node: (target: Target) => isGreetedAsInNode(tls.connect(inWordsOfNode(target)), target.speaks),
};
export type Client = keyof typeof clients;

function inWordsOfNode({ host, port, name, ca, client: { alpn, ...identity } }: Target) {
  const named = name === host ? {} : { servername: name };
  return { host, port, ca: [...ca], ...named, ...identity, ...(alpn && { ALPNProtocols: alpn }) };
}

async function isGreeted(socket: Socket, speaks: boolean): Promise<void> {
  try {
    await socket.opened;
    if (speaks) await socket.writable.getWriter().write('hello');
    const { done } = await socket.readable.getReader().read();
    if (done) throw new Error(ENDED);
  } finally {
    // Rejects if it was never open.
    await socket.close().catch(() => {});
  }
}

async function isGreetedAsInNode(socket: Duplex, speaks: boolean): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject).once('data', () => resolve());
      socket.once('close', () => reject(new Error(ENDED)));
      if (speaks) socket.once('secureConnect', () => socket.write('hello'));
    });
  } finally {
    socket.destroy();
  }
}

/** What each client says of a server with this setting. */
export async function verdicts(setting: Setting): Promise<Record<Client, Verdict>> {
  const {
    chain,
    key,
    ca,
    name = DEFAULT_NAME,
    serve = (socket) => socket.write('hello'),
    client = {},
    speaks = false,
  } = setting;
  const host = name === '::1' ? '::1' : '127.0.0.1';
  const context = { cert: chain.join(''), key, ciphers: 'DEFAULT@SECLEVEL=0', ...setting.server };
  const server = tls.createServer(context, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => open.add(socket));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, host), 'listening');
  const target = { host, port: (server.address() as AddressInfo).port, name, ca, client, speaks };
  try {
    const entries = Object.entries(clients).map(async ([who, meet]) => [who, await verdict(meet(target))]);
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

/** @param meeting With what it has to say, if it has ended well. */
async function verdict(meeting: Promise<unknown>): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no verdict in time')), DEADLINE_MS);
  });
  try {
    const said = await Promise.race([meeting, late]);
    return { code: typeof said === 'string' ? said : ACCEPTED, message: '' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // node:tls has no code for some of OpenSSL's reasons.
    return { code: code === 'UNSPECIFIED' ? `UNSPECIFIED, ${message}` : (code ?? message), message };
  } finally {
    clearTimeout(timer);
  }
}
