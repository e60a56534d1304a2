/** Whom TLS believes: what the host adds to the default roots, what `ca` replaces, and what certificates are good for. */
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type StartTlsOptions } from 'wintersock';
import { reported } from './behaviour/provocation.ts';
import { ending } from './behaviour/settlement.ts';
import { temporaryDirectory } from './behaviour/trust.ts';
import { Peer, type PeerTls, type Wire } from './behaviour/wire.ts';
import { createConstrained } from './fixtures/constrained.mjs';
import { type Authority, type Credentials, createAuthority, createIntermediate } from './fixtures/pki.mjs';

let authority: Authority;
let other: Authority;
let credentials: Credentials;
let directory: string;
let open: Peer;
let address: string;

beforeAll(async () => {
  authority = await createAuthority();
  other = await createAuthority({ commonName: 'another authority' });
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  directory = await temporaryDirectory();
  await writeFile(join(directory, 'authority.pem'), authority.certPem);
  await writeFile(join(directory, 'other.pem'), other.certPem);
  await writeFile(join(directory, 'both.pem'), `# two of them\n${other.certPem}\n${authority.certPem}`);
  await writeFile(join(directory, 'empty.pem'), '');
  await writeFile(join(directory, 'damaged.pem'), authority.certPem.replace(/^M/m, '*'));
  await mkdir(join(directory, 'hashed'));
  await writeFile(join(directory, 'hashed', '0a1b2c3d.0'), authority.certPem);
  await mkdir(join(directory, 'nothing'));

  open = await Peer.open();
  open.onWire = (wire) => void wire.secure({ credentials }).catch(() => {});
  address = `localhost:${open.port}`;
});
afterAll(() => open?.close());

const path = (name: string) => join(directory, name);

describe('the default roots, in a process of its own', () => {
  const accepted = [
    { how: 'NODE_EXTRA_CA_CERTS', env: () => ({ NODE_EXTRA_CA_CERTS: path('authority.pem') }) },
    { how: 'SSL_CERT_FILE', env: () => ({ SSL_CERT_FILE: path('authority.pem') }) },
    { how: 'a file of several', env: () => ({ SSL_CERT_FILE: path('both.pem') }) },
    { how: 'SSL_CERT_DIR', env: () => ({ SSL_CERT_DIR: path('hashed') }) },
    {
      how: 'one of two directories',
      env: () => ({ SSL_CERT_DIR: `${path('nothing')}:${path('hashed')}` }),
    },
    {
      how: 'one of all three',
      env: () => ({
        NODE_EXTRA_CA_CERTS: path('authority.pem'),
        SSL_CERT_FILE: path('other.pem'),
        SSL_CERT_DIR: path('hashed'),
      }),
    },
    {
      how: "the system's store, with SSL_CERT_FILE in its place",
      env: () => ({ NODE_USE_SYSTEM_CA: '1', SSL_CERT_FILE: path('authority.pem') }),
    },
  ];
  test.concurrent.each(accepted)('$how is believed', async ({ env }) => {
    expect(await reported([`tls=${address}`], env() as Record<string, string>)).toEqual([
      { address, code: 'opened' },
    ]);
  });

  const refused = [
    { how: 'nothing is added', env: () => ({}) },
    { how: 'another authority is added', env: () => ({ NODE_EXTRA_CA_CERTS: path('other.pem') }) },
    {
      how: 'variables are empty',
      env: () => ({ NODE_EXTRA_CA_CERTS: '', SSL_CERT_FILE: '', SSL_CERT_DIR: '' }),
    },
  ];
  test.concurrent.each(refused)('an unknown authority is refused if $how', async ({ env }) => {
    const [error] = await reported([`tls=${address}`], env() as Record<string, string>);
    expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  const unusable = ['missing.pem', 'empty.pem', 'damaged.pem', 'nothing'].flatMap((name) =>
    ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE'].map((variable) => ({ variable, name })),
  );
  test.concurrent.each([...unusable, { variable: 'SSL_CERT_DIR', name: 'missing' }])(
    '$variable=$name is an error that names both, every time',
    async ({ variable, name }) => {
      const seen = await reported([`tls=${address}`, `tls=${address}`], { [variable]: path(name) });
      expect(seen).toHaveLength(2);
      for (const { code, message } of seen) {
        expect(code).toBe('ERR_TLS_TRUST');
        expect(message).toContain(variable);
        expect(message).toContain(path(name));
      }
    },
  );

  test.concurrent('a file that cannot be used concerns TLS with the default roots only', async () => {
    const env = { SSL_CERT_FILE: path('missing.pem') };
    expect(await reported([address], env)).toEqual([{ address, code: 'opened' }]);
  });
});

/** A handshake through startTls(). */
async function upgrade(
  peerTls: Partial<PeerTls> & { credentials: Credentials },
  options: StartTlsOptions,
  { host = 'localhost', alpn }: { host?: string; alpn?: string[] } = {},
) {
  const peer = await Peer.open(host === '::1' ? '::1' : '127.0.0.1');
  const target = { hostname: host, port: peer.port };
  const plain = connect(target, { secureTransport: 'starttls', ...(alpn && { alpn }) });
  const wire: Wire = await peer.wire();
  const handshake = wire.secure(peerTls);
  handshake.catch(() => {});
  const socket = plain.startTls(options);
  return {
    socket,
    opened: await ending(socket.opened),
    /** The server's side. */
    tls: async () => (await handshake).stream as TLSSocket,
    wire,
    [Symbol.asyncDispose]: () => peer.close(),
  };
}

describe('ca', () => {
  const forms: [string, () => StartTlsOptions['ca']][] = [
    ['PEM', () => authority.certPem],
    ['PEM with others and remarks', () => `remark\n${other.certPem}remark\n${authority.certPem}`],
    ['a list', () => [other.certPem, authority.certPem]],
    ['bytes', () => Buffer.from(authority.certPem)],
    ['DER', () => Buffer.from(authority.certPem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64')],
  ];
  test.concurrent.each(forms)('may be %s', async (_, ca) => {
    await using at = await upgrade({ credentials }, { ca: ca() });
    expect(at.opened).toBe('resolves');
  });

  test.concurrent('replaces all defaults: who is not in it is refused', async () => {
    await using at = await upgrade({ credentials }, { ca: other.certPem });
    expect(at.opened).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test.concurrent('of one socket is none of another one', async () => {
    await using first = await upgrade({ credentials }, { ca: authority.certPem });
    await using second = await upgrade({ credentials }, { ca: other.certPem });
    expect([first.opened, second.opened]).toEqual(['resolves', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
  });
});

describe('names', () => {
  const cases: { certified: string[]; asked: string; host?: string; good: boolean }[] = [
    { certified: ['*.db.example'], asked: 'one.db.example', good: true },
    { certified: ['*.db.example'], asked: 'db.example', good: false },
    { certified: ['*.db.example'], asked: 'a.one.db.example', good: false },
    { certified: ['a.example', 'b.example'], asked: 'b.example', good: true },
    { certified: ['A.Example'], asked: 'a.eXample', good: true },
    { certified: ['127.0.0.1'], asked: '127.0.0.1', good: true },
    { certified: ['127.0.0.1'], asked: '127.0.0.2', good: false },
    { certified: ['127.0.0.1'], asked: 'localhost', good: false },
    { certified: ['localhost'], asked: '127.0.0.1', good: false },
    { certified: ['::1'], asked: '::1', host: '::1', good: true },
    { certified: ['::1'], asked: '0:0:0:0:0:0:0:1', host: '::1', good: true },
  ];
  test.concurrent.each(cases)(
    'certified $certified, asked for $asked: $good',
    async ({ certified, asked, host, good }) => {
      const leaf = await authority.issue({ names: certified });
      const target = host === undefined ? {} : { host };
      await using at = await upgrade({ credentials: leaf }, { ca: authority.certPem, sni: asked }, target);
      expect(at.opened).toBe(good ? 'resolves' : 'ERR_TLS_CERT_ALTNAME_INVALID');
    },
  );

  test.concurrent.each([
    { asked: 'one.example', sent: 'one.example' },
    { asked: '127.0.0.1', sent: false },
    { asked: '::1', sent: false },
  ])('SNI for $asked: $sent', async ({ asked, sent }) => {
    const leaf = await authority.issue({ names: [asked] });
    await using at = await upgrade({ credentials: leaf }, { ca: authority.certPem, sni: asked });
    expect(at.opened).toBe('resolves');
    expect((await at.tls()).servername).toBe(sent);
  });
});

describe('chains', () => {
  test.concurrent('an intermediate authority that is sent along is followed', async () => {
    const via = await createIntermediate(authority);
    const leaf = await authority.issue({ names: ['localhost'], via });
    await using at = await upgrade({ credentials: leaf }, { ca: authority.certPem });
    expect(at.opened).toBe('resolves');
    await using alone = await upgrade(
      { credentials: { ...leaf, chainPem: leaf.certPem } },
      { ca: authority.certPem },
    );
    expect(alone.opened).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test.concurrent.each([
    { name: 'inside.example.org', opened: 'resolves' },
    { name: 'outside.example.com', opened: 'ERR_TLS_CERT_INVALID' },
  ])('an authority for example.org only: $name $opened', async ({ name, opened }) => {
    const via = await createConstrained(authority, 'example.org');
    const leaf = await authority.issue({ names: [name], via });
    await using at = await upgrade({ credentials: leaf }, { ca: authority.certPem, sni: name });
    expect(at.opened).toBe(opened);
  });
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  const only = { minVersion: version, maxVersion: version };

  test.concurrent('is spoken', async () => {
    await using at = await upgrade({ credentials, ...only }, { ca: authority.certPem });
    expect(at.opened).toBe('resolves');
    expect((await at.tls()).getProtocol()).toBe(version);
  });

  const asks = { ...only, requestCert: true, rejectUnauthorized: true };
  test.concurrent('a client certificate is presented to a server that wants one', async () => {
    const { certPem: cert, keyPem: key } = await authority.issue({ names: ['client'], client: true });
    const ca = authority.certPem;
    await using at = await upgrade({ credentials, ...asks, ca: [ca] }, { ca, cert, key });
    expect(at.opened).toBe('resolves');
    const certificate = (await at.tls()).getPeerCertificate();
    expect(certificate.subject.CN).toBe('client');
  });

  test.concurrent('a server that wants a client certificate and gets none ends it with an alert', async () => {
    const ca = authority.certPem;
    await using at = await upgrade({ credentials, ...asks, ca: [ca] }, { ca });
    // With TLS 1.3 the client is done before the server has seen that there is no certificate.
    expect(at.opened).toBe(version === 'TLSv1.3' ? 'resolves' : 'ERR_TLS_ALERT');
    expect(await ending(at.socket.readable.getReader().read())).toBe('ERR_TLS_ALERT');
  });

  test('the second connection resumes the session of the first', async () => {
    const resumed: boolean[] = [];
    // Of its own, so that no other test has left a session behind for this name.
    const fresh = await createAuthority();
    const { certPem: cert, keyPem: key } = await fresh.issue({ names: ['localhost'] });
    const server = createServer({ cert, key, ...only }, (tls) => {
      resumed.push(tls.isSessionReused());
      // The ticket comes with the data.
      tls.on('error', () => {}).end('go');
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as { port: number };
    for (let round = 0; round < 2; round += 1) {
      const plain = connect({ hostname: 'localhost', port }, { secureTransport: 'starttls' });
      const socket = plain.startTls({ ca: fresh.certPem });
      await socket.readable.getReader().read();
      await socket.close();
    }
    server.close();
    expect(resumed).toEqual([false, true]);
  });

  test.concurrent.each([
    { offered: ['h2', 'postgresql'], spoken: ['postgresql'], alpn: 'postgresql' },
    { offered: ['h2'], spoken: undefined, alpn: null },
    { offered: undefined, spoken: ['h2'], alpn: null },
  ])('ALPN offered $offered, spoken $spoken: $alpn', async ({ offered, spoken, alpn }) => {
    const peerTls = { credentials, ...only, ...(spoken && { ALPNProtocols: spoken }) };
    await using at = await upgrade(peerTls, { ca: authority.certPem }, offered && { alpn: offered });
    expect((await at.socket.opened).alpn).toBe(alpn);
  });

  test.concurrent('no ALPN protocol in common fails the handshake', async () => {
    const peerTls = { credentials, ...only, ALPNProtocols: ['h2'] };
    await using at = await upgrade(peerTls, { ca: authority.certPem }, { alpn: ['postgresql'] });
    expect(at.opened).toBe('ERR_TLS_ALPN');
  });

  test.concurrent('times are checked', async () => {
    const day = 86_400_000;
    const now = Date.now();
    const past = { notBefore: new Date(now - 2 * day), notAfter: new Date(now - day) };
    const expired = await authority.issue({ names: ['localhost'], ...past });
    const early = await authority.issue({ names: ['localhost'], notBefore: new Date(now + day) });
    await using first = await upgrade({ credentials: expired, ...only }, { ca: authority.certPem });
    await using second = await upgrade({ credentials: early, ...only }, { ca: authority.certPem });
    expect([first.opened, second.opened]).toEqual(['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID']);
  });
});

test.each(['TLSv1', 'TLSv1.1'] as const)('a server that speaks %s only is refused', async (version) => {
  const old = { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' };
  await using at = await upgrade({ credentials, ...old }, { ca: authority.certPem });
  expect(at.opened).toBe('ERR_TLS_ALERT');
});
