/** What sockets of connect() tell those who listen to node:diagnostics_channel. docs/observability.md has it in words. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connect, createBinding } from 'wintersock';
import { Peer } from './behaviour/wire.ts';
import { Listening } from './fixtures/channels.ts';
import { closedPort } from './fixtures/closed-port.mjs';
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

describe('a socket of connect()', () => {
  test('that is connected and closed', async () => {
    using listening = new Listening();
    const socket = connect(peer.address);
    expect(listening.about(peer.address)).toEqual(['start', 'end']);
    const info = await socket.opened;
    const wire = await peer.wire();
    await socket.writable.getWriter().write('seven b');
    await wire.hear();
    await socket.close();
    await listening.until('closed');
    expect(listening.about(peer.address)).toEqual([
      ...['start', 'end', 'opened', 'asyncStart', 'asyncEnd', 'closed'],
    ]);
    const common = { socket, address: peer.address, secureTransport: 'off' };
    const trace = listening.only('start');
    expect(trace).toEqual({ ...common, result: info });
    expect(listening.only('asyncEnd')).toBe(trace);
    expect(listening.only('opened')).toEqual({ ...common, info });
    const { stats, ...event } = listening.only('closed');
    expect(event).toEqual({ ...common, reason: undefined });
    expect(stats).toMatchObject({ bytesRead: 0, bytesWritten: 7, timings: { tls: null } });
    expect(trace.socket).toBe(socket);
  });

  test('that is closed by the peer', async () => {
    using listening = new Listening(['closed', 'error']);
    const socket = connect(peer.address);
    (await peer.wire()).end();
    expect((await socket.readable.getReader().read()).done).toBe(true);
    await socket.closed;
    await listening.until('closed');
    expect(listening.only('closed').reason).toBe(undefined);
    expect(listening.all('error')).toEqual([]);
  });

  test('that nothing accepts', async () => {
    using listening = new Listening();
    const address = `127.0.0.1:${await closedPort()}`;
    const socket = connect(address);
    const error = await socket.opened.catch((reason) => reason);
    await listening.until('closed');
    expect(error).toMatchObject({ code: 'ECONNREFUSED' });
    expect(listening.about(address)).toEqual([
      ...['start', 'end', 'error', 'trace error', 'asyncStart', 'asyncEnd', 'closed'],
    ]);
    expect(listening.only('asyncStart')).toEqual({ socket, address, secureTransport: 'off', error });
    expect(listening.only('error')).toEqual({ socket, address, secureTransport: 'off', error });
    expect(listening.only('closed')).toMatchObject({ socket, reason: error });
  });

  test('that the host refuses', async () => {
    using listening = new Listening();
    const refused = createBinding({ deny: ['127.0.0.1'] });
    let error: unknown;
    try {
      await refused.connect(peer.address).opened;
    } catch (reason) {
      error = reason;
    }
    expect(error).toMatchObject({ code: 'ERR_ACCESS_DENIED' });
    expect(listening.only('trace error').error).toBe(error);
    expect(listening.all('opened')).toEqual([]);
  });

  test('that is asked for in a wrong way: nothing', () => {
    using listening = new Listening();
    expect(() => connect('no port')).toThrow();
    expect(() => connect(peer.address, { secureTransport: 'no' as 'off' })).toThrow();
    expect(() => connect(peer.address, { signal: AbortSignal.abort() })).toThrow();
    expect(listening.all('start')).toEqual([]);
  });

  test.each([
    ['close() with a reason', () => new AbortController(), false],
    ['a signal', () => new AbortController(), true],
  ])('that is ended before it has opened, by %s: no error, but a reason', async (_, make, signals) => {
    using listening = new Listening();
    const controller = make();
    const reason = new RangeError('mine');
    const socket = connect(peer.address, { signal: controller.signal });
    if (signals) controller.abort(reason);
    else void socket.close(reason).catch(() => {});
    await expect(socket.opened).rejects.toBe(reason);
    await listening.until('closed');
    expect(listening.only('trace error').error).toBe(reason);
    expect(listening.only('closed')).toMatchObject({ socket, reason });
    expect(listening.all('error')).toEqual([]);
    expect(listening.all('opened')).toEqual([]);
  });

  test('that is closed with a reason: the first one', async () => {
    using listening = new Listening(['closed', 'error']);
    const socket = connect(peer.address);
    await socket.opened;
    const wire = await peer.wire();
    const writer = socket.writable.getWriter();
    writer.closed.catch(() => {});
    // Too much to be gone when the second one comes.
    writer.write(new Uint8Array(2 ** 23)).catch(() => {});
    const closings = [socket.close('first'), socket.close('second')];
    wire.drain();
    await Promise.all(closings);
    await listening.until('closed');
    expect(listening.only('closed').reason).toBe('first');
    expect(listening.all('error')).toEqual([]);
  });

  test('that breaks: once, whoever notices', async () => {
    using listening = new Listening(['closed', 'error']);
    const socket = connect(peer.address);
    await socket.opened;
    const reader = socket.readable.getReader();
    const read = reader.read().catch((reason) => reason);
    (await peer.wire()).reset();
    const error = await read;
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    await socket.writable.getWriter().closed.catch(() => {});
    await listening.until('closed');
    await socket.close();
    expect(listening.only('error')).toMatchObject({ socket, error });
    expect(listening.only('closed')).toMatchObject({ socket, reason: error });
  });

  test('that breaks, which only a write notices: it is over, although nobody reads', async () => {
    using listening = new Listening(['closed', 'error']);
    const socket = connect(peer.address, { allowHalfOpen: true });
    await socket.opened;
    const wire = await peer.wire();
    await wire.send('unread');
    wire.reset();
    const writer = socket.writable.getWriter();
    writer.closed.catch(() => {});
    let failure: unknown;
    while (failure === undefined) {
      await writer.write('x').catch((reason) => {
        failure = reason;
      });
    }
    await listening.until('closed');
    expect(listening.only('error').error).toMatchObject({ code: (failure as { code: string }).code });
    // Whoever reads on is told of it, too.
    const reader = socket.readable.getReader();
    const read = async () => {
      while (!(await reader.read()).done);
    };
    await expect(read()).rejects.toThrow();
    await socket.close();
    expect(listening.all('closed')).toHaveLength(1);
    expect(listening.all('error')).toHaveLength(1);
  });

  test('that was idle for too long', async () => {
    using listening = new Listening(['closed', 'error']);
    const socket = createBinding({ idleTimeout: 20 }).connect(peer.address);
    await socket.opened;
    await listening.until('closed');
    const { error } = listening.only('error');
    expect(error).toMatchObject({ code: 'ERR_IDLE_TIMEOUT' });
    expect(listening.only('closed')).toMatchObject({ socket, reason: error });
  });

  test('with TLS: it opens after the handshake', async () => {
    using listening = new Listening();
    const binding = createBinding({ ca: authority.certPem });
    const socket = binding.connect(peer.address, { secureTransport: 'on', alpn: ['x'] });
    const wire = await peer.wire();
    expect(listening.all('opened')).toEqual([]);
    await wire.secure({ credentials, ALPNProtocols: ['x'] });
    await listening.until('opened');
    expect(listening.only('opened')).toMatchObject({ socket, secureTransport: 'on', info: { alpn: 'x' } });
    wire.drain();
    await socket.close();
  });

  test('whose peer is not trusted', async () => {
    using listening = new Listening();
    const socket = connect(peer.address, { secureTransport: 'on' });
    const wire = await peer.wire();
    wire.secure({ credentials }).catch(() => {});
    const error = await socket.opened.catch((reason) => reason);
    await listening.until('closed');
    expect(listening.only('error')).toMatchObject({ socket, error });
    expect(listening.all('opened')).toEqual([]);
  });

  test('that goes over to TLS: two sockets, and the figures once', async () => {
    using listening = new Listening();
    const socket = connect(peer.address, { secureTransport: 'starttls' });
    await socket.opened;
    const wire = await peer.wire();
    const handshake = wire.secure({ credentials });
    const secure = socket.startTls({ ca: authority.certPem, servername: 'localhost' });
    await Promise.all([handshake, secure.opened]);
    await listening.until('closed');
    expect(listening.only('startTls')).toEqual({
      ...{ socket, address: peer.address, secureTransport: 'starttls' },
      ...{ secureSocket: secure, servername: 'localhost' },
    });
    expect(listening.all('opened').map((event) => [event.socket, event.secureTransport])).toEqual([
      [socket, 'starttls'],
      [secure, 'on'],
    ]);
    expect(listening.only('closed')).toMatchObject({ socket, stats: null, reason: undefined });
    wire.drain();
    await secure.close();
    await listening.until('closed', 2);
    expect(listening.all('closed')[1]).toMatchObject({ socket: secure, stats: { bytesRead: 0 } });
    expect(listening.all('start')).toHaveLength(1);
    expect(listening.all('error')).toEqual([]);
  });

  test('that goes over to TLS in vain: the error is that of the secure one', async () => {
    using listening = new Listening();
    const socket = connect(peer.address, { secureTransport: 'starttls' });
    await socket.opened;
    (await peer.wire()).secure({ credentials }).catch(() => {});
    const secure = socket.startTls();
    const error = await secure.opened.catch((reason) => reason);
    await listening.until('closed', 2);
    expect(listening.only('error')).toMatchObject({ socket: secure, secureTransport: 'on', error });
  });

  test.runIf(process.platform !== 'win32')('of a Unix domain socket', async () => {
    using listening = new Listening(['opened']);
    const directory = mkdtempSync(join(tmpdir(), 'wintersock-'));
    const server = createServer((connection) => connection.resume());
    try {
      const path = join(directory, 's');
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const socket = connect(`unix:${path}`);
      await listening.until('opened');
      expect(listening.only('opened').address).toBe(`unix:${path}`);
      await socket.close();
    } finally {
      server.close();
      rmSync(directory, { recursive: true });
    }
  });
});
