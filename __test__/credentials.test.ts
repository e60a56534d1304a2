/** Members of TlsConfig: in which forms they are taken, by startTls(), bindings and wintersock/node. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { connect, createBinding, type StartTlsOptions } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { asks, ca, cert, credentials, derOf, encrypted, key, other, PASSPHRASE, url } from './tls/parties.ts';
import { greeting, secured, serve } from './tls/server.ts';

/** Whom the server has seen. */
async function seen(options: StartTlsOptions): Promise<string> {
  await using server = await serve(credentials, asks);
  const heard = await greeting(secured(server, { ca, ...options }));
  return heard === 'hello' ? String(server.sessions[0]?.getPeerCertificate().subject.CN) : heard;
}

describe('a key may be', () => {
  const keys: [string, () => StartTlsOptions][] = [
    ['PEM', () => ({ key })],
    ['bytes of PEM', () => ({ key: Buffer.from(key) })],
    ['DER', () => ({ key: derOf(key) })],
    ['DER of SEC1', () => ({ key: createPrivateKey(key).export({ type: 'sec1', format: 'der' }) })],
    ['a file', () => ({ key: url('key.pem') })],
    ['in a list', () => ({ key: [key] })],
    ['behind a certificate', () => ({ key: cert + key })],
    ['encrypted PKCS#8', () => ({ key: encrypted('pkcs8'), passphrase: PASSPHRASE })],
    ['encrypted PKCS#8 in DER', () => ({ key: encrypted('pkcs8', 'der'), passphrase: PASSPHRASE })],
    ['encrypted in the old way', () => ({ key: encrypted('sec1'), passphrase: PASSPHRASE })],
    ['encrypted, behind a certificate', () => ({ key: cert + encrypted('pkcs8'), passphrase: PASSPHRASE })],
    ['an encrypted file', () => ({ key: url('locked.pem'), passphrase: PASSPHRASE })],
    ['not encrypted, and have a passphrase', () => ({ key, passphrase: PASSPHRASE })],
  ];
  test.concurrent.each(keys)('%s', async (_, options) => {
    expect(await seen({ cert, ...options() })).toBe('client');
  });

  test.concurrent('RSA, encrypted in the old way', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const format = { type: 'pkcs1', format: 'pem', cipher: 'aes-128-cbc', passphrase: PASSPHRASE } as const;
    const options = { cert, key: privateKey.export(format), passphrase: PASSPHRASE };
    // It was decrypted: what is wrong is that it is not that of the certificate.
    expect(publicKey.asymmetricKeyType).toBe('rsa');
    expect(() => createBinding(options)).toThrow(/`key` cannot be used with `cert`/);
  });
});

test.each([
  [
    'a certificate and an authority from files',
    () => ({ cert: url('cert.pem'), key: url('key.pem'), ca: url('ca.pem') }),
  ],
  [
    'several of each, text and bytes',
    () => ({ cert: [Buffer.from(cert)], key, ca: [other.certPem, derOf(ca)] }),
  ],
])('%s', async (_, options) => {
  expect(await seen(options())).toBe('client');
});

test('members are read in order, what a getter throws passes through, and others are ignored', () => {
  const socket = connect('localhost:1', { secureTransport: 'starttls' });
  const read: unknown[] = [];
  const bag = new Proxy({}, { get: (_, name) => void read.push(name) });
  const members = `alpn ca cert extraCa key keyLog maxVersion minVersion passphrase pins rejectUnauthorized sessionResumption systemCa verify`;
  const next = socket.startTls(bag);
  expect(read).toEqual([...members.split(' '), 'expectedServerHostname', 'servername', 'sni']);
  next.close();
  const mine = new Error('mine');
  const throws = {
    get pins(): never {
      throw mine;
    },
  };
  const second = connect('localhost:1', { secureTransport: 'starttls' });
  expect(() => second.startTls(throws)).toThrow(mine);
  second.close().catch(() => {});
});

describe('wintersock/node', () => {
  const forms: [string, () => object][] = [
    ['a passphrase', () => ({ key: encrypted('pkcs8'), passphrase: PASSPHRASE })],
    ['an object with one', () => ({ key: { pem: encrypted('sec1'), passphrase: PASSPHRASE } })],
    ['a list of such objects', () => ({ key: [{ pem: encrypted('pkcs8'), passphrase: PASSPHRASE }] })],
    [
      'an object, and the passphrase beside it',
      () => ({ key: { pem: encrypted('pkcs8') }, passphrase: PASSPHRASE }),
    ],
    ['one that is not needed', () => ({ key, passphrase: PASSPHRASE })],
    ['files', () => ({ key: url('locked.pem'), cert: url('cert.pem'), passphrase: PASSPHRASE })],
  ];
  test.concurrent.each(forms)('%s', async (_, options) => {
    await using server = await serve(credentials, asks);
    const bag = {
      port: server.port,
      host: 'localhost',
      secureTransport: 'on',
      extraCa: ca,
      cert,
      ...options(),
    };
    const socket = createConnection(bag as object);
    const [chunk] = await new Promise<[Buffer]>((resolve, reject) => {
      socket.once('data', (data: Buffer) => resolve([data])).once('error', reject);
    });
    socket.destroy();
    expect(String(chunk)).toBe('hello');
    expect(server.sessions[0]?.getPeerCertificate().subject.CN).toBe('client');
  });

  test("protocols under our name, and under Node's, which wins", async () => {
    await using server = await serve(credentials, { ALPNProtocols: ['one', 'two'] });
    const agreed = (options: object) =>
      new Promise((resolve, reject) => {
        const bag = { port: server.port, host: 'localhost', secureTransport: 'on' as const, ca, ...options };
        const socket = createConnection(bag);
        socket
          .once('secureConnect', () => resolve(socket.destroy() && socket.alpnProtocol))
          .once('error', reject);
      });
    expect(await agreed({ alpn: ['two'] })).toBe('two');
    expect(await agreed({ alpn: ['two'], ALPNProtocols: ['one'] })).toBe('one');
  });
});

test('a binding trusts, and shows, what it was told', async () => {
  await using server = await serve(credentials, asks);
  const { connect: bound } = createBinding({
    extraCa: url('ca.pem'),
    cert: url('cert.pem'),
    key: url('locked.pem'),
    passphrase: PASSPHRASE,
  });
  const socket = bound(`localhost:${server.port}`, { secureTransport: 'on' });
  expect(await greeting(socket)).toBe('hello');
  expect(server.sessions[0]?.getPeerCertificate().subject.CN).toBe('client');
});
