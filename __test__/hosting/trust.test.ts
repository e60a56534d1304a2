/** Members of a configuration that say whom to trust, and who one is, against a server of node:tls. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type BindingConfig, createBinding, type SocketError, type StartTlsOptions } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { ending } from '../behaviour/settlement.ts';
import { runNode } from '../fixtures/node-process.mjs';
import { type Authority, type Credentials, createAuthority, createIntermediate } from '../fixtures/pki.mjs';

const timeout = 60_000;
let authority: Authority;
let stranger: Authority;
let credentials: Credentials;
let client: Credentials;
const stops: (() => void)[] = [];

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority({ commonName: 'other' })]);
  credentials = await authority.issue({ names: ['localhost'] });
  client = await authority.issue({ names: [], commonName: 'client', client: true });
}, timeout);
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A server that answers with `hello` and the common name of who it talks to. */
async function serve(options: TlsOptions = {}, { chainPem: cert, keyPem: key } = credentials) {
  const server = createServer({ cert, key, ...options }, (socket: TLSSocket) => {
    socket.on('error', () => {});
    // Before the client has said something, node:tls ends some connections without `close_notify`.
    socket.once('data', () => socket.end(`hello ${socket.getPeerCertificate()?.subject?.CN ?? 'nobody'}`));
  });
  const open = new Set<{ destroy(): unknown }>();
  server.on('connection', (socket) => open.add(socket)).on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stops.push(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `localhost:${(server.address() as AddressInfo).port}`;
}

/** How a connection ends that a binding makes: what the server says, or a code. */
async function said(address: string, config: BindingConfig): Promise<string> {
  const { connect } = createBinding(config);
  const socket = connect(address, { secureTransport: 'on' });
  try {
    await socket.writable.getWriter().write('hello');
    return await new Response(socket.readable).text();
  } catch (error) {
    return (error as SocketError).code;
  }
}

const pinOf = (pem: string): string => {
  const { publicKey } = new X509Certificate(pem);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  return `sha256/${createHash('sha256').update(spki).digest('base64')}`;
};

/** What a configuration is refused with. */
function mistake(config: BindingConfig): { code: string; message: string } {
  try {
    createBinding(config);
  } catch (error) {
    const { code, message } = error as SocketError;
    return { code, message };
  }
  return { code: 'none', message: '' };
}

describe('roots', () => {
  test('`ca` replaces, `extraCa` adds', { timeout }, async () => {
    const address = await serve();
    const [own, other] = [authority.certPem, stranger.certPem];
    expect(await said(address, { ca: own })).toBe('hello nobody');
    expect(await said(address, { ca: other })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(await said(address, { extraCa: own })).toBe('hello nobody');
    expect(await said(address, { ca: other, extraCa: own })).toBe('hello nobody');
    expect(await said(address, {})).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });
});

describe('a client certificate', () => {
  const PASSPHRASE = 'geheim, mit Umlauten: äöü';
  const ciphers = ['aes-128-cbc', 'aes-256-cbc'];
  const encrypted = (cipher: string): string =>
    createPrivateKey(client.keyPem)
      .export({ type: 'pkcs8', format: 'pem', cipher, passphrase: PASSPHRASE })
      .toString();
  const asks = (): TlsOptions => ({ requestCert: true, rejectUnauthorized: true, ca: authority.certPem });
  const config = (more: BindingConfig): BindingConfig => ({
    ca: authority.certPem,
    cert: client.certPem,
    ...more,
  });

  test('is shown', { timeout }, async () => {
    expect(await said(await serve(asks()), config({ key: client.keyPem }))).toBe('hello client');
  });

  test.each(ciphers)('is shown, its key encrypted with %s', { timeout }, async (cipher) => {
    const more = { key: encrypted(cipher), passphrase: PASSPHRASE };
    expect(await said(await serve(asks()), config(more))).toBe('hello client');
  });

  test('whose key cannot be read is refused at once', () => {
    const key = encrypted('aes-256-cbc');
    for (const more of [{ key }, { key, passphrase: 'wrong' }]) {
      expect(mistake(config(more))).toMatchObject({
        code: 'ERR_INVALID_KEY',
        message: expect.stringContaining('passphrase'),
      });
    }
    expect(mistake(config({ key: credentials.keyPem })).code).toBe('ERR_INVALID_KEY');
    expect(mistake(config({})).message).toContain('`key`');
  });
});

describe('versions', () => {
  test('a server that has TLS 1.2 only is refused by who wants 1.3', { timeout }, async () => {
    const address = await serve({ maxVersion: 'TLSv1.2' });
    const ca = authority.certPem;
    expect(await said(address, { ca })).toBe('hello nobody');
    expect(await said(address, { ca, minVersion: 'TLSv1.3' })).toBe('ERR_TLS_ALERT');
    const [host = '', port] = address.split(':');
    const duplex = createConnection({
      host,
      port: Number(port),
      secureTransport: 'on',
      ca,
      minVersion: 'TLSv1.3',
    });
    const [error] = await once(duplex, 'error');
    expect(error).toMatchObject({
      code: 'ERR_TLS_ALERT',
      message: expect.stringContaining('ProtocolVersion'),
    });
  });

  test('a server that has TLS 1.3 only is refused by who wants 1.2', { timeout }, async () => {
    const address = await serve({ minVersion: 'TLSv1.3' });
    expect(await said(address, { ca: authority.certPem, maxVersion: 'TLSv1.2' })).toBe('ERR_TLS_ALERT');
  });

  test('the least above the most is a mistake', () => {
    expect(mistake({ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' })).toMatchObject({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringMatching(/minVersion/),
    });
  });
});

describe('pins', () => {
  test('one of the chain has to be among them', { timeout }, async () => {
    const via = await createIntermediate(authority);
    const leaf = await authority.issue({ names: ['localhost'], via });
    const address = await serve({}, leaf);
    const ca = authority.certPem;
    for (const pem of [leaf.certPem, via.certPem, authority.certPem]) {
      expect(await said(address, { ca, pins: [pinOf(stranger.certPem), pinOf(pem)] })).toBe('hello nobody');
    }
    expect(await said(address, { ca, pins: [pinOf(stranger.certPem)] })).toBe('ERR_TLS_PIN');
  });

  test('a chain with a pinned key that nobody trusts is refused', { timeout }, async () => {
    const pins = [pinOf(credentials.certPem)];
    expect(await said(await serve(), { ca: stranger.certPem, pins })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('with `verify: false` only they count, and of the server’s own key', { timeout }, async () => {
    const address = await serve();
    const verify = false;
    expect(await said(address, { verify, pins: [pinOf(credentials.certPem)] })).toBe('hello nobody');
    expect(await said(address, { verify, pins: [pinOf(authority.certPem)] })).toBe('ERR_TLS_PIN');
  });

  test.each(['sha256/AAAA', 'AAAA', `sha1/${'A'.repeat(43)}=`])('%s is none', (pin) => {
    expect(mistake({ pins: [pin] })).toMatchObject({ code: 'ERR_INVALID_OPTION' });
  });
});

describe('`verify: false`', () => {
  test('accepts whom nobody vouches for, and says what is wrong', { timeout }, async () => {
    const address = await serve();
    const { connect } = createBinding({ verify: false });
    const socket = connect(address, { secureTransport: 'on' });
    const { tls } = await socket.opened;
    expect(tls?.authorizationError).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(tls?.peerCertificate.subject).toBe('CN=localhost');
    await socket.close();
  });

  test('wins over `rejectUnauthorized`', { timeout }, async () => {
    const address = await serve();
    expect(await said(address, { rejectUnauthorized: false })).toBe('hello nobody');
    const both = { verify: true, rejectUnauthorized: false };
    expect(await said(address, both)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('warns the process, once', { timeout }, async () => {
    const source = `
      import { createBinding } from 'wintersock';
      createBinding({ ca: undefined });
      console.error('made');
      createBinding({ verify: false });
      createBinding({ verify: false });
    `;
    const { code, stderr } = await runNode(['--input-type=module', '--eval', source]);
    expect(code).toBe(0);
    const [before = '', after = ''] = stderr.split('made\n');
    expect(before).toBe('');
    expect(after.match(/Warning: /g)).toHaveLength(1);
    expect(after).toMatch(/verif/);
  });
});

test('what startTls() is given wins over the binding', { timeout }, async () => {
  const address = await serve();
  const { connect } = createBinding({ ca: stranger.certPem });
  const socket = connect(address, { secureTransport: 'starttls' });
  expect(await ending(socket.startTls({ ca: authority.certPem }).opened, timeout)).toBe('resolves');
  await socket.close();
});

test('what startTls() is not given is as the binding has it', { timeout }, async () => {
  const address = await serve();
  const upgraded = (config: BindingConfig, options: StartTlsOptions): Promise<string> => {
    const { connect } = createBinding(config);
    const socket = connect(address, { secureTransport: 'starttls' }).startTls(options);
    return ending(
      socket.opened.finally(() => socket.close().catch(() => {})),
      timeout,
    );
  };
  const anyone = { rejectUnauthorized: false };
  expect(await upgraded({ ca: authority.certPem }, {})).toBe('resolves');
  expect(await upgraded({ ca: stranger.certPem }, {})).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  expect(await upgraded({ ca: stranger.certPem }, anyone)).toBe('resolves');
  // Pins hold, whoever issued the certificate.
  expect(await upgraded({ ca: stranger.certPem, pins: [pinOf(stranger.certPem)] }, anyone)).toBe(
    'ERR_TLS_PIN',
  );
  expect(await upgraded({ ca: stranger.certPem, pins: [pinOf(credentials.certPem)] }, anyone)).toBe(
    'resolves',
  );
});
