/** What sockets tell of TLS, and peers that speak it. */
import type {
  ConnectionOptions,
  DetailedPeerCertificate,
  PeerCertificate,
  TLSSocket,
  TlsOptions,
} from 'node:tls';
import { createAuthority, createIntermediate, selfSigned, type Credentials } from '../fixtures/pki.mjs';
import { happens, type Stage } from './stage.ts';

const HOST = '127.0.0.1';
const HOUR = 3_600_000;

const authority = await createAuthority();
const stranger = await createAuthority({ commonName: 'nobody knows it' });
const intermediate = await createIntermediate(stranger);
const names = ['localhost', HOST];

/** What clients trust. */
export const ca = authority.certPem;

/** A certificate for localhost and 127.0.0.1 that `ca` has issued. */
export const good = await authority.issue({ names });

/** Certificates that a client has to refuse, by what is wrong with them. */
export const wrong: Record<string, Credentials> = {
  'an unknown authority': await stranger.issue({ names }),
  'an unknown authority that is sent too': await withRoot(await stranger.issue({ names }), stranger.certPem),
  'an unknown authority above an intermediate one': await stranger.issue({ names, via: intermediate }),
  'signed by itself': await selfSigned({ names }),
  'another name': await authority.issue({ names: ['other.test'] }),
  'no name': await authority.issue({ names: [], commonName: 'localhost' }),
  expired: await authority.issue({ names, notAfter: new Date(Date.now() - HOUR) }),
  'not valid yet': await authority.issue({ names, notBefore: new Date(Date.now() + HOUR) }),
  'for clients': await authority.issue({ names, client: true }),
};

export const forClients = await authority.issue({ names: ['client.test'], client: true });
export const ofStranger = await stranger.issue({ names: ['stranger.test'], client: true });

async function withRoot(credentials: Credentials, root: string): Promise<Credentials> {
  return { ...credentials, chainPem: `${credentials.chainPem}${root}` };
}

/** Credentials as options of a server or client. */
export const asOptions = ({ chainPem: cert, keyPem: key }: Credentials) => ({ cert, key });

/** What a socket says of its TLS. */
export function securityOf(socket: TLSSocket): Record<string, unknown> {
  const { encrypted, authorized, authorizationError, alpnProtocol } = socket;
  const cause = authorizationError as unknown;
  return {
    encrypted,
    authorized,
    authorizationError: cause instanceof Error ? (cause as NodeJS.ErrnoException).code : cause,
    alpnProtocol,
    protocol: socket.getProtocol(),
  };
}

/** A certificate and those that issued it, as text. */
export function certificateOf(certificate: PeerCertificate | DetailedPeerCertificate): unknown[] {
  const levels: unknown[] = [];
  const seen = new Set<unknown>();
  for (
    let level: Partial<DetailedPeerCertificate> | undefined = certificate;
    level && !seen.has(level);
    level = level.issuerCertificate
  ) {
    seen.add(level);
    const members = Object.entries(level).filter(([name]) => name !== 'issuerCertificate');
    levels.push(members.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, plain(value)]));
    if (level.issuerCertificate === level) levels.push('issued by itself');
  }
  return levels;
}

function plain(value: unknown): unknown {
  return Buffer.isBuffer(value) ? value.toString('hex') : value;
}

/** A server with TLS and a client under test that connects to it. The socket is kept, and not connected yet. */
export async function secured(at: Stage, server: TlsOptions = {}, client: ConnectionOptions = {}) {
  const listener = await at.listenTls({ ...asOptions(good), ...server });
  const options = { port: listener.port, host: HOST, servername: 'localhost', ca, ...client };
  return { listener, socket: at.keep(at.side.secure(options)) };
}

/** The same, after the handshake. */
export async function securePair(at: Stage, server: TlsOptions = {}, client: ConnectionOptions = {}) {
  const { listener, socket } = await secured(at, server, client);
  const [peer] = await Promise.all([listener.accepted(), happens(socket, 'secureConnect')]);
  return { socket, peer };
}
