/** What `opened` tells of TLS. */
import { X509Certificate } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, type StartTlsOptions } from 'wintersock';
import { toDuplex } from 'wintersock/node';
import {
  type Authority,
  type Credentials,
  createAuthority,
  createIntermediate,
  selfSigned,
} from './fixtures/pki.mjs';
import { secured, serve } from './tls/server.ts';

let authority: Authority;
let credentials: Credentials;
let ca: string;
beforeAll(async () => {
  authority = await createAuthority();
  ca = authority.certPem;
  credentials = await authority.issue({ names: ['localhost'], via: await createIntermediate(authority) });
});

/** An open connection, what `opened` gave, and the server's side. */
async function opened(server: TlsOptions = {}, options: StartTlsOptions = {}, of = credentials) {
  const at = await serve(of, server);
  const socket = secured(at, { ca, ...options });
  const info = await socket.opened;
  // The server's side may not be done yet.
  await socket.readable.getReader().read();
  return {
    socket,
    info,
    peer: at.sessions[0] as (typeof at.sessions)[0],
    async [Symbol.asyncDispose]() {
      await socket.close();
      await at[Symbol.asyncDispose]();
    },
  };
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  const only = { minVersion: version, maxVersion: version };

  test('version and cipher are those that the server sees', async () => {
    await using at = await opened(only);
    const { standardName } = at.peer.getCipher();
    expect(at.info.tls).toMatchObject({
      version,
      cipher: standardName,
      resumed: false,
      authorizationError: null,
    });
  });

  test.each([
    { curve: 'X25519', group: 'x25519' },
    { curve: 'P-256', group: 'secp256r1' },
    { curve: 'P-384', group: 'secp384r1' },
  ])('the group is $group', async ({ curve, group }) => {
    await using at = await opened({ ...only, ecdhCurve: curve });
    expect(at.info.tls?.group).toBe(group);
  });

  test('a session that is resumed is told, with the certificate of the first', async () => {
    const fresh = await createAuthority();
    await using server = await serve(await fresh.issue({ names: ['localhost'] }), only);
    const round = async () => {
      const socket = secured(server, { ca: fresh.certPem });
      const { tls } = await socket.opened;
      await socket.readable.getReader().read();
      await socket.close();
      return tls;
    };
    const [first, second] = [await round(), await round()];
    expect([first?.resumed, second?.resumed, ...server.resumed]).toEqual([false, true, false, true]);
    expect(second?.peerCertificate.fingerprint256).toBe(first?.peerCertificate.fingerprint256);
    // TLS 1.3 agrees on keys anew.
    expect(second?.group).toBe(version === 'TLSv1.3' ? first?.group : null);
  });
});

test('certificates are those that were sent, as X509Certificate, and parsed once', async () => {
  await using at = await opened();
  const { tls } = at.info;
  expect(tls?.peerCertificate).toBeInstanceOf(X509Certificate);
  const sent = credentials.chainPem.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? [];
  expect(sent).toHaveLength(2);
  const fingerprints = sent.map((pem) => new X509Certificate(pem).fingerprint256);
  expect(tls?.peerCertificates.map(({ fingerprint256 }) => fingerprint256)).toEqual(fingerprints);
  expect(tls?.peerCertificates[0]).toBe(tls?.peerCertificate);
  expect(at.info.tls).toBe(tls);
});

test('what was asked for while the socket was open stays', async () => {
  await using at = await opened();
  const { tls } = at.info;
  await at.socket.close();
  expect(at.info.tls).toBe(tls);
  expect(at.info.tls?.peerCertificate.subject).toBe('CN=localhost');
});

test('what was not asked for before the socket closed is null', async () => {
  await using at = await opened();
  await at.socket.close();
  expect(at.info.tls).toBeNull();
});

test('it is null without TLS, and before startTls()', async () => {
  await using server = await serve(credentials);
  const plain = connect({ hostname: 'localhost', port: server.port }, { secureTransport: 'starttls' });
  const { tls, ...others } = await plain.opened;
  expect(tls).toBeNull();
  const socket = plain.startTls({ ca });
  const info = await socket.opened;
  expect(info.tls?.version).toBe('TLSv1.3');
  expect(Object.keys(info)).toEqual([...Object.keys(others), 'tls']);
  expect((await plain.opened).tls).toBeNull();
  await socket.close();
});

describe('what is wrong with a certificate that is accepted all the same', () => {
  test.each([
    { wrong: 'DEPTH_ZERO_SELF_SIGNED_CERT', make: () => selfSigned({ names: ['localhost'] }) },
    { wrong: 'ERR_TLS_CERT_ALTNAME_INVALID', make: () => authority.issue({ names: ['other.example'] }) },
    { wrong: null, make: () => authority.issue({ names: ['localhost'] }) },
  ])('$wrong', async ({ wrong, make }) => {
    for (const off of [{ verify: false }, { rejectUnauthorized: false }]) {
      await using at = await opened({}, off, await make());
      expect(at.info.tls?.authorizationError).toBe(wrong);
    }
  });
});

test('a socket that a duplex has tells the same, in both ways', async () => {
  await using server = await serve(credentials);
  const socket = secured(server, { verify: false, ca: (await createAuthority()).certPem });
  const duplex = toDuplex(socket);
  await new Promise((resolve) => duplex.once('secureConnect', resolve));
  const { tls } = await socket.opened;
  expect(tls?.authorizationError).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
  expect(duplex).toMatchObject({ authorized: false, authorizationError: tls?.authorizationError });
  expect(duplex.getPeerX509Certificate()?.fingerprint256).toBe(tls?.peerCertificate.fingerprint256);
  duplex.destroy();
});
