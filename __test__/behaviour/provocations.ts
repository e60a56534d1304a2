import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect, SocketError } from 'wintersock';
import { closedPort } from '../fixtures/closed-port.mjs';
import { createConstrained } from '../fixtures/constrained.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { type Authority, createAuthority, createIntermediate, selfSigned } from '../fixtures/pki.mjs';
import {
  answering,
  broken,
  reasonOf,
  refusal,
  reported,
  type Seen,
  tampered,
  thrownBy,
  thrownByStartTls,
  withSocket,
} from './provocation.ts';
import type { Trust } from './scene.ts';
import { hosted } from './hosted.ts';
import { temporaryDirectory, trustedAuthority } from './trust.ts';
import { Peer } from './wire.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const day = 86_400_000;
const at = (days: number) => new Date(Date.now() + days * day);
const names = ['localhost'];

let authority: Authority;
let trust: Trust;
let ca: string;
let directory: string;

/** Makes what the provocations need. Before any of them. */
export async function prepareProvocations(): Promise<void> {
  authority = await trustedAuthority();
  ca = authority.certPem;
  trust = { authority, credentials: await authority.issue({ names: ['127.0.0.1', 'localhost'] }) };
  directory = await temporaryDirectory();
}

/** A copy of what is published, without a native binary or with a broken one. */
async function withoutBinary(content?: string): Promise<Seen> {
  const copy = join(directory, `copy-${content === undefined ? 'none' : 'broken'}`);
  await mkdir(copy);
  await cp(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
  const built = (await readdir(root)).filter((name) => name.endsWith('.node'));
  for (const name of content === undefined ? [] : built) {
    await writeFile(join(copy, name), content ?? '');
  }
  const program = `import(${JSON.stringify(join(copy, 'dist', 'index.mjs'))})
    .catch(({ code, message }) => console.log(JSON.stringify({ code, message })))`;
  const { stdout } = await runNode(['-e', program]);
  return JSON.parse(stdout);
}

const derOf = (pem: string) => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');

const OLD_TLS = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;

/** A ServerHello that picks TLS 1.1. */
const OLD_SERVER_HELLO = Buffer.concat([
  Buffer.from('160302002a02000026' + '0302', 'hex'),
  Buffer.alloc(32, 7),
  Buffer.from('00c02f00', 'hex'),
]);

/** How to get each code. What several ways lead to stands several times. */
export const provocations: [code: string, how: string, provoke: () => Seen | Promise<Seen>][] = [
  ['ERR_INVALID_ADDRESS', 'an address without a port', () => thrownBy(() => connect('localhost'))],
  [
    'ERR_INVALID_OPTION',
    'a misspelt option value',
    () => thrownBy(() => connect('localhost:1', { secureTransport: 'ON' as 'on' })),
  ],
  [
    'ERR_INVALID_SNI',
    'a name that no certificate can have',
    () => thrownBy(() => connect('localhost:1', { secureTransport: 'on', sni: 'a..b' })),
  ],
  ['ERR_INVALID_CA', 'a ca without a certificate', () => thrownByStartTls({ ca: 'nothing' })],
  [
    'ERR_INVALID_CERT',
    'a cert without a certificate',
    () => thrownByStartTls({ cert: 'nothing', key: trust.credentials.keyPem }),
  ],
  [
    'ERR_INVALID_KEY',
    'a key that is none',
    () => thrownByStartTls({ cert: trust.credentials.certPem, key: 'nothing' }),
  ],
  [
    'ERR_INVALID_KEY',
    'the key of another certificate',
    () => thrownByStartTls({ cert: trust.credentials.certPem, key: authority.keyPem }),
  ],
  [
    'ERR_INVALID_CHUNK',
    'a number as a chunk',
    () => withSocket(({ writable }) => writable.getWriter().write(7 as never)),
  ],
  [
    'ERR_INVALID_STATE',
    'startTls() twice',
    () =>
      withSocket((socket) => {
        socket.startTls().close();
        socket.startTls();
      }),
  ],
  [
    'ERR_SOCKET_CLOSED',
    'a write after close()',
    () =>
      withSocket(async (socket) => {
        await socket.close();
        await socket.writable.getWriter().write('late');
      }),
  ],
  [
    'ERR_SOCKET_UPGRADED',
    'a write on the old socket',
    () =>
      withSocket(async (socket) => {
        const writer = socket.writable.getWriter();
        socket.startTls().close();
        await writer.write('late');
      }),
  ],
  ['ERR_SOCKET', 'a SocketError of somebody else', () => new SocketError('look here')],
  ['ENOTFOUND', 'a name that cannot exist', () => reasonOf(connect(`${'a'.repeat(64)}.invalid:1`).opened)],
  [
    'ECONNREFUSED',
    'a port at which nobody listens',
    async () => {
      const address = `127.0.0.1:${await closedPort()}`;
      const { code, message, cause } = await reasonOf(connect(address).opened);
      return { code, message, cause, address };
    },
  ],
  ['ECONNRESET', 'a peer that resets', () => broken(trust, 'plain', 'reading', 'reset')],
  [
    'ERR_TLS_PROTOCOL',
    'plain text instead of TLS',
    () => broken(trust, 'TLS 1.3', 'handshake', 'plain text'),
  ],
  ['ERR_TLS_PROTOCOL', 'plain text within TLS', () => broken(trust, 'TLS 1.3', 'reading', 'plain text')],
  [
    'ERR_TLS_HANDSHAKE',
    'an end within the handshake',
    () => broken(trust, 'TLS 1.3', 'handshake', 'end without close_notify'),
  ],
  [
    'ERR_TLS_TRUNCATED',
    'an end without close_notify',
    () => broken(trust, 'TLS 1.3', 'reading', 'end without close_notify'),
  ],
  [
    'ERR_TLS_ALERT',
    'a missing client certificate, TLS 1.3',
    () =>
      refusal(
        { credentials: trust.credentials, requestCert: true, rejectUnauthorized: true, ca: [ca] },
        { ca },
      ),
  ],
  [
    'ERR_TLS_ALERT',
    'a server that speaks TLS 1.1 only',
    () => refusal({ credentials: trust.credentials, ...OLD_TLS }, { ca }),
  ],
  ['ERR_TLS_INCOMPATIBLE', 'a server that picks TLS 1.1', () => answering(OLD_SERVER_HELLO)],
  [
    'ERR_TLS_ALPN',
    'no protocol in common',
    () =>
      refusal({ credentials: trust.credentials, ALPNProtocols: ['h2'] }, { ca }, { alpn: ['postgresql'] }),
  ],
  [
    'CERT_HAS_EXPIRED',
    'an expired certificate',
    async () =>
      refusal({ credentials: await authority.issue({ names, notBefore: at(-9), notAfter: at(-1) }) }, { ca }),
  ],
  [
    'CERT_NOT_YET_VALID',
    'a certificate of tomorrow',
    async () => refusal({ credentials: await authority.issue({ names, notBefore: at(1) }) }, { ca }),
  ],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'a certificate for another name',
    async () => refusal({ credentials: await authority.issue({ names: ['db.example'] }) }, { ca }),
  ],
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'a self-signed certificate',
    async () => refusal({ credentials: await selfSigned({ names }) }, { ca }),
  ],
  [
    'SELF_SIGNED_CERT_IN_CHAIN',
    'an unknown authority that is sent along',
    async () => {
      const unknown = await createAuthority();
      const leaf = await unknown.issue({ names });
      return refusal({ credentials: { ...leaf, chainPem: leaf.chainPem + unknown.certPem } }, { ca });
    },
  ],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'an unknown authority',
    async () =>
      refusal(
        { credentials: await (await createAuthority({ commonName: 'nobody' })).issue({ names }) },
        { ca },
      ),
  ],
  [
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'an intermediate of an unknown authority',
    async () => {
      const unknown = await createAuthority({ commonName: 'nobody' });
      const via = await createIntermediate(unknown);
      return refusal({ credentials: await unknown.issue({ names, via }) }, { ca });
    },
  ],
  [
    'ERR_TLS_PIN',
    'a key that is not pinned',
    () => refusal({ credentials: trust.credentials }, { ca, pins: [`sha256/${'A'.repeat(43)}=`] }),
  ],
  [
    'INVALID_PURPOSE',
    'a certificate for clients',
    async () => refusal({ credentials: await authority.issue({ names, client: true }) }, { ca }),
  ],
  [
    'CERT_SIGNATURE_FAILURE',
    'a server that has not the key of its certificate',
    () =>
      // The end of the signature: after it only ServerHelloDone follows, a record of nine bytes.
      tampered(trust, (flight) => flight.length - 10),
  ],
  [
    'ERR_TLS_CERT_INVALID',
    'a certificate that is damaged',
    () => tampered(trust, (flight) => flight.indexOf(derOf(trust.credentials.certPem))),
  ],
  [
    'ERR_TLS_CERT_INVALID',
    'a certificate that its authority may not issue',
    async () => {
      const via = await createConstrained(authority, 'example.org');
      return refusal({ credentials: await authority.issue({ names, via }) }, { ca });
    },
  ],
  [
    'ERR_TLS_TRUST',
    'a file of authorities that is not there',
    async () => {
      await using peer = await Peer.open();
      const env = { NODE_EXTRA_CA_CERTS: join(directory, 'missing.pem') };
      const [error] = await reported([`tls=${peer.address}`], env);
      // The file is to blame, not the peer.
      return { ...(error as Seen), address: env.NODE_EXTRA_CA_CERTS };
    },
  ],
  ...hosted(() => ({ ca, credentials: trust.credentials })),
  ['ERR_NO_BINARY', 'no binary', () => withoutBinary()],
  ['ERR_NO_BINARY', 'a binary that does not load', () => withoutBinary('not a binary')],
];

/** Codes of the system that need a machine set up for them: a network of their own, on Linux. */
export const isolated: [code: string, how: string, setup: string, address: string][] = [
  ['EACCES', 'a prohibited route', 'ip route add prohibit 198.51.100.1', '198.51.100.1:80'],
  ['EHOSTUNREACH', 'an unreachable host', 'ip route add unreachable 198.51.100.1', '198.51.100.1:80'],
  ['ENETUNREACH', 'no route', 'true', '198.51.100.1:80'],
  ['EINVAL', 'a route into nothing', 'ip route add blackhole 198.51.100.1', '198.51.100.1:80'],
  ['EAI_AGAIN', 'no name server within reach', 'true', 'db.example:5432'],
  [
    'ETIMEDOUT',
    'a host that is silent',
    'ip route add 198.51.100.1 dev lo; echo 1 > /proc/sys/net/ipv4/tcp_syn_retries',
    '198.51.100.1:80',
  ],
  [
    'EADDRNOTAVAIL',
    'no local port left',
    'echo "60000 60000" > /proc/sys/net/ipv4/ip_local_port_range',
    'twice=127.0.0.1:5000',
  ],
];
