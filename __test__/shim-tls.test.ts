/** The stand-in for node:tls beside node:tls: connections that begin with TLS. */
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import nodeTls from 'node:tls';
import { describe, expect, test } from 'vitest';
import { authority, both, credentials, exchanged, listening, ours, secureEcho } from './shim/modules.ts';

const replaced = ['TLSSocket', 'connect', 'createSecureContext'];
const ca = authority.certPem;
const { chainPem: cert, keyPem: key } = credentials;
const client = await authority.issue({ names: ['client'], client: true });

/** Whether Node made it. */
const isNodes = (socket: unknown): boolean => socket instanceof nodeTls.TLSSocket;

describe('the module', () => {
  test('exports what node:tls exports', () => {
    expect(Object.keys(ours.tls)).toEqual(Object.keys(nodeTls));
  });

  test('replaces what encrypts, and nothing else', () => {
    const member = (tls: object, name: string): unknown => Reflect.get(tls, name);
    const different = Object.keys(nodeTls).filter((name) => member(ours.tls, name) !== member(nodeTls, name));
    expect(different.toSorted()).toEqual(replaced);
  });

  test('is the same for import', async () => {
    const path = '../dist/tls.mjs';
    const { default: whole, ...named } = (await import(path)) as { default: object };
    expect(whole).toBe(ours.tls);
    expect(Object.keys(named).toSorted()).toEqual(Object.keys(nodeTls).toSorted());
    expect(named).toMatchObject(
      Object.fromEntries(replaced.map((name) => [name, Reflect.get(ours.tls, name)])),
    );
  });
});

describe('connect()', () => {
  const forms: Record<
    string,
    (tls: typeof nodeTls, port: number, listener: () => void) => nodeTls.TLSSocket
  > = {
    'options, listener': (tls, port, listener) => tls.connect({ port, host: 'localhost', ca }, listener),
    'port, host, options, listener': (tls, port, listener) =>
      tls.connect(port, 'localhost', { ca }, listener),
    'port, options, listener': (tls, port, listener) => tls.connect(port, { ca }, listener),
    'a host in the options, which wins': (tls, port, listener) =>
      tls.connect(port, 'nowhere.invalid', { ca, host: 'localhost' }, listener),
    servername: (tls, port, listener) =>
      tls.connect({ port, host: '127.0.0.1', servername: 'localhost', ca }, listener),
    'a secure context': (tls, port, listener) =>
      tls.connect({ port, secureContext: tls.createSecureContext({ ca }) }, listener),
    'several authorities': (tls, port, listener) =>
      tls.connect({ port, ca: [cert, Buffer.from(ca)] }, listener),
    'null for nothing': (tls, port, listener) =>
      tls.connect(
        { port, ca, cert: null, key: null, ciphers: undefined, pfx: undefined, passphrase: '' } as never,
        listener,
      ),
  };
  for (const [name, form] of Object.entries(forms)) {
    both(
      name,
      async (modules) => {
        let secured = 0;
        const socket = form(modules.tls, await secureEcho(), () => {
          secured += 1;
        });
        return { nodes: isNodes(socket) && modules === ours, answer: await exchanged(socket), secured };
      },
      { nodes: false, answer: 'hello', secured: 1 },
    );
  }

  both(
    'tells what was agreed on',
    async ({ tls, net }) => {
      const socket = tls.connect({
        port: await secureEcho({ ALPNProtocols: ['b'] }),
        host: 'localhost',
        servername: 'localhost',
        ca,
        ALPNProtocols: ['a', 'b'],
      });
      await once(socket, 'secureConnect');
      const { encrypted, authorized, authorizationError, alpnProtocol } = socket;
      const { subject } = socket.getPeerCertificate();
      const kinds = [socket instanceof tls.TLSSocket, socket instanceof net.Socket];
      const told = { encrypted, authorized, authorizationError, alpnProtocol, kinds };
      const more = [socket.getProtocol(), subject.CN, socket.servername, socket.constructor.name];
      await exchanged(socket);
      return { ...told, more };
    },
    {
      encrypted: true,
      authorized: true,
      authorizationError: null,
      alpnProtocol: 'b',
      kinds: [true, true],
      more: ['TLSv1.3', 'localhost', 'localhost', 'TLSSocket'],
    },
  );

  both(
    'shows a certificate, also one of a secure context',
    async ({ tls }) => {
      const client = await authority.issue({ names: [], commonName: 'alice', client: true });
      const own = { cert: client.certPem, key: client.keyPem };
      const greet = (socket: nodeTls.TLSSocket) => socket.end(`${socket.getPeerCertificate().subject.CN}`);
      const server = nodeTls.createServer({ cert, key, ca, requestCert: true, maxVersion: 'TLSv1.2' }, greet);
      const port = await listening(server);
      const ways = [{ ca, ...own }, { secureContext: tls.createSecureContext({ ca, ...own }) }, { ca }];
      return Promise.all(
        ways.map(async (way) => {
          let text = '';
          const socket = tls.connect({ port, ...way });
          socket.on('data', (data) => {
            text += data;
          });
          const ended = new Promise((resolve) =>
            socket.on('error', () => resolve('refused')).on('close', () => resolve(text)),
          );
          return ended;
        }),
      );
    },
    ['alice', 'alice', 'refused'],
  );

  test('has the methods that drivers call', async () => {
    const socket = ours.tls.connect({ port: await secureEcho(), ca });
    expect(isNodes(socket)).toBe(false);
    await once(socket, 'secureConnect');
    socket.disableRenegotiation();
    const renegotiated = new Promise((resolve) => socket.renegotiate({ rejectUnauthorized: true }, resolve));
    expect(await renegotiated).toMatchObject({ code: 'ERR_INVALID_STATE' });
    const { getSession, getTLSTicket, setMaxSendFragment, getEphemeralKeyInfo } = socket;
    const methods = [getSession, getTLSTicket, setMaxSendFragment, getEphemeralKeyInfo];
    expect(methods.map((method) => Reflect.apply(method, socket, [512]))).toEqual([
      undefined,
      undefined,
      false,
      {},
    ]);
    expect(await exchanged(socket)).toBe('hello');
  });
});

describe('a key with a passphrase', () => {
  const passphrase = 'open';
  const locked = createPrivateKey(client.keyPem).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase,
  });
  const forms: Record<string, (tls: typeof nodeTls) => nodeTls.ConnectionOptions> = {
    'beside it': () => ({ key: locked, passphrase }),
    'in an object': () => ({ key: [{ pem: locked, passphrase }] }),
    'that it does not need': () => ({ key: client.keyPem, passphrase }),
    'in a secure context': (tls) => ({
      secureContext: tls.createSecureContext({ ca, cert: client.chainPem, key: locked, passphrase }),
    }),
  };
  for (const [name, form] of Object.entries(forms)) {
    both(
      name,
      async (modules) => {
        const port = await secureEcho({ requestCert: true, rejectUnauthorized: true, ca });
        const socket = modules.tls.connect({
          port,
          host: 'localhost',
          ca,
          cert: client.chainPem,
          ...form(modules.tls),
        });
        return { nodes: isNodes(socket) && modules === ours, answer: await exchanged(socket) };
      },
      { nodes: false, answer: 'hello' },
    );
  }
});

describe('what TLS in Rust does not know is done by Node', () => {
  const beyond: Record<string, nodeTls.ConnectionOptions> = {
    ciphers: { ciphers: 'TLS_AES_128_GCM_SHA256' },
    ecdhCurve: { ecdhCurve: 'P-256' },
    sigalgs: { sigalgs: 'ecdsa_secp256r1_sha256' },
    secureProtocol: { secureProtocol: 'TLSv1_2_method' },
    secureOptions: { secureOptions: 1 << 26 },
    requestOCSP: { requestOCSP: true } as nodeTls.ConnectionOptions,
    pskCallback: { pskCallback: () => null },
    'several keys': { key: [key, key], cert: [cert, cert] },
    'a secure context of its own': { secureContext: nodeTls.createSecureContext({ ca }) },
    'a local address': { localAddress: '127.0.0.1' } as nodeTls.ConnectionOptions,
  };
  for (const [name, options] of Object.entries(beyond)) {
    test(name, async () => {
      const socket = ours.tls.connect({ port: await secureEcho(), host: 'localhost', ca, ...options });
      expect(isNodes(socket)).toBe(true);
      expect(socket).toBeInstanceOf(ours.tls.TLSSocket);
      expect(await exchanged(socket)).toBe('hello');
    });
  }

  test.each(['pfx', 'crl'])('%s, and what is wrong with it is said by Node', (name) => {
    expect(() => ours.tls.connect({ port: 1, [name]: 'nonsense' })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('SocketError') }),
    );
  });

  test('a version of TLS that ours does not go down to', async () => {
    const socket = ours.tls.connect({
      port: await secureEcho(),
      ca,
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
    });
    expect(isNodes(socket)).toBe(true);
    expect(await exchanged(socket)).not.toBe('hello');
  });

  test('and is verified', async () => {
    const socket = ours.tls.connect({ port: await secureEcho(), ciphers: 'TLS_AES_128_GCM_SHA256' });
    expect(await exchanged(socket)).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('by default too', async () => {
    const usual = nodeTls.DEFAULT_CIPHERS;
    try {
      nodeTls.DEFAULT_CIPHERS = 'TLS_AES_128_GCM_SHA256';
      const socket = ours.tls.connect({ port: await secureEcho(), ca });
      expect(isNodes(socket)).toBe(true);
      expect(await exchanged(socket)).toBe('hello');
    } finally {
      nodeTls.DEFAULT_CIPHERS = usual;
    }
  });
});
