/** What the sockets of wintersock/node tell those who listen to node:diagnostics_channel. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { createConnection, Socket, toDuplex } from 'wintersock/node';
import { Peer } from './behaviour/wire.ts';
import { Listening } from './fixtures/channels.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { ours } from './shim/modules.ts';
import { type Authority, createAuthority, type Credentials } from './fixtures/pki.mjs';

let authority: Authority;
let credentials: Credentials;
beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
});

let peer: Peer;
beforeEach(async () => {
  peer = await Peer.open();
});
afterEach(() => peer?.close());

const host = '127.0.0.1';
/** As connect() has it. */
const opens = ['start', 'end', 'opened', 'asyncStart', 'asyncEnd'];

test('a duplex that is connected and ended', async () => {
  using listening = new Listening();
  const socket = createConnection({ host, port: peer.port });
  expect(listening.about(peer.address)).toEqual(['start', 'end']);
  await once(socket, 'connect');
  const wire = await peer.wire();
  socket.end('seven b');
  await wire.hear();
  wire.end();
  await once(socket.resume(), 'close');
  await listening.until('closed');
  expect(listening.about(peer.address)).toEqual([...opens, 'closed']);
  const common = { socket, address: peer.address, secureTransport: 'off' };
  const info = {
    remoteAddress: peer.address,
    localAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ...{ alpn: null, tls: null },
  };
  expect(listening.only('start')).toEqual({ ...common, result: info });
  expect(listening.only('opened')).toEqual({ ...common, info });
  const { stats, ...event } = listening.only('closed');
  expect(event).toEqual({ ...common, reason: undefined });
  expect(stats).toMatchObject({ bytesRead: 0, bytesWritten: 7 });
});

test('listeners that a driver removes are not needed', async () => {
  using listening = new Listening(['opened', 'closed']);
  const socket = createConnection({ host, port: peer.port }).removeAllListeners();
  await listening.until('opened');
  socket.destroy();
  await listening.until('closed');
});

test('a name is told as it was asked for', async () => {
  using listening = new Listening(['start', 'opened', 'closed']);
  const socket = createConnection({ host: 'localhost', port: peer.port, family: 4 });
  await listening.until('opened');
  socket.destroy();
  await listening.until('closed');
  expect(listening.about(`localhost:${peer.port}`)).toEqual(['start', 'opened', 'closed']);
});

test('nothing accepts it', async () => {
  using listening = new Listening();
  const port = await closedPort();
  const socket = createConnection({ host, port });
  const [error] = await once(socket, 'error');
  await listening.until('closed');
  expect(error).toMatchObject({ code: 'ECONNREFUSED' });
  expect(listening.about(`${host}:${port}`)).toEqual([
    ...['start', 'end', 'error', 'trace error', 'asyncStart', 'asyncEnd', 'closed'],
  ]);
  expect(listening.only('trace error').error).toBe(error);
  expect(listening.only('error')).toMatchObject({ socket, address: `${host}:${port}`, error });
  expect(listening.only('closed')).toMatchObject({ socket, reason: error });
  expect(listening.all('opened')).toEqual([]);
});

test('it is destroyed before it has opened: nothing went wrong', async () => {
  using listening = new Listening();
  const socket = createConnection({ host, port: peer.port }).destroy();
  await listening.until('closed');
  await listening.until('asyncEnd');
  expect(listening.only('trace error')).toMatchObject({ socket, error: { code: 'ERR_SOCKET_CLOSED' } });
  expect(listening.only('closed').reason).toBe(undefined);
  expect(listening.all('error')).toEqual([]);
});

test('it is destroyed with an error', async () => {
  using listening = new Listening();
  const socket = createConnection({ host, port: peer.port }).on('error', () => {});
  await listening.until('opened');
  const error = new RangeError('mine');
  socket.destroy(error);
  await listening.until('closed');
  expect(listening.only('error')).toMatchObject({ socket, error });
  expect(listening.only('closed')).toMatchObject({ socket, reason: error });
  expect(listening.all('trace error')).toEqual([]);
});

test('it breaks', async () => {
  using listening = new Listening(['closed', 'error']);
  const socket = createConnection({ host, port: peer.port });
  const failing = once(socket, 'error');
  await once(socket, 'connect');
  (await peer.wire()).reset();
  const [error] = await failing;
  await listening.until('closed');
  expect(listening.only('error').error).toBe(error);
});

test('it is connected again after it has closed', async () => {
  using listening = new Listening();
  const socket = new Socket();
  for (const count of [1, 2]) {
    socket.connect({ host, port: peer.port });
    await listening.until('opened', count);
    const closing = once(socket, 'close');
    socket.destroy();
    await closing;
  }
  await listening.until('closed', 2);
  expect(listening.about(peer.address)).toEqual([...opens, 'closed', ...opens, 'closed']);
});

test('one that is never connected tells nothing', async () => {
  using listening = new Listening();
  const socket = new Socket();
  const closing = once(socket, 'close');
  socket.destroy();
  await closing;
  expect(listening.all('closed')).toEqual([]);
});

describe('TLS', () => {
  const ca = (): { ca: string } => ({ ca: authority.certPem });

  test('from the beginning: it opens after the handshake', async () => {
    using listening = new Listening();
    const socket = createConnection({ host, port: peer.port, secureTransport: 'on', ...ca() });
    const secure = once(socket, 'secureConnect');
    const wire = await peer.wire();
    expect(listening.all('opened')).toEqual([]);
    await Promise.all([wire.secure({ credentials }), secure]);
    await listening.until('asyncEnd');
    expect(listening.about(peer.address)).toEqual(opens);
    expect(listening.only('opened')).toMatchObject({ socket, secureTransport: 'on' });
    socket.destroy();
    await listening.until('closed');
  });

  test('of a peer that is not trusted', async () => {
    using listening = new Listening();
    const socket = createConnection({ host, port: peer.port, secureTransport: 'on' });
    const failing = once(socket, 'error');
    (await peer.wire()).secure({ credentials }).catch(() => {});
    const [error] = await failing;
    await listening.until('closed');
    expect(listening.only('trace error').error).toBe(error);
    expect(listening.all('opened')).toEqual([]);
  });

  test('whose name the caller does not accept: it has not opened', async () => {
    using listening = new Listening();
    const mine = new Error('not this name');
    const socket = createConnection({
      ...{ host, port: peer.port, secureTransport: 'on', ...ca() },
      checkServerIdentity: () => mine,
    });
    const failing = once(socket, 'error');
    (await peer.wire()).secure({ credentials }).catch(() => {});
    await failing;
    await listening.until('closed');
    expect(listening.only('trace error').error).toBe(mine);
    expect(listening.all('opened')).toEqual([]);
  });

  test('in place: the same socket opens again', async () => {
    using listening = new Listening();
    const socket = createConnection({ host, port: peer.port });
    await once(socket, 'connect');
    const handshake = (await peer.wire()).secure({ credentials });
    socket.startTls({ servername: 'localhost', ...ca() });
    await Promise.all([handshake, once(socket, 'secureConnect')]);
    await listening.until('opened', 2);
    expect(listening.only('startTls')).toEqual({
      ...{ socket, address: peer.address, secureTransport: 'off' },
      ...{ secureSocket: socket, servername: 'localhost' },
    });
    expect(listening.all('opened').map((event) => [event.socket, event.secureTransport])).toEqual([
      [socket, 'off'],
      [socket, 'on'],
    ]);
    socket.destroy();
    await listening.until('closed');
    expect(listening.all('start')).toHaveLength(1);
  });
});

test('TLS in another socket: that has the figures, and closes with the plain one', async () => {
  using listening = new Listening();
  const plain = createConnection({ host, port: peer.port });
  await once(plain, 'connect');
  const handshake = (await peer.wire()).secure({ credentials });
  const socket = ours.tls.connect({ socket: plain, servername: 'localhost', ca: authority.certPem });
  await Promise.all([handshake, once(socket, 'secureConnect')]);
  expect(listening.only('startTls')).toMatchObject({ socket: plain, secureSocket: socket });
  expect(listening.all('opened').map((event) => event.socket)).toEqual([plain, socket]);
  socket.destroy();
  await listening.until('closed', 2);
  const figures = new Map(listening.all('closed').map(({ socket: of, stats }) => [of, stats?.bytesRead]));
  expect(figures).toEqual(
    new Map<object, unknown>([
      [plain, undefined],
      [socket, 0],
    ]),
  );
});

describe('a socket of connect() in the shape of a duplex', () => {
  test('that is open: the duplex has the figures', async () => {
    using listening = new Listening();
    const web = connect(peer.address);
    await web.opened;
    const socket = toDuplex(web);
    const wire = await peer.wire();
    socket.write('seven b');
    await wire.hear();
    socket.destroy();
    await listening.until('closed', 2);
    const figures = new Map(
      listening.all('closed').map(({ socket: of, stats }) => [of, stats?.bytesWritten]),
    );
    expect(figures).toEqual(
      new Map<object, unknown>([
        [web, undefined],
        [socket, 7],
      ]),
    );
    expect(listening.only('opened').socket).toBe(web);
  });

  test('that connects: each opens, and fails, by itself', async () => {
    using listening = new Listening();
    const web = connect(peer.address);
    const socket = toDuplex(web);
    await listening.until('opened', 2);
    expect(new Set(listening.all('opened').map((event) => event.socket))).toEqual(new Set([web, socket]));
    const failing = once(socket, 'error');
    (await peer.wire()).reset();
    await failing;
    await listening.until('closed', 2);
  });
});

test('a bound store is that of the events of a duplex', async () => {
  const store = new AsyncLocalStorage<string>();
  const start = channel('tracing:wintersock:connect:start');
  start.bindStore(store, (trace) => (trace as { address: string }).address);
  try {
    const socket = createConnection({ host, port: peer.port });
    expect(store.getStore()).toBe(undefined);
    const seen = await new Promise((resolve) => socket.once('connect', () => resolve(store.getStore())));
    expect(seen).toBe(peer.address);
    socket.destroy();
    await once(socket, 'close');
  } finally {
    start.unbindStore(store);
  }
});
