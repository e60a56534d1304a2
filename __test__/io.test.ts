/** Where I/O happens: on Node's event loop, on a thread, or read ahead. Nobody may see it but in what it costs. */
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import type * as Wintersock from 'wintersock';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { patterned, sha256 } from './behaviour/pattern.ts';
import { ending } from './behaviour/settlement.ts';
import { trustedAuthority } from './behaviour/trust.ts';
import { Peer, type Wire } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';
import type { Authority, Credentials } from './fixtures/pki.mjs';

const MIB = 1024 * 1024;
const modes = ['direct', 'thread', 'ahead'] as const;
type Mode = (typeof modes)[number];
/** Only Linux tells what a thread does. */
const linux = process.platform === 'linux';
const strays = strayRejections();

let authority: Authority;
let credentials: Credentials;
let before: number;
beforeAll(async () => {
  authority = await trustedAuthority();
  credentials = await authority.issue({ names: ['127.0.0.1'] });
  for (const mode of modes) packages[mode] = copy(mode);
  before = openSockets();
});

const require = createRequire(import.meta.url);
const path = fileURLToPath(new URL('../dist/index.cjs', import.meta.url));

/** The package loaded once more, in a mode of its own. */
function copy(mode: Mode): typeof Wintersock {
  const own = process.env['WINTERSOCK_IO'];
  process.env['WINTERSOCK_IO'] = mode;
  delete require.cache[path];
  try {
    return require(path);
  } finally {
    if (own === undefined) delete process.env['WINTERSOCK_IO'];
    else process.env['WINTERSOCK_IO'] = own;
  }
}

/** One of each for the tests. */
const packages = {} as Record<Mode, typeof Wintersock>;

/** An open plain connection and its peer, which are over with the block. */
async function pair(mode: Mode, options: Wintersock.SocketOptions = {}) {
  const peer = await Peer.open();
  const abort = new AbortController();
  const socket = packages[mode].connect(peer.address, { signal: abort.signal, ...options });
  const wire = await peer.wire();
  await socket.opened;
  return {
    socket,
    wire,
    writer: socket.writable.getWriter(),
    async [Symbol.asyncDispose]() {
      abort.abort(new Error('the test is over'));
      await peer.close();
    },
  };
}

/** Everything up to the client's end. How it ended, too. */
function heard({ stream }: Wire): Promise<{ bytes: Buffer; end: string }> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  return new Promise((resolve) => {
    const settle = (end: string) => resolve({ bytes: Buffer.concat(chunks), end });
    stream.once('end', () => settle('end'));
    stream.once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message));
  });
}

async function run(fixture: string, name: string, mode: Mode, ...rest: string[]) {
  const script = `__test__/fixtures/${fixture}.mjs`;
  const env = { WINTERSOCK_IO: mode };
  const { code, signal, stdout, stderr } = await runNode([script, name, ...rest], { env, deadline: 30_000 });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

describe('WINTERSOCK_IO', () => {
  const source = `import('wintersock').then(
    () => console.log('loaded'), (error) => console.log(error.name, error.code, error.message));`;
  const load = async (value: string) =>
    (await runNode(['-e', source], { env: { WINTERSOCK_IO: value } })).stdout.trim();

  test.each(['', ...modes])('%j is taken', async (value) => expect(await load(value)).toBe('loaded'));

  test.each(['fast', 'DIRECT', 'toString', '__proto__'])('%j is refused at import', async (value) => {
    const said = await load(value);
    expect(said).toMatch(/^TypeError ERR_INVALID_OPTION SocketError: /);
    for (const part of ['WINTERSOCK_IO', JSON.stringify(value), ...modes]) expect(said).toContain(part);
  });
});

describe.runIf(linux)('1,000 rounds', () => {
  test.each(['rounds', 'rounds with TLS'])(
    '%s: none involves the other thread in direct mode',
    async (job) => {
      const { bytes, during } = await run('io-jobs', job, 'direct');
      expect(bytes).toBe(100_000);
      // What is left of the handshake, at most.
      expect(during).toBeLessThan(50);
      expect((await run('io-jobs', job, 'ahead')).during).toBeLessThan(50);
      expect((await run('io-jobs', job, 'thread')).during).toBeGreaterThan(500);
    },
    60_000,
  );
});

describe.each(modes)('%s', (mode) => {
  test('sockets with something unread burn no processor time', async () => {
    const costs: Record<string, number> = await run('io-jobs', 'idle', mode);
    // A loop that goes round and round would take 300 ms.
    for (const [name, cost] of Object.entries(costs))
      expect({ name, busy: cost > 60 }).toEqual({ name, busy: false });
    expect(Object.keys(costs)).toHaveLength(6);
  }, 40_000);

  test('1,500 sockets with events in one turn, three times', async () => {
    expect(await run('io-jobs', 'many', mode)).toEqual({ got: 4500 });
  }, 40_000);

  test('sockets of the main thread and of a worker do not mix', async () => {
    expect(await run('io-jobs', 'worker', mode)).toEqual({ own: 1000, theirs: 1000, after: 1000 });
  }, 40_000);

  test('an open idle socket keeps the process alive, and an unreferenced one does not', async () => {
    await using peer = await Peer.open();
    peer.onWire = ({ tcp }) => void setTimeout(() => tcp.end(), 400);
    expect(await run('io-jobs', 'open and idle', mode, peer.address)).toBe('closed by the peer');
    peer.onWire = () => {};
    expect(await run('io-jobs', 'open and not wanted', mode, peer.address)).toBe('gone');
  }, 40_000);

  test.each(['writes, then nothing', 'writes, then exit'])(
    '%s: all of it arrives',
    async (job) => {
      await using peer = await Peer.open();
      const wire = peer.wire();
      const result = run('io-jobs', job, mode, peer.address);
      const { bytes } = await heard(await wire);
      expect(await result).toBe('resolved');
      expect(bytes.toString()).toBe('one two three');
    },
    40_000,
  );

  test('small writes of one turn arrive together, and in order', async () => {
    await using at = await pair(mode);
    const { writer, wire } = at;
    for (let round = 0; round < 20; round += 1) {
      const words = Array.from({ length: 100 }, (_, index) => `${round}.${index} `);
      const all = words.join('');
      const writes = Promise.all(words.map((word) => writer.write(word)));
      let got = '';
      let pieces = 0;
      for (; got.length < all.length; pieces += 1) got += await wire.hear();
      await writes;
      expect(got).toBe(all);
      // The first of a turn goes at once. Where there is no end of the turn to wait for, each does.
      if (mode !== 'thread') expect(pieces).toBeLessThanOrEqual(4);
    }
  });

  test('writes of all sizes in one turn arrive whole, and in order', async () => {
    await using at = await pair(mode, { highWaterMark: 16 * MIB });
    const sizes = [
      1,
      16_384,
      1,
      65_536,
      16_385,
      MIB,
      3,
      16_384,
      16_384,
      16_384,
      16_384,
      1,
      65_537,
      0,
      7,
      MIB,
      1,
    ];
    const data = patterned(sizes.reduce((sum, size) => sum + size, 0));
    const got = heard(at.wire);
    let offset = 0;
    const writes = sizes.map((size) => {
      offset += size;
      return at.writer.write(data.subarray(offset - size, offset));
    });
    await Promise.all([...writes, at.writer.close()]);
    const { bytes, end } = await got;
    expect({ length: bytes.length, digest: sha256(bytes), end }).toEqual({
      length: data.length,
      digest: sha256(data),
      end: 'end',
    });
  });

  const ends: Record<string, (socket: Wintersock.Socket, writer: WritableStreamDefaultWriter) => unknown> = {
    'close()': (socket) => socket.close(),
    'writer.close()': (_, writer) => writer.close(),
    'writer.abort()': (_, writer) => writer.abort(),
    'process.nextTick() and close()': (socket) => process.nextTick(() => socket.close()),
  };
  test.each(Object.keys(ends))('writes that were resolved, and %s at once: they arrive', async (how) => {
    await using at = await pair(mode);
    const got = heard(at.wire);
    await Promise.all(['one ', 'two ', 'three'].map((word) => at.writer.write(word)));
    ends[how]?.(at.socket, at.writer);
    const { bytes, end } = await got;
    expect({ text: bytes.toString(), end }).toEqual({ text: 'one two three', end: 'end' });
  });

  test('writes that were resolved, and startTls() at once: they arrive in plain, before the handshake', async () => {
    await using at = await pair(mode, { secureTransport: 'starttls' });
    const { wire, writer, socket } = at;
    await Promise.all(['one ', 'two ', 'three'].map((word) => writer.write(word)));
    const secure = socket.startTls({ ca: authority.certPem });
    let plain = Buffer.alloc(0);
    while (plain.length <= 13) plain = Buffer.concat([plain, await wire.hear()]);
    expect(plain.subarray(0, 13).toString()).toBe('one two three');
    wire.tcp.unshift(plain.subarray(13));
    await wire.secure({ credentials });
    expect(await ending(secure.opened)).toBe('resolves');
    await secure.writable.getWriter().write('secret');
    expect((await wire.hear()).toString()).toBe('secret');
  });

  test('what was taken and then cannot be sent is told: of the writable, and closed settles', async () => {
    await using at = await pair(mode);
    const { writer, wire, socket } = at;
    // Nobody reads: only the write finds out.
    await socket.readable.cancel();
    await Promise.all(['one ', 'two ', 'three'].map((word) => writer.write(word)));
    // Before the turn ends.
    wire.reset();
    expect(await ending(writer.closed)).toMatch(/^(ECONNRESET|EPIPE)$/);
    expect(await ending(socket.closed)).toBe('resolves');
    expect(await ending(writer.write('late'))).toMatch(/^(ECONNRESET|EPIPE)$/);
  });

  test('after close() what the peer says within a second resets nothing', async () => {
    await using at = await pair(mode);
    const { wire, writer, socket } = at;
    const data = patterned(200_000);
    await writer.write(data);
    await socket.close();
    wire.tcp.write('unread');
    await sleep(300);
    wire.tcp.write('unread as well');
    await sleep(100);
    const { bytes, end } = await heard(wire);
    expect({ digest: sha256(bytes), end }).toEqual({ digest: sha256(data), end: 'end' });
  });

  test('after close() a peer that has talked, and waits, is reset in the end', async () => {
    await using at = await pair(mode);
    const { tcp } = at.wire;
    const say = (words: string) => new Promise<Error | null | undefined>((said) => tcp.write(words, said));
    tcp.resume();
    await at.socket.close();
    await sleep(50);
    expect(await say('into the void')).toBeFalsy();
    await sleep(2000);
    // Node reads no more after an end: it is told of a reset by a write, and by the first one if it was there before.
    expect((await say('anybody there?')) as { code?: string }).toHaveProperty('code');
  });

  test('two copies on one loop, at the same time', async () => {
    const copies = [copy(mode), packages[mode], packages.direct];
    await using peer = await Peer.open();
    peer.onWire = ({ tcp }) => void tcp.pipe(tcp);
    const talks = copies.map(async ({ connect }, name) => {
      const socket = connect(peer.address);
      const [reader, writer] = [socket.readable.getReader(), socket.writable.getWriter()];
      for (let round = 0; round < 100; round += 1) {
        await writer.write(`${name} ${round}`);
        expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(`${name} ${round}`);
      }
      return ending(socket.close());
    });
    expect(await Promise.all(talks)).toEqual(['resolves', 'resolves', 'resolves']);
  });
});

test('nothing of this is left', async () => {
  await openSocketsReturnTo(before);
  expect(strays).toEqual([]);
});
