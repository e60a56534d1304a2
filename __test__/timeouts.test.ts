/** `connectTimeout`: it fires in each phase, says which, and leaves nothing behind. And processes that end by it, or by `idleTimeout`. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Binding, createBinding } from 'wintersock';
import { createConnection, PostgresSocket } from 'wintersock/node';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf, type Link } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 30_000 });

/** Long enough for a busy machine to come to the phase that does not end. */
const connectTimeout = 500;
const strays = strayRejections();
let hole: BlackHole;
/** Accepts, reads, and says nothing. */
let silent: Peer;
let echo: Peer;

beforeAll(async () => {
  [hole, silent, echo] = await Promise.all([BlackHole.open(), Peer.open(), Peer.open()]);
  silent.onWire = (wire) => void wire.drain();
  echo.onWire = ({ tcp }) => void tcp.pipe(tcp);
});
afterAll(() => Promise.all([hole?.close(), silent?.close(), echo?.close()]));

/** What a connection that has no time left fails with: everywhere the same error. */
async function timedOut({ opened, ended }: Link): Promise<string> {
  const { code, message } = await failureOf(opened);
  expect(code).toBe('ETIMEDOUT');
  expect(await ended).toMatchObject({ code, message });
  return message;
}

describe.each(everyWay)('connectTimeout with $name', ({ open }) => {
  const says = (phase: string, target: string) =>
    `SocketError: connect ETIMEDOUT ${target}: not established within ${connectTimeout} ms (\`connectTimeout\`); it was ${phase}; check that this answers (host, route, firewall), or allow more time`;

  test.concurrent('fires while another connection of the binding has to close first', async () => {
    const binding = createBinding({ connectTimeout, maxConnections: 1 });
    const first = open(binding, silent.address);
    await first.opened;
    const second = open(binding, silent.address);
    expect(await timedOut(second)).toBe(
      says('waiting for another connection of the binding to close (`maxConnections`)', silent.address),
    );
    expect(binding.stats).toMatchObject({ open: 1, connecting: 0, failures: { ETIMEDOUT: 1 } });
    // It does not take the place that it had waited for.
    await first.close();
    const third = open(binding, silent.address);
    await third.opened;
    await third.close();
  });

  test.concurrent('fires while a name is looked up', async () => {
    const binding = createBinding({ connectTimeout, resolve: () => new Promise(() => {}) });
    const target = `db.example:${silent.port}`;
    expect(await timedOut(open(binding, target))).toBe(says('looking up db.example', target));
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ETIMEDOUT: 1 } });
  });

  test('fires while nobody answers, with every address that was tried', async () => {
    const before = openSockets();
    const binding = createBinding({
      connectTimeout,
      attemptDelay: 10,
      localAddress: '127.0.0.1',
      resolve: () => ['127.0.0.1', '::1', '127.0.0.1'],
    });
    const target = `db.example:${hole.port}`;
    const tried = `127.0.0.1:${hole.port}`;
    expect(await timedOut(open(binding, target))).toBe(says(`connecting (tried ${tried})`, target));
    expect(await timedOut(open(binding, tried))).toBe(says(`connecting (tried ${tried})`, tried));
    await openSocketsReturnTo(before);
  });

  test('fires in the handshake', async () => {
    await using peer = await Peer.open();
    const before = openSockets();
    const { address, port } = peer;
    const binding = createBinding({ connectTimeout, resolve: () => ['127.0.0.1'] });
    const link = open(binding, `db.example:${port}`, { secureTransport: 'on' });
    // For createConnection() only TCP is there before 'secureConnect'.
    const message = await failureOf(link.ended.then((error) => Promise.reject(error)));
    expect(message).toEqual({
      code: 'ETIMEDOUT',
      message: says(`in the TLS handshake (tried ${address})`, `db.example:${port}`),
    });
    expect(await failureOf(link.opened)).toEqual(message);
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ETIMEDOUT: 1 } });
    (await peer.wire()).tcp.destroy();
    await openSocketsReturnTo(before);
  });

  test('fires in the handshake of startTls()', async () => {
    await using peer = await Peer.open();
    const before = openSockets();
    const { address } = peer;
    const binding = createBinding({ connectTimeout });
    const plain = open(binding, address, { secureTransport: 'starttls' });
    await plain.opened;
    // Both have all the time, not what the first has left.
    await sleep(connectTimeout * 0.6);
    const begun = performance.now();
    const secure = plain.secure();
    expect(await timedOut(secure)).toBe(says(`in the TLS handshake (tried ${address})`, address));
    expect(performance.now() - begun).toBeGreaterThan(connectTimeout * 0.9);
    await plain.ended;
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ETIMEDOUT: 1 } });
    (await peer.wire()).tcp.destroy();
    await openSocketsReturnTo(before);
  });

  test('fires while a proxy is silent', async () => {
    await using peer = await Peer.open();
    const before = openSockets();
    const through = async (scheme: string) => {
      const proxy = `${scheme}://${peer.address}`;
      const binding = createBinding({ connectTimeout, proxy: proxy.replace('//', '//user:secret@') });
      expect(await timedOut(open(binding, '127.0.0.9:5432'))).toBe(
        says(`waiting for the answer of the proxy ${proxy} (tried ${peer.address})`, '127.0.0.9:5432'),
      );
      expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ETIMEDOUT: 1 } });
    };
    await Promise.all(['http', 'https', 'socks5', 'socks5h'].map(through));
    for (const { tcp } of peer.wires) tcp.destroy();
    await openSocketsReturnTo(before);
  });

  test.concurrent('fires while a proxy does not answer at all', async () => {
    const at = `127.0.0.1:${hole.port}`;
    const binding = createBinding({ connectTimeout, proxy: `http://${at}` });
    expect(await timedOut(open(binding, 'db.example:5432'))).toBe(
      says(`connecting to the proxy http://${at} (tried ${at})`, 'db.example:5432'),
    );
  });

  test.concurrent('does not fire once it is open, and not after close()', async () => {
    const binding = createBinding({ connectTimeout });
    const link = open(binding, echo.address);
    await link.opened;
    const waiting = open(binding, `127.0.0.1:${hole.port}`);
    await waiting.close();
    const why = await waiting.ended;
    await sleep(connectTimeout * 1.5);
    await link.send('still here');
    expect(String(await link.receive())).toBe('still here');
    expect(await waiting.ended).toBe(why);
    await link.close();
    expect(await link.ended).toBe(undefined);
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: {} });
  });
});

test('after the handshake of startTls() has timed out, closed of the plain socket resolves', async () => {
  const binding = createBinding({ connectTimeout });
  const plain = binding.connect(silent.address, { secureTransport: 'starttls' });
  await plain.opened;
  const secure = plain.startTls();
  const { message } = await failureOf(secure.opened);
  expect(await failureOf(secure.closed)).toEqual({ code: 'ETIMEDOUT', message });
  expect(await failureOf(secure.readable.getReader().read())).toEqual({ code: 'ETIMEDOUT', message });
  expect(await failureOf(secure.writable.getWriter().write('x'))).toEqual({ code: 'ETIMEDOUT', message });
  expect(await plain.closed).toBe(undefined);
});

describe('connectTimeout with a duplex fires', () => {
  /** What it fails with, and what its binding counts. */
  async function outcome(begin: (binding: Binding) => Duplex): Promise<object> {
    const binding = createBinding({ connectTimeout });
    const [error] = await once(begin(binding).resume(), 'error').catch((reason) => [reason]);
    const { failures, ...stats } = binding.stats;
    expect(stats).toMatchObject({ open: 0, connecting: 0 });
    return { message: error.message, code: error.code, failures };
  }
  const says = (phase: string, target: string) => ({
    code: 'ETIMEDOUT',
    message: `SocketError: connect ETIMEDOUT ${target}: not established within ${connectTimeout} ms (\`connectTimeout\`); it was ${phase}; check that this answers (host, route, firewall), or allow more time`,
    failures: { ETIMEDOUT: 1 },
  });

  test.concurrent('while its own `lookup` is silent', async () => {
    const { port } = silent;
    const begin = (binding: Binding) =>
      createConnection({ host: 'db.example', port, lookup: () => {}, binding });
    expect(await outcome(begin)).toEqual(says('looking up db.example', `db.example:${port}`));
  });

  test.concurrent('while a server of PostgreSQL does not agree to TLS', async () => {
    const { port, address } = silent;
    const begin = (binding: Binding) => new PostgresSocket().connect({ host: '127.0.0.1', port, binding });
    expect(await outcome(begin)).toEqual(says('waiting for the server to agree to TLS', address));
  });
});

describe('the process ends by itself after', () => {
  const cases = ['turn', 'lookup', 'connecting', 'handshake', 'startTls()', 'idle', 'idle, unref()'];
  const matrix = everyWay.flatMap(({ name }) => cases.map((what) => ({ name, what })));
  test.concurrent.each(matrix)('$name: $what', async ({ name, what }) => {
    const args = ['__test__/fixtures/hosting-timeouts.mjs', name, what, silent.address, `${hole.port}`];
    const env = { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' };
    const { code, signal, stdout, stderr } = await runNode(args, { env, deadline: 25_000 });
    const said = what.startsWith('idle') ? (what === 'idle' ? ['ERR_IDLE_TIMEOUT'] : []) : ['ETIMEDOUT'];
    expect({ code, signal, stderr, said: JSON.parse(stdout) }).toEqual({
      code: 0,
      signal: null,
      stderr: '',
      said,
    });
  });
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
