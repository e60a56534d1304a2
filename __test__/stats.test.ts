/** Figures: `stats` of sockets and of bindings. */
import { describe, expect, test, vi, afterAll, beforeAll } from 'vitest';
import { type Binding, connect, createBinding, type Socket, type SocketStats } from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf, ways } from './behaviour/link.ts';
import { echo, serve } from './behaviour/unix-peer.ts';
import { Peer } from './behaviour/wire.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { type Authority, createAuthority, type Credentials } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 20_000 });

const strays = strayRejections();
let authority: Authority;
let credentials: Credentials;
let peer: Peer;

beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['127.0.0.1', 'db.example'] });
  peer = await Peer.open();
  peer.onWire = ({ tcp }) => void tcp.pipe(tcp);
});
afterAll(() => peer?.close());

const none = { open: 0, connecting: 0, bytesRead: 0, bytesWritten: 0, failures: {} };

/** Sends so many bytes, and reads them all when they come back. */
async function exchange(socket: Socket, count: number): Promise<void> {
  const [reader, writer] = [socket.readable.getReader(), socket.writable.getWriter()];
  const writing = writer.write(new Uint8Array(count));
  for (let read = 0; read < count; ) read += (await reader.read()).value?.length ?? 0;
  await writing;
  reader.releaseLock();
  writer.releaseLock();
}

/** Which steps took time. */
function steps({ timings }: SocketStats): string[] {
  for (const time of Object.values(timings)) expect(time === null || time >= 0).toBe(true);
  expect(Object.keys(timings)).toEqual(['wait', 'lookup', 'connect', 'proxy', 'tls']);
  return Object.entries(timings).flatMap(([step, time]) => (time === null ? [] : [step]));
}

describe('of a socket', () => {
  test('begin with nothing', async () => {
    const binding = createBinding();
    const socket = binding.connect(peer.address);
    expect(socket.stats).toEqual({
      bytesRead: 0,
      bytesWritten: 0,
      roundTrip: null,
      timings: { wait: null, lookup: null, connect: null, proxy: null, tls: null },
    });
    expect(binding.stats).toEqual({ ...none, connecting: 1 });
    await socket.opened;
    expect(binding.stats).toEqual({ ...none, open: 1 });
    await socket.close();
    expect(binding.stats).toEqual(none);
  });

  test('count bytes in both directions, and stay when it has closed', async () => {
    const binding = createBinding();
    const socket = binding.connect(peer.address);
    for (const [index, count] of [1, 1000, 1_000_000].entries()) {
      await exchange(socket, count);
      const bytes = [1, 1001, 1_001_001][index];
      expect(socket.stats).toMatchObject({ bytesRead: bytes, bytesWritten: bytes });
    }
    const before = socket.stats;
    await socket.close();
    const { roundTrip, ...after } = socket.stats;
    expect(after).toEqual({ ...before, roundTrip: undefined });
    expect(roundTrip === null).toBe(before.roundTrip === null);
    expect(binding.stats).toEqual({ ...none, bytesRead: 1_001_001, bytesWritten: 1_001_001 });
  });

  test('each is one of its own moment', async () => {
    const socket = connect(peer.address);
    const before = socket.stats;
    await exchange(socket, 10);
    expect(before.bytesRead).toBe(0);
    expect(socket.stats).not.toBe(socket.stats);
    await socket.close();
  });

  test('what the peer was not read is not counted', async () => {
    await using other = await Peer.open();
    const socket = connect(other.address);
    await socket.opened;
    await (await other.wire()).send('nobody reads');
    expect(socket.stats.bytesRead).toBe(0);
    await socket.close();
    expect(socket.stats.bytesRead).toBe(0);
  });

  test('with TLS they count what is encrypted, not what that becomes', async () => {
    await using server = await Peer.open();
    const binding = createBinding({ ca: authority.certPem });
    const socket = binding.connect(server.address, { secureTransport: 'on' });
    const wire = await (await server.wire()).secure({ credentials });
    wire.stream.pipe(wire.stream);
    await exchange(socket, 100_000);
    expect(socket.stats).toMatchObject({ bytesRead: 100_000, bytesWritten: 100_000 });
    expect(binding.stats).toEqual({ ...none, open: 1, bytesRead: 100_000, bytesWritten: 100_000 });
    expect(steps(socket.stats)).toEqual(['connect', 'tls']);
    await socket.close();
  });

  test('startTls() goes on with those of the connection', async () => {
    await using server = await Peer.open();
    const binding = createBinding({ ca: authority.certPem });
    const plain = binding.connect(server.address, { secureTransport: 'starttls' });
    const wire = await server.wire();
    await plain.writable.getWriter().write('STARTTLS');
    expect(String(await wire.hear())).toBe('STARTTLS');
    await wire.send('go');
    const reader = plain.readable.getReader();
    await reader.read();
    expect(steps(plain.stats)).toEqual(['connect']);
    const secure = plain.startTls();
    await wire.secure({ credentials });
    wire.stream.pipe(wire.stream);
    await exchange(secure, 1000);
    expect(secure.stats).toMatchObject({ bytesRead: 1002, bytesWritten: 1008 });
    expect(steps(secure.stats)).toEqual(['connect', 'tls']);
    expect(binding.stats).toEqual({ ...none, open: 1, bytesRead: 1002, bytesWritten: 1008 });
    await secure.close();
  });

  test('each step that was there has a time', async () => {
    const binding = createBinding({ maxConnections: 1, resolve: () => ['127.0.0.1'] });
    const first = binding.connect(`db.example:${peer.port}`);
    await first.opened;
    expect(steps(first.stats)).toEqual(['lookup', 'connect']);
    const second = binding.connect(peer.address);
    setTimeout(() => first.close(), 50);
    await second.opened;
    expect(steps(second.stats)).toEqual(['wait', 'connect']);
    // Timers of Node may be early by a millisecond.
    expect(second.stats.timings.wait).toBeGreaterThanOrEqual(45);
    await second.close();
  });

  test('the steps that were done, and the one that failed, have one, too', async () => {
    const refused = connect(`127.0.0.1:${await closedPort()}`);
    await failureOf(refused.opened);
    expect(steps(refused.stats)).toEqual(['connect']);
    const binding = createBinding({ connectTimeout: 100, resolve: () => ['127.0.0.1'] });
    await using silent = await Peer.open();
    const late = binding.connect(`db.example:${silent.port}`, { secureTransport: 'on' });
    await failureOf(late.opened);
    expect(steps(late.stats)).toEqual(['lookup', 'connect', 'tls']);
    expect(late.stats.timings.tls).toBeGreaterThan(10);
  });

  test.runIf(process.platform === 'linux')('the round trip of TCP is known on Linux', async () => {
    const socket = connect(peer.address);
    await exchange(socket, 1000);
    expect(socket.stats.roundTrip).toBeGreaterThan(0);
    expect(socket.stats.roundTrip).toBeLessThan(10_000);
    await socket.close();
    expect(socket.stats.roundTrip).toBeGreaterThan(0);
  });

  test.skipIf(process.platform === 'win32')('a Unix domain socket has no round trip', async () => {
    const socket = connect(`unix:${await serve(echo)}`);
    await exchange(socket, 1000);
    expect(socket.stats).toMatchObject({ bytesRead: 1000, bytesWritten: 1000, roundTrip: null });
    expect(steps(socket.stats)).toEqual(['connect']);
    await socket.close();
  });
});

describe.each(everyWay)('of a binding, with $name', ({ open }) => {
  const talk = async (binding: Binding, text: string) => {
    const link = open(binding, peer.address);
    await link.send(text);
    for (let read = ''; read !== text; ) read += await link.receive();
    return link;
  };

  test('add up, and do not mix', async () => {
    const [one, two] = [createBinding(), createBinding()];
    const links = [await talk(one, 'four'), await talk(one, 'eleven char'), await talk(two, 'x')];
    expect(one.stats).toEqual({ ...none, open: 2, bytesRead: 15, bytesWritten: 15 });
    expect(two.stats).toEqual({ ...none, open: 1, bytesRead: 1, bytesWritten: 1 });
    for (const link of links) await link.close();
    expect(one.stats).toEqual({ ...none, bytesRead: 15, bytesWritten: 15 });
    // Those of the default binding are not among them.
    const socket = connect(peer.address);
    await exchange(socket, 3);
    await socket.close();
    expect(one.stats.bytesRead + two.stats.bytesRead).toBe(16);
  });

  test('name what failed by its code', async () => {
    const binding = createBinding({ ca: authority.certPem });
    const port = await closedPort();
    for (let round = 0; round < 3; round += 1) await failureOf(open(binding, `127.0.0.1:${port}`).opened);
    await using server = await Peer.open();
    const wrong = await authority.issue({ names: ['other.example'] });
    const link = open(binding, server.address, { secureTransport: 'on' });
    server.wire().then((wire) => wire.secure({ credentials: wrong }).catch(() => {}));
    expect((await failureOf(link.opened)).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
    expect(binding.stats).toEqual({
      ...none,
      failures: { ECONNREFUSED: 3, ERR_TLS_CERT_ALTNAME_INVALID: 1 },
    });
  });

  test('name what broke later, once', async () => {
    const binding = createBinding();
    await using server = await Peer.open();
    const link = open(binding, server.address);
    await link.opened;
    (await server.wire()).reset();
    expect((await failureOf(link.receive())).code).toBe('ECONNRESET');
    await link.send('late').catch(() => {});
    expect(await link.ended).toMatchObject({ code: 'ECONNRESET' });
    expect(binding.stats).toEqual({ ...none, bytesWritten: 0, failures: { ECONNRESET: 1 } });
  });

  test('do not name what was wanted: close(), a signal', async () => {
    const binding = createBinding();
    await using server = await Peer.open();
    const abort = new AbortController();
    const links = [0, 1, 2, 3].map(() => open(binding, server.address, { signal: abort.signal }));
    const [first, second, third] = links;
    await Promise.all([first?.opened, second?.opened]);
    await Promise.all([first?.close(), third?.close()]);
    abort.abort(new Error('given up'));
    await Promise.all(links.map(({ ended }) => ended));
    expect(binding.stats).toEqual(none);
  });

  test('do not name the end of the peer', async () => {
    const binding = createBinding();
    await using server = await Peer.open();
    const link = open(binding, server.address);
    await link.opened;
    (await server.wire()).drain().end();
    expect(await link.receive()).toBe(undefined);
    expect(await link.ended).toBe(undefined);
    await vi.waitFor(() => expect(binding.stats).toEqual(none));
  });
});

test('they are read-only, and plain', async () => {
  const binding = createBinding();
  expect(JSON.parse(JSON.stringify(binding.stats))).toEqual(none);
  expect(() => Object.assign(binding, { stats: none })).toThrow(TypeError);
  const link = ways['connect()'](binding, peer.address);
  await link.opened;
  expect(binding.stats.open).toBe(1);
  await link.close();
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
