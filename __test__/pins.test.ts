/** Pinned keys: which of a server's chain count, and when. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect, createBinding, type StartTlsOptions } from 'wintersock';
import { createConnection } from 'wintersock/node';
import {
  type Authority,
  type Credentials,
  createAuthority,
  createIntermediate,
  selfSigned,
} from './fixtures/pki.mjs';
import { greeting, pinOf, secured, serve } from './tls/server.ts';

let root: Authority;
let between: Awaited<ReturnType<typeof createIntermediate>>;
let stranger: Authority;
let leaf: Credentials;
let sent: Credentials;
let own: Credentials;
const pins = { leaf: '', own: '', between: '', root: '', stranger: '' };
type Name = keyof typeof pins;

beforeAll(async () => {
  root = await createAuthority();
  between = await createIntermediate(root);
  stranger = await createAuthority({ commonName: 'somebody else' });
  leaf = await root.issue({ names: ['localhost'], via: between });
  // Of a stranger, whose certificate anybody can send along.
  sent = { ...leaf, chainPem: leaf.chainPem + stranger.certPem };
  own = await selfSigned({ names: ['elsewhere.example'] });
  const { certPem } = leaf;
  Object.assign(pins, { leaf: pinOf(certPem), own: pinOf(own.certPem), between: pinOf(between.certPem) });
  Object.assign(pins, { root: pinOf(root.certPem), stranger: pinOf(stranger.certPem) });
});

/** Hears a server, or the code why not. */
async function heard(credentials: Credentials, options: StartTlsOptions): Promise<string> {
  await using server = await serve(credentials);
  return await greeting(secured(server, options));
}

describe('with verification', () => {
  const cases: { pinned: Name[]; heard: string }[] = [
    { pinned: ['leaf'], heard: 'hello' },
    { pinned: ['between'], heard: 'hello' },
    { pinned: ['root'], heard: 'hello' },
    { pinned: ['stranger', 'leaf'], heard: 'hello' },
    { pinned: ['stranger'], heard: 'ERR_TLS_PIN' },
    { pinned: ['own'], heard: 'ERR_TLS_PIN' },
  ];
  test.concurrent.each(cases)('$pinned pinned: $heard', async ({ pinned, heard: wanted }) => {
    const options = { ca: root.certPem, pins: pinned.map((name) => pins[name]) };
    expect(await heard(sent, options)).toBe(wanted);
  });

  test.concurrent('a pin does not stand in for a trusted authority, or for the name', async () => {
    expect(await heard(leaf, { pins: [pins.leaf] })).toBe('UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
    const options = { ca: root.certPem, pins: [pins.leaf], sni: 'other.example' };
    expect(await heard(leaf, options)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test.concurrent('the root counts where its key is a long one', async () => {
    const keys = await webcrypto.subtle.generateKey(
      {
        name: 'RSASSA-PKCS1-v1_5',
        hash: 'SHA-256',
        publicExponent: Uint8Array.of(1, 0, 1),
        modulusLength: 2048,
      },
      true,
      ['sign', 'verify'],
    );
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: 'CN=long',
      keys,
      signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    const made = await x509.X509CertificateGenerator.create({
      subject: 'CN=localhost',
      issuer: 'CN=long',
      publicKey: new x509.X509Certificate(Buffer.from(leaf.certPem)).publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: 'localhost' }])],
    });
    const ca = certificate.toString('pem');
    const credentials = { ...leaf, chainPem: made.toString('pem') };
    expect(await heard(credentials, { ca, pins: [pinOf(ca)] })).toBe('hello');
  });
});

describe('without verification only the own key of the server counts', () => {
  test.concurrent.each([
    { pinned: 'own', heard: 'hello' },
    { pinned: 'leaf', heard: 'ERR_TLS_PIN' },
  ] as const)('$pinned pinned: $heard', async ({ pinned, heard: wanted }) => {
    expect(await heard(own, { verify: false, pins: [pins[pinned]] })).toBe(wanted);
  });

  test.concurrent('not that of its authority', async () => {
    const options = { verify: false, ca: root.certPem };
    expect(await heard(leaf, { ...options, pins: [pins.root] })).toBe('ERR_TLS_PIN');
    expect(await heard(leaf, { ...options, pins: [pins.leaf] })).toBe('hello');
  });
});

test.each([true, false])('the message has the pin that would be right (verify: %s)', async (verify) => {
  await using server = await serve(leaf);
  const ca = root.certPem;
  const refused = secured(server, { ca, verify, pins: [pins.stranger] });
  const { message } = await refused.opened.then(
    () => new Error('opened'),
    (error: Error) => error,
  );
  const [, pin = ''] = /'(sha256\/[^']+)'/.exec(message) ?? [];
  expect(pin).toBe(pins['leaf']);
  expect(message).toContain('`pins`');
  expect(await greeting(secured(server, { ca, verify, pins: [pin] }))).toBe('hello');
});

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('sessions of %s', (version) => {
  test('are resumed with the same pins, and never with others', async () => {
    // Of its own, so that no other test has left a session behind for this name.
    const fresh = await createAuthority();
    const credentials = await fresh.issue({ names: ['localhost'] });
    await using server = await serve(credentials, { minVersion: version, maxVersion: version });
    const ca = fresh.certPem;
    const pinned = { ...pins, leaf: pinOf(credentials.certPem), root: pinOf(ca) };
    const round = (name: Name) => greeting(secured(server, { ca, pins: [pinned[name]] }));
    expect([await round('leaf'), await round('leaf'), await round('root')]).toEqual([
      'hello',
      'hello',
      'hello',
    ]);
    expect(server.resumed).toEqual([false, true, false]);
    expect(await round('own')).toBe('ERR_TLS_PIN');
    expect(await greeting(secured(server, { ca }))).toBe('hello');
    expect(server.resumed.at(-1)).toBe(false);
  });
});

test('pins of a binding hold in startTls(), also without verification', async () => {
  await using server = await serve(own);
  const binding = createBinding({ pins: [pins.leaf] });
  expect(await greeting(secured(server, { rejectUnauthorized: false }, binding))).toBe('ERR_TLS_PIN');
  expect(await greeting(secured(server, { rejectUnauthorized: false }, { connect }))).toBe('hello');
});

test('wintersock/node has them, too', async () => {
  await using server = await serve(leaf);
  const outcome = (pin: Name) =>
    new Promise((resolve) => {
      const options = {
        host: 'localhost',
        port: server.port,
        secureTransport: 'on',
        ca: root.certPem,
      } as const;
      const socket = createConnection({ ...options, pins: [pins[pin]] });
      socket.once('secureConnect', () => resolve(socket.destroy() && 'secure'));
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
    });
  expect([await outcome('between'), await outcome('stranger')]).toEqual(['secure', 'ERR_TLS_PIN']);
});
