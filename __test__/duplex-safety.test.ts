/** What must never go out in plain text, pass for encrypted, or be believed: wintersock/node and the modules in place of Node's. */
import { once } from 'node:events';
import nodeNet, { type AddressInfo, type Server } from 'node:net';
import nodeTls from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { createConnection, PostgresSocket, type Socket, toDuplex } from 'wintersock/node';
import { type Authority, createAuthority } from './fixtures/pki.mjs';
import { ours } from './shim/modules.ts';

let authority: Authority;
let good: Server;
let elsewhere: Server;
const stops: (() => void)[] = [];
const timeout = 30_000;

async function listening(server: Server): Promise<Server> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}
const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A server that keeps what it gets, as text. */
async function keeper(greet: (socket: nodeNet.Socket) => void = () => {}) {
  const kept = { text: '', port: 0 };
  const server = await listening(
    nodeNet.createServer((socket) => {
      socket
        .on('error', () => {})
        .on('data', (data) => {
          kept.text += data.toString('latin1');
        });
      stops.push(() => socket.destroy());
      greet(socket);
    }),
  );
  stops.push(() => server.close());
  kept.port = portOf(server);
  return kept;
}

beforeAll(async () => {
  authority = await createAuthority();
  const serve = async (names: string[]) => {
    const { chainPem: cert, keyPem: key } = await authority.issue({ names });
    const server = nodeTls.createServer(
      { cert, key },
      (socket) => void socket.on('error', () => {}).pipe(socket),
    );
    return listening(server.on('tlsClientError', () => {}));
  };
  [good, elsewhere] = [await serve(['localhost']), await serve(['other.example'])];
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});
afterAll(() => {
  for (const server of [good, elsewhere]) server.close();
});

/** `'secureConnect'`, or the code of the error. */
async function outcome(socket: NodeJS.EventEmitter): Promise<string> {
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve('secureConnect'));
    socket.once('error', (error) => resolve(error.code));
  });
}
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
};

test.each(['written', 'corked'])(
  'what waits on the plain socket goes first, and nothing of what follows goes with it: %s',
  { timeout },
  async (how) => {
    const kept = await keeper();
    const plain = ours.net.connect(kept.port, '127.0.0.1');
    if (how === 'corked') plain.cork();
    plain.on('error', () => {});
    plain.write('first ');
    plain.write('second, which is longer ');
    const secure = ours.tls.connect({ socket: plain, servername: 'localhost' }).on('error', () => {});
    secure.write('a secret, and more of it');
    const handshake = '\x16\x03';
    await until(() => kept.text.includes(handshake));
    expect(kept.text.slice(0, kept.text.indexOf(handshake))).toBe('first second, which is longer ');
    expect(kept.text).not.toContain('secret');
    secure.destroy();
  },
);

test('what comes in plain text while the last plain bytes wait is not data', { timeout }, async () => {
  const kept = await keeper((socket) => {
    socket.pause();
    setTimeout(() => socket.write('injected'), 100);
    setTimeout(() => socket.resume(), 300);
  });
  const socket = createConnection(kept.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(Buffer.alloc(16_000_000));
  const data: string[] = [];
  socket.on('data', (chunk) => data.push(String(chunk)));
  expect(await outcome(socket.startTls({ servername: 'localhost' }))).toMatch(/^ERR_TLS/);
  expect(data).toEqual([]);
});

test.each([
  [{ rejectUnauthorized: false }, {}],
  [{ rejectUnauthorized: false }, { rejectUnauthorized: true }],
  [{ checkServerIdentity: () => undefined }, {}],
  [{ servername: 'other.example' }, {}],
])('a secure context made with %j has no say in who is believed', { timeout }, async (context, options) => {
  const secureContext = ours.tls.createSecureContext({ ca: authority.certPem, ...context } as object);
  const socket = ours.tls.connect({
    ...{ host: '127.0.0.1', port: portOf(elsewhere), servername: 'localhost', secureContext },
    ...options,
  });
  expect(await outcome(socket)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('a secure context is not ignored', () => {
  const secureContext = nodeTls.createSecureContext({ ca: authority.certPem });
  const options = { host: 'localhost', port: portOf(good), secureTransport: 'on', secureContext } as const;
  expect(() => createConnection(options)).toThrow(/`secureContext` is not supported/);
});

test('an empty list of authorities is not the default one', () => {
  const options = { host: 'localhost', port: portOf(good), secureTransport: 'on', ca: [] } as const;
  expect(() => createConnection(options)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CA' }));
});

test('toDuplex() goes on with the name that connect() was told', { timeout }, async () => {
  const begin = (sni: string, server: Server) => {
    const plain = connect(`127.0.0.1:${portOf(server)}`, { secureTransport: 'starttls', sni, alpn: ['x'] });
    return toDuplex(plain).startTls({ ca: authority.certPem });
  };
  const socket = begin('other.example', elsewhere);
  expect(await outcome(socket)).toBe('secureConnect');
  expect(socket.servername).toBe('other.example');
  socket.destroy();
  expect(await outcome(begin('localhost', elsewhere))).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
});

test('PostgresSocket tells a server nothing that ends it before it has agreed', { timeout }, async () => {
  const kept = await keeper((socket) => setTimeout(() => socket.write('S'), 100));
  const socket = new PostgresSocket().on('error', () => {});
  socket.connect(kept.port, '127.0.0.1');
  await until(() => kept.text.length >= 8);
  socket.end('a secret');
  await once(socket, 'close');
  expect(kept.text).not.toContain('secret');
});

test('a socket that is used again shows nothing of the connection before', { timeout }, async () => {
  const socket: Socket = createConnection({
    host: 'localhost',
    port: portOf(good),
    secureTransport: 'on',
    ca: authority.certPem,
  });
  expect(await outcome(socket)).toBe('secureConnect');
  socket.destroy();
  await once(socket, 'close');
  const { port } = await keeper();
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  expect([socket.authorized, socket.encrypted, socket.getProtocol()]).toEqual([false, false, null]);
  socket.destroy();
});

test.each(['end(); destroySoon()', 'destroySoon(); end()'])(
  '%s destroys although the peer stays',
  { timeout },
  async (order) => {
    const server = await listening(
      nodeNet.createServer({ allowHalfOpen: true }, (peer) => void peer.on('error', () => {}).resume()),
    );
    stops.push(() => server.close());
    const socket = createConnection({ host: '127.0.0.1', port: portOf(server), allowHalfOpen: true });
    await once(socket, 'connect');
    if (order.startsWith('end')) socket.end();
    socket.destroySoon();
    socket.end();
    await once(socket, 'close');
  },
);

test('an address that does not answer gives way to the next', { timeout }, async () => {
  const { BlackHole } = await import('./conformance/peers/black-hole.mjs');
  const hole = await BlackHole.open();
  stops.push(() => void hole.close());
  const server = nodeNet.createServer((socket) => void socket.on('error', () => {}));
  await once(server.listen(hole.port, '127.0.0.2'), 'listening');
  stops.push(() => server.close());
  const found = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }));
  const lookup = ((_host: string, _options: object, done: (error: null, all: typeof found) => void) =>
    done(null, found)) as never;
  const socket = createConnection({ host: 'two.example', port: hole.port, lookup });
  await once(socket, 'connect');
  expect(socket.remoteAddress).toBe('127.0.0.2');
  socket.destroy();
});
