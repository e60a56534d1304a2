/** `idleTimeout`: it ends sockets through which nothing goes, and no others. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createBinding } from 'wintersock';
import { toDuplex } from 'wintersock/node';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf, type Link } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { type Authority, createAuthority, type Credentials } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 30_000 });

/** Long enough for a busy machine to let a byte through in time. */
const idleTimeout = 800;
const strays = strayRejections();
/** Accepts, reads, and says nothing. */
let silent: Peer;
let echo: Peer;
let authority: Authority;
let credentials: Credentials;

beforeAll(async () => {
  [silent, echo, authority] = await Promise.all([Peer.open(), Peer.open(), createAuthority()]);
  credentials = await authority.issue({ names: ['127.0.0.1'] });
  silent.onWire = (wire) => void wire.drain();
  echo.onWire = ({ tcp }) => void tcp.pipe(tcp);
});
afterAll(() => Promise.all([silent?.close(), echo?.close()]));

describe.each(everyWay)('with $name', ({ open }) => {
  const binding = createBinding({ idleTimeout });

  test('ends a socket through which nothing goes', async () => {
    await using peer = await Peer.open();
    const before = openSockets();
    const link = open(binding, peer.address);
    await link.opened;
    const read = failureOf(link.receive());
    const wrong = {
      code: 'ERR_IDLE_TIMEOUT',
      message: `SocketError: ${peer.address} was ended because nothing had gone through it for ${idleTimeout} ms (\`idleTimeout\`); connect again when there is something to say, or allow more time`,
    };
    expect(await link.ended).toMatchObject(wrong);
    expect(await read).toEqual(wrong);
    await link.opened;
    expect((await failureOf(link.send('late'))).code).toMatch(/^ERR_(IDLE_TIMEOUT|STREAM_DESTROYED)$/);
    expect(binding.stats.failures).toMatchObject({ ERR_IDLE_TIMEOUT: expect.any(Number) });
    (await peer.wire()).tcp.destroy();
    await openSocketsReturnTo(before);
  });

  /** One byte goes through again and again, for longer than it may be idle. */
  async function drip(byte: () => unknown): Promise<void> {
    for (const end = performance.now() + 1.5 * idleTimeout; performance.now() < end; ) {
      await byte();
      await sleep(idleTimeout / 20);
    }
  }

  test.concurrent('leaves one alone that writes', async () => {
    const link = open(binding, silent.address);
    await link.opened;
    await drip(() => link.send('x'));
    expect(await Promise.race([link.ended, 'open'])).toBe('open');
    expect(await link.ended).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
  });

  test.concurrent('leaves one alone that reads', async () => {
    await using peer = await Peer.open();
    const link = open(binding, peer.address);
    await link.opened;
    const wire = await peer.wire();
    await drip(async () => {
      await wire.send('x');
      expect(String(await link.receive())).toMatch(/^x+$/);
    });
    expect(await Promise.race([link.ended, 'open'])).toBe('open');
    expect(await link.ended).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
  });

  test.concurrent('ends one whose peer is not read from', async () => {
    await using peer = await Peer.open();
    const link = open(binding, peer.address);
    await link.opened;
    await (await peer.wire()).send('nobody wants it');
    expect(await link.ended).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
  });

  test.concurrent('ends one after startTls(), too', async () => {
    await using peer = await Peer.open();
    const trusting = createBinding({ ca: authority.certPem, idleTimeout });
    const plain = open(trusting, peer.address, { secureTransport: 'starttls' });
    await plain.opened;
    const secure = plain.secure();
    const wire = await (await peer.wire()).secure({ credentials });
    await secure.opened;
    wire.stream.pipe(wire.stream);
    await drip(async () => {
      await secure.send('x');
      expect(String(await secure.receive())).toMatch(/^x+$/);
    });
    expect(await Promise.race([secure.ended, 'open'])).toBe('open');
    expect(await secure.ended).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
    expect(trusting.stats).toMatchObject({ open: 0, connecting: 0, failures: { ERR_IDLE_TIMEOUT: 1 } });
  });

  test.concurrent('forgets one that is over', async () => {
    await using peer = await Peer.open();
    const trusting = createBinding({ ca: authority.certPem, idleTimeout });
    const [closed, ended, plain] = [1, 2, 3].map(() =>
      open(trusting, peer.address, { secureTransport: 'starttls' }),
    ) as [Link, Link, Link];
    await Promise.all([closed.opened, ended.opened, plain.opened]);
    const wires = [await peer.wire(), await peer.wire(), await peer.wire()];
    const secure = plain.secure();
    await closed.close();
    for (const wire of wires) wire.reset();
    await ended.receive().catch(() => {});
    await secure.ended;
    await sleep(1.3 * idleTimeout);
    expect(trusting.stats.failures).not.toHaveProperty('ERR_IDLE_TIMEOUT');
  });

  test.concurrent('counts from the last byte, not from the first', async () => {
    const link = open(binding, echo.address);
    await link.opened;
    await sleep(idleTimeout * 0.6);
    await link.send('x');
    await link.receive();
    const begun = performance.now();
    await link.ended;
    expect(performance.now() - begun).toBeGreaterThan(idleTimeout * 0.9);
  });
});

test('it ends one that has become a duplex, before it was open or after', async () => {
  const binding = createBinding({ idleTimeout });
  for (const early of [true, false]) {
    const socket = binding.connect(silent.address);
    if (!early) await socket.opened;
    const duplex = toDuplex(socket);
    const [error] = await once(duplex, 'error').catch((reason) => [reason]);
    expect(error).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
    await socket.closed;
  }
  expect(binding.stats).toMatchObject({ open: 0, failures: { ERR_IDLE_TIMEOUT: 2 } });
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});

describe.runIf(process.platform === 'linux')('what the system has goes through, too', () => {
  const binding = createBinding({ idleTimeout });

  test('what comes for a reader who is busy', async () => {
    await using peer = await Peer.open();
    const socket = binding.connect(peer.address);
    const { tcp } = await peer.wire();
    const dripping = setInterval(() => tcp.write('tick'), idleTimeout / 20);
    try {
      await sleep(2.5 * idleTimeout);
      const { value } = await socket.readable.getReader().read();
      expect(value?.length).toBeGreaterThan(4);
    } finally {
      clearInterval(dripping);
      await socket.close();
    }
  });

  test('what goes out to a peer who reads slowly', async () => {
    await using peer = await Peer.open();
    const socket = binding.connect(peer.address);
    const { tcp } = await peer.wire();
    const reading = setInterval(() => tcp.read(), 20);
    // More than the system takes at once: nothing is taken over for longer than the socket may be idle.
    const writer = socket.writable.getWriter();
    const written = writer.write(new Uint8Array(16 * 1024 * 1024)).then(
      () => 'written',
      (error) => error.code,
    );
    expect(await Promise.race([written, sleep(3 * idleTimeout, 'on its way')])).toMatch(
      /^(written|on its way)$/,
    );
    clearInterval(reading);
    tcp.destroy();
    await socket.closed;
  });

  test('what the peer does not take is idle', async () => {
    await using peer = await Peer.open();
    const socket = binding.connect(peer.address);
    const { tcp } = await peer.wire();
    tcp.pause();
    const error = await failureOf(socket.writable.getWriter().write(new Uint8Array(16 * 1024 * 1024)));
    expect(error).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
    tcp.destroy();
  });
});
