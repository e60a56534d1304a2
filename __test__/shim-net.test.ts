/** The stand-in for node:net beside node:net. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import nodeNet from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { inherits } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { closedPort } from './fixtures/closed-port.mjs';
import { both, echo, exchanged, listening, type Modules, ours } from './shim/modules.ts';

const replaced = ['Socket', 'Stream', 'connect', 'createConnection'];

/** Whether Node made it. */
const isNodes = (socket: unknown): boolean => socket instanceof nodeNet.Socket;

describe('the module', () => {
  test('exports what node:net exports', () => {
    expect(Object.keys(ours.net)).toEqual(Object.keys(nodeNet));
  });

  test('replaces what connects, and nothing else', () => {
    const member = (net: object, name: string): unknown => Reflect.get(net, name);
    const different = Object.keys(nodeNet).filter((name) => member(ours.net, name) !== member(nodeNet, name));
    expect(different.toSorted()).toEqual(replaced);
  });

  test('is the same for import', async () => {
    const path = '../dist/net.mjs';
    const { default: whole, ...named } = (await import(path)) as { default: object };
    expect(whole).toBe(ours.net);
    expect(Object.keys(named).toSorted()).toEqual(Object.keys(nodeNet).toSorted());
    expect(named).toMatchObject(
      Object.fromEntries(replaced.map((name) => [name, Reflect.get(ours.net, name)])),
    );
  });

  test('can be changed by those who change modules', () => {
    const { connect } = ours.net;
    onTestFinished(() => {
      ours.net.connect = connect;
    });
    const other = () => new ours.net.Socket();
    ours.net.connect = other;
    expect(ours.net.connect).toBe(other);
    expect(nodeNet.connect).not.toBe(other);
  });
});

describe('connect()', () => {
  const forms: Record<string, (modules: Modules, port: number, listener: () => void) => nodeNet.Socket> = {
    'port, host, listener': ({ net }, port, listener) => net.connect(port, '127.0.0.1', listener),
    // A form that the types do not know.
    'port, listener': ({ net }, port, listener) => net.connect(port, listener as never),
    'port as text': ({ net }, port, listener) =>
      net.connect(`${port}` as unknown as number, '127.0.0.1', listener),
    'options, listener': ({ net }, port, listener) => net.connect({ port, host: 'localhost' }, listener),
    createConnection: ({ net }, port, listener) => net.createConnection({ port }, listener),
    'new Socket()': ({ net }, port, listener) => new net.Socket().connect(port, '127.0.0.1', listener),
    'Socket()': ({ net }, port, listener) =>
      (net.Socket as unknown as () => nodeNet.Socket)().connect({ port }, listener),
    'new Stream()': ({ net }, port, listener) =>
      new (net as Modules['net'] & { Stream: typeof nodeNet.Socket }).Stream().connect(port, listener),
    'what redis passes': ({ net }, port, listener) =>
      net.connect(
        {
          port,
          timeout: undefined,
          onread: undefined,
          readable: true,
          writable: true,
          noDelay: true,
          keepAlive: true,
          keepAliveInitialDelay: 5000,
        } as never,
        listener,
      ),
  };
  for (const [name, form] of Object.entries(forms)) {
    both(
      name,
      async (modules) => {
        let connected = 0;
        const socket = form(modules, await echo(), () => {
          connected += 1;
        });
        return { nodes: isNodes(socket) && modules === ours, answer: await exchanged(socket), connected };
      },
      { nodes: false, answer: 'hello', connected: 1 },
    );
  }

  both(
    'to a port that nobody listens at',
    async ({ net }) => {
      const port = await closedPort();
      const [error] = await once(net.connect(port, '127.0.0.1'), 'error');
      const { code, syscall, address } = error;
      return { code, syscall, address, isPort: error.port === port };
    },
    { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', isPort: true },
  );

  both(
    'with a timeout, which does not end it',
    async ({ net }) => {
      const server = nodeNet.createServer((socket) => socket.resume());
      const socket = net.connect({ port: await listening(server), host: '127.0.0.1', timeout: 20 });
      await once(socket, 'timeout');
      const { destroyed, timeout } = socket;
      socket.destroy();
      return { destroyed, timeout };
    },
    { destroyed: false, timeout: 20 },
  );

  both(
    'with a signal',
    async ({ net }) => {
      const server = nodeNet.createServer((socket) => socket.resume());
      const controller = new AbortController();
      const socket = net.connect({ port: await listening(server), signal: controller.signal });
      await once(socket, 'connect');
      controller.abort();
      const [error] = await once(socket, 'error');
      return { name: error.name, destroyed: socket.destroyed };
    },
    { name: 'AbortError', destroyed: true },
  );

  both(
    'without a port',
    ({ net }) => {
      try {
        net.connect({} as never);
        return 'connected';
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
    },
    'ERR_MISSING_ARGS',
  );
});

describe('what sockets of ours cannot do', () => {
  async function pipe(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'wintersock-shim-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    return process.platform === 'win32' ? `\\\\.\\pipe\\${directory}` : join(directory, 'pipe');
  }
  const forms: Record<string, (net: typeof nodeNet, path: string) => nodeNet.Socket> = {
    path: (net, path) => net.connect(path),
    'path, listener': (net, path) => net.connect(path, () => {}),
    '{ path }': (net, path) => net.createConnection({ path }),
  };
  for (const [name, form] of Object.entries(forms)) {
    test(`a pipe is Node's on Windows, and ours elsewhere: ${name}`, async () => {
      const path = await pipe();
      await echo(path);
      const socket = form(ours.net, path);
      expect(isNodes(socket)).toBe(process.platform === 'win32');
      expect(await exchanged(socket)).toBe('hello');
    });
  }

  test.each(['net.connect()', 'socket.connect()'])(
    'a path that is not there is an event: %s',
    async (way) => {
      const socket =
        way === 'net.connect()' ? ours.net.connect('/nowhere') : new ours.net.Socket().connect('/nowhere');
      const [error] = await once(socket, 'error');
      expect(error).toMatchObject({ code: 'ENOENT', syscall: 'connect', address: '/nowhere' });
      expect(error).not.toHaveProperty('port');
    },
  );

  test('a pipe with a timeout', async () => {
    const path = await pipe();
    await echo(path);
    const socket = ours.net.connect({ path, timeout: 20 });
    await once(socket, 'timeout');
    socket.destroy();
  });

  test("is done by Node's: a local address", async () => {
    const socket = ours.net.connect({ port: await echo(), host: '127.0.0.1', localAddress: '127.0.0.1' });
    expect(isNodes(socket)).toBe(true);
    expect(await exchanged(socket)).toBe('hello');
  });

  test("is done by Node's: a descriptor, a handle", async () => {
    const other = nodeNet.connect(await echo(), '127.0.0.1');
    await once(other, 'connect');
    const { _handle: handle } = other as unknown as { _handle: object };
    const socket = new ours.net.Socket({ handle } as never);
    expect(isNodes(socket)).toBe(true);
    expect(Object.getPrototypeOf(socket)).toBe(nodeNet.Socket.prototype);
    other.destroy();
    socket.destroy();
  });

  test('is refused once there is a socket', async () => {
    const socket = new ours.net.Socket();
    expect(() => socket.connect({ port: 1, localAddress: '127.0.0.1' })).toThrow(
      /`localAddress`.*net\.connect\(\)/,
    );
    expect(await exchanged(socket.connect(await echo(), '127.0.0.1'))).toBe('hello');
  });
});

describe('the class Socket', () => {
  both(
    'has the name and the constructor',
    ({ net }) => {
      const socket = new net.Socket();
      return [
        net.Socket.name,
        socket.constructor === net.Socket,
        (net as { Stream?: unknown }).Stream === net.Socket,
      ];
    },
    ['Socket', true, true],
  );

  both(
    'knows its own, and those of servers',
    async ({ net }) => {
      const server = net.createServer();
      const accepted = once(server, 'connection');
      const socket = net.connect(await listening(server), '127.0.0.1');
      const [peer] = await accepted;
      socket.destroy();
      const others = [{}, null, new Duplex(), net];
      return [socket, peer, ...others].map((value) => (value as unknown) instanceof net.Socket);
    },
    [true, true, false, false, false, false],
  );

  both(
    'can be inherited from',
    async ({ net }) => {
      class Loud extends net.Socket {
        shout(): string {
          return `${this.remotePort !== undefined}`.toUpperCase();
        }
      }
      const loud = new Loud({ allowHalfOpen: true });
      loud.connect(await echo(), '127.0.0.1');
      await once(loud, 'connect');
      const said = loud.shout();
      const kinds = [loud instanceof Loud, loud instanceof net.Socket, new net.Socket() instanceof Loud];
      return { said, kinds, halfOpen: loud.allowHalfOpen, answer: await exchanged(loud) };
    },
    { said: 'TRUE', kinds: [true, true, false], halfOpen: true, answer: 'hello' },
  );

  test('cannot be inherited from by what needs a socket of Node', () => {
    class Described extends ours.net.Socket {}
    const refusal = expect.objectContaining({ code: 'ERR_INVALID_OPTION' });
    expect(() => new Described({ fd: 0 })).toThrow(refusal);
    expect(() => new Described(0 as never)).toThrow(refusal);
  });

  test('cannot be inherited from as before classes, and says so', () => {
    function Old(this: object) {
      Reflect.apply(ours.net.Socket as never, this, []);
    }
    inherits(Old as never, ours.net.Socket);
    expect(() => Reflect.construct(Old, [])).toThrow(/class \.\.\. extends net\.Socket/);
  });

  both(
    'has nothing of a TLSSocket: some ask for that with `in`',
    ({ net }) => {
      const socket = new net.Socket();
      const members = ['encrypted', 'authorized', 'authorizationError', 'alpnProtocol', 'servername'];
      const methods = [
        'getCipher',
        'getProtocol',
        'getPeerCertificate',
        'getPeerX509Certificate',
        'isSessionReused',
      ];
      return [...members, ...methods].filter((name) => name in socket);
    },
    [],
  );

  test('does not go over to TLS by itself', async () => {
    const socket = ours.net.connect(await echo(), '127.0.0.1') as unknown as {
      startTls(): void;
      destroy(): void;
    };
    expect(() => socket.startTls()).toThrow(expect.objectContaining({ code: 'ERR_INVALID_STATE' }));
    socket.destroy();
  });
});
