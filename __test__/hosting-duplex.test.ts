/** The time and the places that a host gives, where they are hard to keep: several addresses, look-ups that are done here, upgrades, sockets that nobody holds. */
import { once } from 'node:events';
import { createServer, type LookupFunction, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Binding, type BindingConfig, createBinding, type SocketError } from 'wintersock';
import { createConnection, PostgresSocket } from 'wintersock/node';
import { strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf, type Link } from './behaviour/link.ts';
import { serve as serveAt } from './behaviour/unix-peer.ts';
import { Peer } from './behaviour/wire.ts';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { apart } from './fixtures/hosting-program.ts';

vi.setConfig({ testTimeout: 60_000 });

const strays = strayRejections();
/** What nobody has caught. */
const uncaught: unknown[] = [];
const catches = (error: unknown) => void uncaught.push(error);
/** Accepts, and says nothing. */
let silent: Peer;
/** At 127.0.0.1. */
let hole: BlackHole;
/** At the port of that, on 127.0.0.2, where the system has that. */
let beside: Server | undefined;
/** Destroyed after all tests: what ends with one of them would end with any, where several run at once. */
const opened: Duplex[] = [];
const linux = process.platform === 'linux';

beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', catches);
  [silent, hole] = await Promise.all([Peer.open(), BlackHole.open()]);
  silent.onWire = (wire) => void wire.drain();
  if (!linux) return;
  beside = createServer((tcp) => void tcp.on('error', () => {}).resume());
  await once(beside.listen(hole.port, '127.0.0.2'), 'listening');
});
afterAll(async () => {
  process.off('uncaughtExceptionMonitor', catches);
  beside?.close();
  for (const socket of opened) socket.destroy();
  await Promise.all([silent?.close(), hole?.close()]);
});

/** Gives these, at once. */
const giving =
  (...addresses: string[]): LookupFunction =>
  (_, { all }, found) => {
    const [first = ''] = addresses;
    if (all)
      found(
        null,
        addresses.map((address) => ({ address, family: 4 })),
      );
    else found(null, first, 4);
  };

/** 'connected' and to which address, or what it failed with. */
async function outcome(begin: () => Duplex): Promise<string> {
  return new Promise((resolve) => {
    const failed = ({ code, message }: SocketError) => resolve(`${code}: ${message}`);
    try {
      const socket = begin() as Duplex & { remoteAddress?: string };
      opened.push(socket);
      socket.once('connect', () => resolve(`connected to ${socket.remoteAddress}`)).once('error', failed);
    } catch (error) {
      failed(error as SocketError);
    }
  });
}

/** A connection to a name that has these addresses. */
const dialled = (binding: Binding, port: number, ...addresses: string[]) =>
  outcome(() => createConnection({ host: 'db.example', port, lookup: giving(...addresses), binding }));

describe('addresses that `lookup` gives', () => {
  const config: Record<string, BindingConfig> = {
    'one place, others are refused': { maxConnections: { limit: 1, whenFull: 'refuse' } },
    'one place, others wait': { maxConnections: 1 },
    'no limit': {},
  };

  test.runIf(linux).each(Object.entries(config))(
    '%s: the next is tried when one does not answer',
    async (_, given) => {
      const binding = createBinding(given);
      expect(await dialled(binding, hole.port, '127.0.0.1', '127.0.0.2')).toBe('connected to 127.0.0.2');
      expect(binding.stats).toMatchObject({ open: 1, connecting: 0, failures: {} });
    },
  );

  test.runIf(linux).each(Object.entries(config))(
    '%s: the next is tried when one refuses',
    async (_, given) => {
      const binding = createBinding(given);
      const addresses = ['127.0.0.9', '127.0.0.8', '127.0.0.1'];
      expect(await dialled(binding, silent.port, ...addresses)).toBe('connected to 127.0.0.1');
      expect(binding.stats).toMatchObject({ open: 1, connecting: 0, failures: {} });
    },
  );

  test('those that are denied are passed over, and if all are, that is one failure', async () => {
    const denied = createBinding({ deny: ['10.0.0.0/8'] });
    expect(await dialled(denied, silent.port, '10.0.0.1', '10.0.0.2', '127.0.0.1')).toBe(
      'connected to 127.0.0.1',
    );
    expect(denied.stats).toMatchObject({ open: 1, connecting: 0, failures: {} });
    const binding = createBinding({ deny: ['10.0.0.0/8'] });
    expect(await dialled(binding, silent.port, '10.0.0.1', '10.0.0.2')).toMatch(/^ERR_ACCESS_DENIED/);
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ERR_ACCESS_DENIED: 1 } });
    const named = createBinding({ deny: ['db.example'] });
    expect(await dialled(named, silent.port, '127.0.0.1')).toMatch(/^ERR_ACCESS_DENIED/);
    expect(named.stats).toMatchObject({ open: 0, connecting: 0, failures: { ERR_ACCESS_DENIED: 1 } });
  });

  test.runIf(linux)(
    'the place for the next is taken by somebody else: an error, and no exception',
    async () => {
      for (let round = 0; round < 5; round += 1) {
        const binding = createBinding({ maxConnections: { limit: 2, whenFull: 'refuse' } });
        const { port } = silent;
        const first = createConnection({ host: '127.0.0.1', port, binding });
        const taken: Duplex[] = [first];
        // Both are told in one turn, and the first takes what the second has given back.
        first.on('connect', () => {
          try {
            taken.push(createConnection({ host: '127.0.0.1', port, binding }));
          } catch {}
          for (const one of taken) one.on('error', () => {});
        });
        expect(await dialled(binding, port, '127.0.0.9', '127.0.0.1')).toMatch(
          /^(connected|ERR_MAX_CONNECTIONS)/,
        );
        for (const one of taken) one.destroy();
      }
      expect(uncaught).toEqual([]);
    },
  );
});

describe('connectTimeout', () => {
  /** Long enough for a busy machine to open some connections. */
  const connectTimeout = 900;
  const says = (phase: string, target: string) =>
    `ETIMEDOUT: SocketError: connect ETIMEDOUT ${target}: not established within ${connectTimeout} ms (\`connectTimeout\`); it was ${phase}; check that this answers (host, route, firewall), or allow more time`;
  const timedOut = { open: 0, connecting: 0, failures: { ETIMEDOUT: 1 } };

  test.concurrent.each([0, 4] as const)(
    'ends a look-up that says nothing, of `family` %i',
    async (family) => {
      const binding = createBinding({ connectTimeout });
      const lookup = () => {};
      const place = { host: 'db.example', port: silent.port, family, lookup, binding };
      expect(await outcome(() => createConnection(place))).toBe(
        says('looking up db.example', `db.example:${silent.port}`),
      );
      expect(binding.stats).toMatchObject(timedOut);
    },
  );

  test.concurrent('is for all addresses together', async () => {
    const binding = createBinding({ connectTimeout });
    const found = await dialled(binding, hole.port, ...Array(9).fill('127.0.0.1'));
    expect(found).toMatch(
      /^ETIMEDOUT: .*: not established within 900 ms \(`connectTimeout`\); it was connecting/,
    );
    expect(binding.stats).toMatchObject(timedOut);
  });

  test('ends what is looked up when the time is over, and nobody has noticed yet', async () => {
    const binding = createBinding({ connectTimeout: 50 });
    const lookup: LookupFunction = (...asked) => {
      setImmediate(() => {
        for (const end = performance.now() + 100; performance.now() < end; );
        giving('127.0.0.1', '127.0.0.1')(...asked);
      });
    };
    const place = { host: 'db.example', port: silent.port, lookup, binding };
    expect(await outcome(() => createConnection(place))).toMatch(/^ETIMEDOUT/);
    expect(binding.stats).toMatchObject(timedOut);
  });

  test('ends what is dialled when next to nothing of the time is left', async () => {
    // Each look at the clock takes ten milliseconds, so one of these is over between two of them.
    const begun = performance.now();
    let looks = 0;
    const now = vi.spyOn(performance, 'now').mockImplementation(() => {
      looks += 1;
      return begun + 10 * looks;
    });
    onTestFinished(() => now.mockRestore());
    for (const limit of [5, 15, 25, 35, 45]) {
      const binding = createBinding({ connectTimeout: limit });
      expect(await dialled(binding, hole.port, '127.0.0.1', '127.0.0.1')).toMatch(/^ETIMEDOUT/);
      expect(binding.stats).toMatchObject({ open: 0, connecting: 0 });
    }
  });

  test.concurrent('ends a PostgresSocket whose server says nothing', async () => {
    const binding = createBinding({ connectTimeout });
    const { port, address } = silent;
    const phase = 'waiting for the server to agree to TLS';
    expect(await outcome(() => new PostgresSocket().connect({ host: '127.0.0.1', port, binding }))).toBe(
      says(phase, address),
    );
    expect(binding.stats).toMatchObject(timedOut);
  });

  test.each(everyWay)(
    'with $name, to an IP address without TLS: says where it was, and is not late',
    async ({ open }) => {
      const binding = createBinding({ connectTimeout });
      const links: Link[] = Array.from({ length: 20 }, () => open(binding, silent.address));
      await Promise.all(links.map(({ opened }) => opened));
      const target = `127.0.0.1:${hole.port}`;
      // It begins later, so that the time of the others is over when its own is.
      const { code, message } = await failureOf(open(binding, target).opened);
      expect(`${code}: ${message}`).toBe(says(`connecting (tried ${target})`, target));
      expect(binding.stats).toMatchObject({ open: 20, connecting: 0, failures: { ETIMEDOUT: 1 } });
      await Promise.all(links.map((link) => link.send('still here')));
      await Promise.all(links.map((link) => link.close()));
      expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ETIMEDOUT: 1 } });
    },
  );
});

test.skipIf(process.platform === 'win32')(
  'a PostgresSocket whose server does not agree names the path',
  async () => {
    const path = await serveAt((peer) => peer.write('N'));
    const found = await outcome(() => new PostgresSocket().connect({ path } as never));
    expect(found).toMatch(/^ERR_TLS_PROTOCOL: .*did not agree to TLS/);
    expect(found).not.toContain('undefined');
  },
);

describe('idleTimeout', () => {
  /** Long enough for a busy machine to begin with TLS in time. */
  const idleTimeout = 600;

  test.each(everyWay)(
    'ends startTls() that hangs, before the socket is open and after, with $name',
    async ({ name, open }) => {
      for (const early of name === 'connect()' ? [true, false] : [false]) {
        const binding = createBinding({ idleTimeout });
        const plain = open(binding, silent.address, { secureTransport: 'starttls' });
        if (!early) await plain.opened;
        const secure = plain.secure();
        expect((await failureOf(secure.opened)).code).toBe('ERR_IDLE_TIMEOUT');
        expect(await secure.ended).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
        expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ERR_IDLE_TIMEOUT: 1 } });
      }
    },
  );

  test('does not hold sockets that nobody else holds', async () => {
    const source = `
      import { setTimeout as sleep } from 'node:timers/promises';
      import { createBinding } from 'wintersock';
      const binding = createBinding({ idleTimeout: 600_000, maxConnections: 20 });
      const open = async () => void (await binding.connect(process.argv[1]).opened);
      for (let i = 0; i < 20; i += 1) await open();
      const { open: before } = binding.stats;
      for (const end = performance.now() + 20_000; binding.stats.open > 0 && performance.now() < end; await sleep(10)) gc();
      console.log(JSON.stringify([before, binding.stats]));`;
    const nothing = { open: 0, connecting: 0, bytesRead: 0, bytesWritten: 0, failures: {} };
    expect(await apart(source, [silent.address])).toEqual({ said: [20, nothing], stderr: '' });
  });

  test('is told to the socket of the shim that has the connection', async () => {
    const source = `
      import { once } from 'node:events';
      import { createRequire } from 'node:module';
      import { setDefaultBinding } from 'wintersock';
      const require = createRequire(process.cwd() + '/program.js');
      const [net, tls] = ['net', 'tls'].map((name) => require('./dist/' + name + '.cjs'));
      const binding = setDefaultBinding({ idleTimeout: 600 });
      const [host, port] = process.argv[1].split(':');
      const said = [];
      process.on('uncaughtException', ({ code }) => said.push('uncaught ' + code));
      for (const early of [true, false]) {
        const plain = net.connect(Number(port), host);
        if (!early) await once(plain, 'connect');
        // As drivers do.
        plain.removeAllListeners();
        const secure = tls.connect({ socket: plain, rejectUnauthorized: false });
        secure.on('error', ({ code }) => said.push(code));
        await new Promise((resolve) => secure.once('close', resolve));
      }
      console.log(JSON.stringify([said, binding.stats.failures]));`;
    const told = [['ERR_IDLE_TIMEOUT', 'ERR_IDLE_TIMEOUT'], { ERR_IDLE_TIMEOUT: 2 }];
    expect(await apart(source, [silent.address])).toEqual({ said: told, stderr: '' });
  });
});

test('nothing was left to nobody', () => {
  expect([...strays, ...uncaught]).toEqual([]);
});
