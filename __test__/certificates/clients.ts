/** One server, and each of the clients that have to say what they think of it. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import * as tls from 'node:tls';
import { connect, type TlsVersion } from 'wintersock';
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
  client?: {
    cert?: string;
    key?: string;
    alpn?: string[];
    minVersion?: TlsVersion;
    maxVersion?: TlsVersion;
  };
}

/** `'accepted'`, or a code; and what was said of it. */
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

type Target = Required<Pick<Setting, 'ca' | 'name' | 'client'>> & { host: string; port: number };

/** Each client says whether it was greeted. */
const clients = {
  web: async ({ host, port, name, ca, client }: Target) => {
    const options = { secureTransport: 'starttls' as const, ...(client.alpn && { alpn: client.alpn }) };
    const plain = connect({ hostname: host, port }, options);
    try {
      const { alpn: _, ...identity } = client;
      const socket = plain.startTls({ ca, sni: name, ...identity });
      await socket.opened;
      const { done } = await socket.readable.getReader().read();
      if (done) throw new Error(ENDED);
    } finally {
      await plain.close();
    }
  },
  duplex: async ({ host, port, name, ca, client }: Target) => {
    const { alpn: ALPNProtocols, ...identity } = client;
    const named = name === host ? {} : { servername: name };
    const options = { host, port, ca, ...named, ...identity, ...(ALPNProtocols && { ALPNProtocols }) };
    await greeted(createConnection({ ...options, secureTransport: 'on' }));
  },
  node: async ({ host, port, name, ca, client }: Target) => {
    const { alpn: ALPNProtocols, ...identity } = client;
    const named = name === host ? {} : { servername: name };
    const options = {
      host,
      port,
      ca: [...ca],
      ...named,
      ...identity,
      ...(ALPNProtocols && { ALPNProtocols }),
    };
    await greeted(tls.connect(options));
  },
};
export type Client = keyof typeof clients;

async function greeted(
  socket: NodeJS.EventEmitter & { destroy(): unknown; resume(): unknown },
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject).once('data', () => resolve());
      socket.once('close', () => reject(new Error(ENDED)));
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
  const target = { host, port: (server.address() as AddressInfo).port, name, ca, client };
  try {
    const entries = Object.entries(clients).map(async ([who, meet]) => [who, await verdict(meet(target))]);
    return Object.fromEntries(await Promise.all(entries));
  } finally {
    for (const socket of open) socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

async function verdict(meeting: Promise<void>): Promise<Verdict> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no verdict in time')), DEADLINE_MS);
  });
  try {
    await Promise.race([meeting, late]);
    return { code: ACCEPTED, message: '' };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // node:tls has no code for some of OpenSSL's reasons.
    return { code: code === 'UNSPECIFIED' ? `UNSPECIFIED, ${message}` : (code ?? message), message };
  } finally {
    clearTimeout(timer);
  }
}
