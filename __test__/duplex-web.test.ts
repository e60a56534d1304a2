/** toDuplex(): a socket of connect() in the shape of net.Socket. */
import type { TLSSocket } from 'node:tls';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { connect, type Socket as WebSocket } from 'wintersock';
import { type Socket, toDuplex } from 'wintersock/node';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { trustedAuthority } from './behaviour/trust.ts';
import { errorOf } from './duplex/journal.ts';
import { closes, happens, Stage, turns } from './duplex/stage.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { ours } from './fixtures/duplex-sides.mjs';
import type { Credentials } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 30_000 });

let credentials: Credentials;
let ca: string;
let before: number;
const strays = strayRejections();

beforeAll(async () => {
  const authority = await trustedAuthority();
  ca = authority.certPem;
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  // The first connection of a process brings descriptors that stay.
  await outcome(connect(`127.0.0.1:${await closedPort()}`).opened);
  before = openSockets();
});

/** A stage of our own, closed at the end of the block. */
function scene() {
  const at = new Stage(ours);
  return Object.assign(at, { [Symbol.asyncDispose]: () => at.close() });
}

/** In Node's types, as the stage has sockets, with what is ours. */
type Duplex = TLSSocket & Pick<Socket, 'startTls'>;

const duplexOf = (at: Stage, socket: WebSocket): Duplex => at.keep(toDuplex(socket) as unknown as Duplex);

/** How promises have settled. */
const outcome = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolves',
    (error: NodeJS.ErrnoException) => error?.code ?? errorOf(error),
  );

describe('when it takes over', () => {
  test('a socket that connects: its events follow', async () => {
    await using at = scene();
    const listener = await at.listen();
    const socket = connect(`127.0.0.1:${listener.port}`);
    const duplex = at.watch(duplexOf(at, socket), { bare: true });
    expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([true, true, 'opening']);
    duplex.write('early ');
    const [peer] = await Promise.all([listener.accepted(), happens(duplex, 'ready')]);
    expect(String((await happens(peer, 'data'))[0])).toBe('early ');
    expect([duplex.connecting, duplex.readyState, duplex.remotePort]).toEqual([false, 'open', listener.port]);
    expect((await socket.opened).remoteAddress).toBe(`127.0.0.1:${listener.port}`);
    peer.end('hello');
    const [data] = await happens(duplex, 'data');
    expect(String(data)).toBe('hello');
    await closes(duplex);
    expect(at.journal.lines).toEqual([' connect ', ' ready ', ' end ', ' finish ', ' close false ']);
    expect(await outcome(socket.closed)).toBe('resolves');
  });

  test('a socket that is open: it is open at once, and what had come is not lost', async () => {
    await using at = scene();
    const listener = await at.listen();
    const socket = connect(`127.0.0.1:${listener.port}`);
    const [peer] = await Promise.all([listener.accepted(), socket.opened]);
    await new Promise<void>((resolve) => peer.write('greeting', () => resolve()));
    await turns(5);
    const duplex = at.watch(duplexOf(at, socket), { bare: true });
    expect([duplex.connecting, duplex.pending, duplex.readyState]).toEqual([false, false, 'open']);
    expect([duplex.remotePort, duplex.localPort]).toEqual([listener.port, peer.remotePort]);
    expect(String((await happens(duplex, 'data'))[0])).toBe('greeting');
    const heard = happens(peer, 'data');
    duplex.write('answer');
    expect(String((await heard)[0])).toBe('answer');
    expect(at.journal.lines).toEqual([]);
  });

  test('a socket that fails to connect: the duplex says why, and so do the promises', async () => {
    await using at = scene();
    const socket = connect(`127.0.0.1:${await closedPort()}`);
    const duplex = duplexOf(at, socket);
    const failed = happens(duplex, 'error');
    const [error] = (await failed) as NodeJS.ErrnoException[];
    await closes(duplex);
    expect([error?.code, error?.syscall]).toEqual(['ECONNREFUSED', 'connect']);
    expect([await outcome(socket.opened), await outcome(socket.closed)]).toEqual([
      'ECONNREFUSED',
      'ECONNREFUSED',
    ]);
  });

  test('a socket with TLS, connecting and open', async () => {
    await using at = scene();
    const listener = await at.listenTls({ cert: credentials.chainPem, key: credentials.keyPem });
    for (const when of ['connecting', 'open']) {
      const socket = connect(`localhost:${listener.port}`, { secureTransport: 'on' });
      if (when === 'open') await socket.opened;
      const duplex = duplexOf(at, socket);
      const secured = when === 'connecting' && happens(duplex, 'secureConnect');
      const [peer] = await Promise.all([listener.accepted(), secured]);
      expect([duplex.encrypted, duplex.authorized, duplex.getProtocol()]).toEqual([true, true, 'TLSv1.3']);
      expect(duplex.getPeerCertificate().subject.CN).toBe('localhost');
      peer.write('hello');
      expect(String((await happens(duplex, 'data'))[0]), when).toBe('hello');
    }
  });

  test("a socket made for 'starttls' is upgraded in place", async () => {
    await using at = scene();
    const listener = await at.listenTls({ cert: credentials.chainPem, key: credentials.keyPem });
    const socket = connect(`127.0.0.1:${listener.port}`, { secureTransport: 'starttls' });
    const duplex = duplexOf(at, socket);
    const secured = happens(duplex, 'secureConnect');
    duplex.startTls({ ca });
    const [peer] = await Promise.all([listener.accepted(), secured]);
    peer.write('hello');
    expect(String((await happens(duplex, 'data'))[0])).toBe('hello');
    expect(duplex.authorized).toBe(true);
  });

  test('allowHalfOpen is that of the socket', async () => {
    await using at = scene();
    const listener = await at.listen();
    for (const allowHalfOpen of [false, true]) {
      const socket = connect(`127.0.0.1:${listener.port}`, { allowHalfOpen });
      const duplex = duplexOf(at, socket);
      expect(duplex.allowHalfOpen).toBe(allowHalfOpen);
      (await listener.accepted()).end();
      await happens(duplex.resume(), 'end');
      await turns(5);
      expect(duplex.writable).toBe(allowHalfOpen);
    }
  });
});

describe('who ends it', () => {
  /** A duplex of an open socket. */
  async function open(at: Stage, options: object = {}) {
    const listener = await at.listen();
    const socket = connect(`127.0.0.1:${listener.port}`, options);
    const [peer] = await Promise.all([listener.accepted(), socket.opened]);
    return { socket, peer, duplex: at.watch(duplexOf(at, socket), { bare: true }) };
  }

  test('destroy() of the duplex settles closed', async () => {
    await using at = scene();
    const { socket, duplex } = await open(at);
    duplex.destroy();
    expect(await outcome(socket.closed)).toBe('resolves');
    await closes(duplex);
  });

  test('destroy(error) too', async () => {
    await using at = scene();
    const { socket, duplex } = await open(at);
    duplex.destroy(new Error('enough'));
    await outcome(socket.closed);
    await closes(duplex);
    expect(at.journal.lines).toEqual([' error Error: enough ', ' close true ']);
  });

  test('close() of the socket destroys the duplex', async () => {
    await using at = scene();
    const { socket, duplex, peer } = await open(at);
    const ended = happens(peer.resume(), 'end');
    const closing = socket.close();
    expect(closing).toBe(socket.closed);
    expect(await outcome(closing)).toBe('resolves');
    await closes(duplex);
    await ended;
    expect(at.journal.lines).toEqual([' close false ']);
  });

  test('close(reason) of the socket gives it to the duplex', async () => {
    await using at = scene();
    const { socket, duplex } = await open(at);
    await outcome(socket.close(new Error('enough')));
    await closes(duplex);
    expect(at.journal.lines).toEqual([' error Error: enough ', ' close true ']);
  });

  test('the signal of the socket', async () => {
    await using at = scene();
    const stop = new AbortController();
    const { socket, duplex } = await open(at, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await closes(duplex);
    await outcome(socket.closed);
    expect(duplex.destroyed).toBe(true);
    expect(at.journal.lines[0]).toMatch(/^ error /);
  });

  test('close() while it connects', async () => {
    await using at = scene();
    const listener = await at.listen();
    const socket = connect(`127.0.0.1:${listener.port}`);
    const duplex = at.watch(duplexOf(at, socket), { bare: true });
    socket.close();
    await closes(duplex);
    expect(await outcome(socket.opened)).toBe('ERR_SOCKET_CLOSED');
    expect(at.journal.lines).toEqual([' close false ']);
  });
});

describe('what is refused', () => {
  test('anything that is no socket of ours', () => {
    for (const value of [undefined, null, {}, 1, 'x', new ReadableStream()])
      expect(() => toDuplex(value as WebSocket)).toThrow(TypeError);
  });

  const used: Record<string, (socket: WebSocket) => unknown> = {
    'a reader has it': ({ readable }) => readable.getReader(),
    'a reader had it': async ({ readable }) => {
      const reader = readable.getReader();
      await reader.read();
      reader.releaseLock();
    },
    'a writer has it': ({ writable }) => writable.getWriter(),
    'it is piped': ({ readable }) => void readable.pipeTo(new WritableStream()).catch(() => {}),
    'it is tee()d': ({ readable }) => void readable.tee(),
    'it was closed': (socket) => socket.close(),
    'it is a duplex already': (socket) => void toDuplex(socket),
  };
  for (const [name, use] of Object.entries(used)) {
    test(`a socket that is used: ${name}`, async () => {
      await using at = scene();
      const listener = await at.listen();
      const socket = connect(`127.0.0.1:${listener.port}`);
      const [peer] = await Promise.all([listener.accepted(), socket.opened]);
      peer.write('for whoever reads');
      await use(socket);
      expect(() => toDuplex(socket)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
      socket.close();
    });
  }

  test('a socket whose startTls() was called', async () => {
    await using at = scene();
    const listener = await at.listenTls({ cert: credentials.chainPem, key: credentials.keyPem });
    const socket = connect(`127.0.0.1:${listener.port}`, { secureTransport: 'starttls' });
    const secure = socket.startTls({ ca });
    expect(() => toDuplex(socket)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    const duplex = duplexOf(at, secure);
    const peer = await listener.accepted();
    peer.write('hello');
    expect(String((await happens(duplex, 'data'))[0])).toBe('hello');
    expect(duplex.encrypted).toBe(true);
  });

  test('the streams of a socket that was taken over are locked', async () => {
    await using at = scene();
    const listener = await at.listen();
    const socket = connect(`127.0.0.1:${listener.port}`);
    duplexOf(at, socket);
    expect([socket.readable.locked, socket.writable.locked]).toEqual([true, true]);
    expect(() => socket.readable.getReader()).toThrow(TypeError);
  });
});

test('nothing is left, and no rejection was unhandled', async () => {
  await openSocketsReturnTo(before);
  expect(strays).toEqual([]);
});
