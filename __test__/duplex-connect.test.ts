/** wintersock/node beside node:net: the ways to connect, and to fail at it. */
import { createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { greeter, used } from './duplex/greeter.ts';
import { ours } from './fixtures/duplex-sides.mjs';
import { closedPort } from './fixtures/closed-port.mjs';
import { alone, closes, happens, type Stage, turns, twins } from './duplex/stage.ts';

const HOST = '127.0.0.1';

/** Whether this machine has an IPv6 loopback. */
const ipv6 = await new Promise<boolean>((resolve) => {
  const server = createServer().once('error', () => resolve(false));
  server.listen(0, '::1', () => server.close(() => resolve(true)));
});

describe('where to', () => {
  const forms: Record<string, (at: Stage, port: number, listener: () => void) => Socket> = {
    'connect(port, host, listener)': ({ side }, port, listener) =>
      new side.Socket().connect(port, HOST, listener),
    'connect(port, host)': ({ side }, port) => new side.Socket().connect(port, HOST),
    'connect(port, listener)': ({ side }, port, listener) => new side.Socket().connect(port, listener),
    'connect(port)': ({ side }, port) => new side.Socket().connect(port),
    'connect({ port, host }, listener)': ({ side }, port, listener) =>
      new side.Socket().connect({ port, host: HOST }, listener),
    'connect({ port })': ({ side }, port) => new side.Socket().connect({ port }),
    'connect({ port: string, host })': ({ side }, port) =>
      new side.Socket().connect({ port: String(port) as unknown as number, host: HOST }),
    'connect(string, host)': ({ side }, port) =>
      new side.Socket().connect(String(port) as unknown as number, HOST),
    'createConnection(port, host, listener)': ({ side }, port, listener) =>
      side.createConnection(port, HOST, listener),
    'createConnection(port, listener)': ({ side }, port, listener) =>
      // Not in the types of Node, but in its documentation.
      side.createConnection(port, listener as unknown as string),
    'createConnection(options, listener)': ({ side }, port, listener) =>
      side.createConnection({ port, host: HOST }, listener),
    'host: a name': ({ side }, port) => side.createConnection({ port, host: 'localhost' }),
    'host: empty': ({ side }, port) => side.createConnection({ port, host: '' }),
    'host: undefined': ({ side }, port) =>
      side.createConnection({ port, host: undefined as unknown as string }),
    'family: 4': ({ side }, port) => side.createConnection({ port, host: 'localhost', family: 4 }),
    'family: 0': ({ side }, port) => side.createConnection({ port, host: HOST, family: 0 }),
  };
  for (const [name, form] of Object.entries(forms)) {
    twins(name, async (at) => {
      const port = await greeter(at);
      const socket = form(at, port, () => at.note('listener'));
      await used(at, socket);
      at.journal.forget('lookup');
    });
  }

  twins(
    'family: 6',
    async (at) => {
      const port = await greeter(at, '::1');
      await used(at, at.side.createConnection({ port, host: '::1', family: 6 }));
    },
    { where: ipv6 },
  );

  twins(
    'an IPv6 address',
    async (at) => {
      const port = await greeter(at, '::1');
      const socket = at.side.createConnection(port, '::1');
      socket.on('connect', () => {
        at.note(socket.remoteAddress, socket.remoteFamily, socket.remotePort === port, socket.localAddress);
        at.note({ ...socket.address(), port: 0 });
      });
      await used(at, socket);
    },
    { where: ipv6 },
  );

  twins('addresses and ports, from before connecting to after closing', async (at) => {
    const port = await greeter(at);
    const socket = new at.side.Socket();
    const addresses = (when: string) => {
      const { remoteAddress, remoteFamily, remotePort, localAddress, localFamily, localPort } = socket;
      const own = socket.address();
      const same = 'port' in own && own.port === localPort;
      at.note(when, { remoteAddress, remoteFamily, localAddress, localFamily }, remotePort === port);
      at.note(typeof localPort, { ...own, ...(same && { port: 'localPort' }) });
    };
    addresses('new');
    socket.connect(port, HOST);
    addresses('connecting');
    socket.on('connect', () => addresses('connect')).on('end', () => addresses('end'));
    socket.on('close', () => addresses('close')).resume();
    await closes(socket);
  });

  twins('connect() returns the socket, and is chained', async (at) => {
    const port = await greeter(at);
    const socket = at.keep(new at.side.Socket());
    at.note(socket.connect(port, HOST) === socket, socket.setTimeout(0) === socket, socket.ref() === socket);
    at.note(socket.unref() === socket, socket.setNoDelay() === socket, socket.setKeepAlive() === socket);
    at.note(socket.pause() === socket, socket.resume() === socket, socket.end() === socket);
    at.note(socket.setEncoding('utf8') === socket, socket.destroy() === socket);
  });

  twins('a socket that has closed connects again', async (at) => {
    const listener = await at.listen({ allowHalfOpen: false });
    const socket = at.watch(new at.side.Socket());
    socket.on('data', (data) => at.note('data', String(data)));
    for (const round of ['first', 'second']) {
      socket.connect(listener.port, HOST, () => at.note('listener', round));
      const closed = happens(socket, 'close');
      (await listener.accepted()).end(round);
      await closed;
      await turns(2);
    }
  });
});

describe('wrong input', () => {
  const ports = [-1, 65_536, 1.5, Number.NaN, 'abc', '', ' ', '0x1g', null, true, {}, [], () => {}];
  for (const port of ports) {
    twins(
      `port: ${typeof port === 'object' ? JSON.stringify(port) : String(port)} (${typeof port})`,
      async (at) => {
        at.journal.attempt('connect', () => {
          const socket = at.watch(new at.side.Socket());
          socket.connect({ port: port as number, host: HOST });
        });
        await turns(3);
      },
    );
  }

  const hosts = [1, true, {}, []];
  for (const host of hosts) {
    twins(`host: ${JSON.stringify(host)}`, async (at) => {
      at.journal.attempt('connect', () => {
        at.watch(new at.side.Socket()).connect({ port: 1, host: host as string });
      });
      await turns(3);
    });
  }

  twins('no port at all', async (at) => {
    at.journal.attempt('no arguments', () =>
      (new at.side.Socket() as { connect(): void } & Socket).connect(),
    );
    at.journal.attempt('no members', () => new at.side.Socket().connect({} as { port: number }));
    at.journal.attempt('a host', () =>
      new at.side.Socket().connect({ host: HOST } as unknown as { port: 1 }),
    );
  });

  twins('options of other types', async (at) => {
    const options = [
      { lookup: 'none', host: 'name.test' },
      { timeout: 'soon' },
      { signal: 'stop' },
      { highWaterMark: -1 },
      { keepAliveInitialDelay: 'long' },
    ];
    for (const option of options) {
      at.journal.attempt(JSON.stringify(option), () => {
        const socket = at.side.createConnection({ port: 9, host: HOST, ...option } as never);
        socket.on('error', () => {}).destroy();
      });
    }
  });

  test.runIf(!alone)('createConnection() without arguments is a socket that is not connected', () => {
    const create = ours.createConnection as unknown as () => Socket;
    const socket = create();
    expect([socket.pending, socket.connecting, socket.destroyed]).toEqual([true, false, false]);
    expect(socket).toBeInstanceOf(ours.Socket);
  });
});

describe('errors of connecting', () => {
  twins('nobody listens: ECONNREFUSED', async (at) => {
    const port = await closedPort();
    const socket = at.keep(at.side.createConnection(port, HOST));
    const written = new Promise<void>((resolve) =>
      socket.write('lost', (error) => {
        at.note('write', error instanceof Error);
        resolve();
      }),
    );
    for (const event of ['connect', 'ready', 'end', 'finish']) socket.on(event, () => at.note(event));
    socket.on(
      'error',
      (error: Error & { port?: number; address?: string; syscall?: string; code?: string }) => {
        at.note(error.code, error.syscall, error.address, error.port === port, error instanceof Error);
      },
    );
    socket.on('close', (failed) => at.note('close', failed));
    await Promise.all([closes(socket), written]);
    // Of the write and the socket either may be told first.
    at.journal.lines.sort();
    at.note(socket.readyState, socket.pending, socket.connecting, socket.destroyed);
  });

  twins('a name whose addresses all refuse', async (at) => {
    const port = await closedPort();
    const socket = at.keep(at.side.createConnection(port, 'localhost'));
    socket.on('error', (error: NodeJS.ErrnoException) => at.note('error', error.code));
    socket.on('close', (failed) => at.note('close', failed));
    await closes(socket);
  });

  twins('a name that there is not', async (at) => {
    const socket = at.watch(at.side.createConnection(1, 'nowhere.invalid'));
    await closes(socket);
    at.journal.forget('lookup');
  });

  twins('the second connect() of a socket that failed', async (at) => {
    const refused = await closedPort();
    const port = await greeter(at);
    const socket = at.keep(new at.side.Socket());
    socket.on('error', (error: NodeJS.ErrnoException) => at.note('error', error.code));
    socket.on('close', (failed) => at.note('close', failed));
    socket.on('data', (data) => at.note('data', String(data)));
    socket.connect(refused, HOST);
    await closes(socket);
    await turns(2);
    socket.connect(port, HOST, () => at.note('connected'));
    await happens(socket, 'close');
  });
});
