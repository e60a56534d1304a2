/** Limits of a binding: how many connections, with which options of TCP, and when the next address is tried. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Binding, type BindingConfig, createBinding } from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf, type Link, ways } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { closedPort } from './fixtures/closed-port.mjs';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 30_000 });

const linux = process.platform === 'linux';
const strays = strayRejections();
let echo: Peer;

beforeAll(async () => {
  echo = await Peer.open();
  echo.onWire = ({ tcp }) => void tcp.pipe(tcp);
});
afterAll(() => echo?.close());

/** That a connection is open, both ways. */
async function expectToWork(link: Link): Promise<void> {
  await link.opened;
  await link.send('echo');
  expect(String(await link.receive())).toBe('echo');
}

/** Whether it is connecting, or open. */
const stages = ({ stats: { connecting, open } }: Binding) => ({ connecting, open });

describe.each(everyWay)('maxConnections with $name', ({ open }) => {
  test('the others wait, and come in their order', async () => {
    const binding = createBinding({ maxConnections: 1 });
    const order: number[] = [];
    const links = Array.from({ length: 5 }, (_, index) => {
      const link = open(binding, echo.address);
      link.opened.then(() => order.push(index));
      return link;
    });
    expect(stages(binding)).toEqual({ connecting: links.length, open: 0 });
    for (const [index, link] of links.entries()) {
      await expectToWork(link);
      expect(stages(binding)).toEqual({ connecting: links.length - index - 1, open: 1 });
      await link.close();
    }
    expect(order).toEqual([0, 1, 2, 3, 4]);
    expect(stages(binding)).toEqual({ connecting: 0, open: 0 });
  });

  test('the next one begins when one cannot be opened', async () => {
    const binding = createBinding({ maxConnections: 1 });
    const first = open(binding, `127.0.0.1:${await closedPort()}`);
    const second = open(binding, echo.address);
    expect((await failureOf(first.opened)).code).toBe('ECONNREFUSED');
    await expectToWork(second);
    expect(binding.stats).toMatchObject({ connecting: 0, open: 1, failures: { ECONNREFUSED: 1 } });
    await second.close();
  });

  test('the next one begins when the peer ends or breaks one', async () => {
    await using peer = await Peer.open();
    const binding = createBinding({ maxConnections: 1 });
    for (const leave of ['end', 'reset'] as const) {
      const first = open(binding, peer.address);
      await first.opened;
      const second = open(binding, echo.address);
      (await peer.wire())[leave]();
      await first.receive().catch(() => {});
      await expectToWork(second);
      await second.close();
    }
    expect(stages(binding)).toEqual({ connecting: 0, open: 0 });
  });

  test.each(['close()', 'signal'])('one that is given up by %s while it waits takes nothing', async (how) => {
    const binding = createBinding({ maxConnections: 1 });
    const first = open(binding, echo.address);
    await first.opened;
    const abort = new AbortController();
    const second = open(binding, echo.address, { signal: abort.signal });
    const third = open(binding, echo.address);
    expect(stages(binding)).toEqual({ connecting: 2, open: 1 });
    if (how === 'signal') abort.abort(new Error('given up'));
    else void second.close();
    await failureOf(second.opened);
    expect(stages(binding)).toEqual({ connecting: 1, open: 1 });
    await first.close();
    await expectToWork(third);
    await third.close();
    expect(binding.stats).toMatchObject({ connecting: 0, open: 0, failures: {} });
  });

  test('200 connections go through three places', async () => {
    const binding = createBinding({ maxConnections: 3 });
    let most = 0;
    const lives = Array.from({ length: 200 }, async (_, index) => {
      const link = open(binding, echo.address);
      await link.opened;
      most = Math.max(most, binding.stats.open);
      // Some end without a word.
      if (index % 3 > 0) await expectToWork(link);
      await link.close();
    });
    expect(stages(binding)).toEqual({ connecting: 200, open: 0 });
    await Promise.all(lives);
    expect(most).toBe(3);
    expect(binding.stats).toMatchObject({ connecting: 0, open: 0, failures: {} });
  });

  test('a place is free as soon as a socket has closed, also where others are refused', async () => {
    const binding = createBinding({ maxConnections: { limit: 1, whenFull: 'refuse' } });
    for (let round = 0; round < 20; round += 1) {
      const link = open(binding, echo.address);
      await expectToWork(link);
      await link.close();
    }
    expect(binding.stats).toMatchObject({ connecting: 0, open: 0, failures: {} });
  });

  test('a connection keeps its place in the handshake of startTls()', async () => {
    await using peer = await Peer.open();
    const binding = createBinding({ maxConnections: 1 });
    const plain = open(binding, peer.address, { secureTransport: 'starttls' });
    await plain.opened;
    const secure = plain.secure();
    const next = open(binding, echo.address);
    await (await peer.wire()).hear();
    expect(stages(binding)).toEqual({ connecting: 1, open: 1 });
    peer.wires[0]?.reset();
    await failureOf(secure.opened);
    await expectToWork(next);
    expect(stages(binding)).toEqual({ connecting: 0, open: 1 });
    await next.close();
  });

  test('each binding has its own places', async () => {
    const bindings = [createBinding({ maxConnections: 1 }), createBinding({ maxConnections: 1 })];
    const links = bindings.map((binding) => open(binding, echo.address));
    await Promise.all(links.map(expectToWork));
    await Promise.all(links.map((link) => link.close()));
  });
});

test('what is refused throws at once, and names the limit', async () => {
  const binding = createBinding({ maxConnections: { limit: 1, whenFull: 'refuse' } });
  const first = binding.connect(echo.address);
  const refused = expect.objectContaining({
    name: 'TypeError',
    code: 'ERR_MAX_CONNECTIONS',
    message: `SocketError: connect ERR_MAX_CONNECTIONS ${echo.address}: the binding has as many connections as it may have (\`maxConnections\`: 1); close some, or let connections wait for others to close`,
  });
  expect(() => binding.connect(echo.address)).toThrow(refused);
  const duplex = ways['createConnection()'](binding, echo.address);
  expect(await duplex.ended).toMatchObject({ code: 'ERR_MAX_CONNECTIONS' });
  await first.opened;
  expect(binding.stats).toMatchObject({ connecting: 0, open: 1, failures: { ERR_MAX_CONNECTIONS: 2 } });
  await first.close();
});

test('the place of a socket that was collected is the next one’s', async () => {
  const source = `
    import { createBinding } from 'wintersock';
    import { setTimeout as sleep } from 'node:timers/promises';
    const binding = createBinding({ maxConnections: 1, idleTimeout: 600_000 });
    await (async () => void (await binding.connect('${echo.address}').opened))();
    const next = binding.connect('${echo.address}');
    let open = false;
    next.opened.then(() => { open = true; });
    for (let round = 0; round < 200 && !open; round += 1) { globalThis.gc(); await sleep(10); }
    console.log(open, binding.stats.open);
    await next.close();`;
  const env = { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' };
  const ended = await runNode(['--expose-gc', '--input-type=module', '-e', source], { env });
  expect(ended).toEqual({ code: 0, signal: null, stdout: 'true 1\n', stderr: '' });
});

describe.runIf(linux)('options of TCP reach the system', () => {
  const HUNDREDTHS = 100;
  const usual = linux ? Number(readFileSync('/proc/sys/net/ipv4/tcp_keepalive_time', 'utf8')) : 0;

  /** When the system probes the peer of a connection from this port, in seconds; `undefined`: not at all. */
  function probes(port: number): number | undefined {
    const [local, remote] = [port, echo.port].map(
      (one) => `0100007F:${one.toString(16).toUpperCase().padStart(4, '0')}`,
    );
    const lines = readFileSync('/proc/self/net/tcp', 'utf8').split('\n');
    // Others from this port, to other ports, may be in TIME_WAIT.
    const fields = lines
      .map((line) => line.trim().split(/\s+/))
      .find(([, from, to]) => from === local && to === remote);
    if (fields === undefined) throw new Error('the system does not know the connection');
    // tr:tm->when; 2 is the timer of the probes.
    const [timer, when = ''] = (fields[5] ?? '').split(':');
    return timer === '02' ? Number.parseInt(when, 16) / HUNDREDTHS : undefined;
  }

  const cases: [BindingConfig['keepAlive'], least: number, most: number][] = [
    [{ idle: 50_000 }, 30, 50],
    [{ idle: 900_000, interval: 5000, count: 3 }, 850, 900],
    [true, usual * 0.9, usual],
  ];
  const matrix = cases.flatMap((one) => everyWay.map((way) => ({ ...way, keepAlive: one[0], one })));
  test.each(matrix)('$name, keepAlive: $keepAlive', async ({ open, keepAlive, one: [, least, most] }) => {
    const link = open(createBinding({ keepAlive }), echo.address);
    const port = Number((await link.opened).split(':')[1]);
    await expectToWork(link);
    // While something is not acknowledged yet, another timer runs.
    await vi.waitFor(
      () => expect(probes(port)).toSatisfy((time = 0) => time > least && time <= most),
      10_000,
    );
    await link.close();
  });

  test.each(everyWay)('$name, no keepAlive', async ({ open }) => {
    for (const keepAlive of [undefined, false] as const) {
      const link = open(createBinding({ keepAlive }), echo.address);
      const port = Number((await link.opened).split(':')[1]);
      await expectToWork(link);
      expect(probes(port)).toBe(undefined);
      await link.close();
    }
  });
});

describe.runIf(linux)('attemptDelay', () => {
  test('the next address is tried while the first does not answer, and not before', async () => {
    const hole = await BlackHole.open();
    const live = createServer((tcp) => tcp.pipe(tcp)).listen(hole.port, '127.0.0.2');
    try {
      await once(live, 'listening');
      const resolve = () => ['127.0.0.1', '127.0.0.2'];
      const target = `db.example:${hole.port}`;
      for (const { open } of everyWay) {
        const link = open(createBinding({ resolve, attemptDelay: 10 }), target);
        await expectToWork(link);
        await link.close();
        const patient = open(createBinding({ resolve, attemptDelay: 2000, connectTimeout: 200 }), target);
        const { code, message } = await failureOf(patient.opened);
        expect({ code, message }).toEqual({ code: 'ETIMEDOUT', message: expect.any(String) });
        expect(message).toContain(`it was connecting (tried 127.0.0.1:${hole.port});`);
      }
    } finally {
      live.close();
      await hole.close();
    }
  });
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
