/** wintersock/node beside node:tls: plain text first, then TLS over the same connection. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import type { Socket as OurSocket } from 'wintersock/node';
import { bothWays } from './duplex/bulk.ts';
import { stateOf } from './duplex/journal.ts';
import { asOptions, ca, good, securityOf, wrong } from './duplex/security.ts';
import { alone, closes, happens, perform, type Stage, turns, twins, until } from './duplex/stage.ts';
import { ours } from './fixtures/duplex-sides.mjs';
import type { Credentials } from './fixtures/pki.mjs';

const HOST = '127.0.0.1';

/** Waits for a line, and begins TLS as a server then. */
async function serve(at: Stage, peer: Socket, credentials: Credentials = good): Promise<TLSSocket> {
  let text = '';
  while (!text.endsWith('STARTTLS\n')) text += (await happens(peer, 'data'))[0];
  const secure = at.keep(new TLSSocket(peer, { isServer: true, ...asOptions(credentials) }));
  secure.on('error', () => {});
  peer.write('GO\n');
  return secure;
}

/** Speaks plain text until the server is ready for TLS. */
async function negotiated(at: Stage, credentials?: Credentials, options: { allowHalfOpen?: boolean } = {}) {
  const { socket, peer } = await at.pair(options);
  const serving = serve(at, peer, credentials);
  socket.write('STARTTLS\n');
  at.note(String((await happens(socket, 'data'))[0]).trim());
  return { socket, server: await serving };
}

/** The same, and the handshake. */
async function upgraded(at: Stage, options: { allowHalfOpen?: boolean } = {}) {
  const { socket, server } = await negotiated(at, good, options);
  const secure = at.keep(at.side.upgrade(socket, { ca, servername: 'localhost', ...options }));
  await Promise.all([happens(server, 'secure'), happens(secure, 'secureConnect')]);
  return { socket, server, secure };
}

describe('TLS in the middle of a connection', () => {
  twins('the handshake, data in both directions, and the end', async (at) => {
    const { socket, server } = await negotiated(at);
    const secure = at.side.upgrade(socket, { ca, servername: 'localhost' }, () => at.note('listener'));
    at.keep(secure);
    at.note(secure.encrypted, secure.authorized);
    await happens(secure, 'secureConnect');
    at.note(securityOf(secure), secure.servername, stateOf(socket).replace(/ in .*/, ''));
    for (const event of ['data', 'end', 'finish', 'error', 'close']) {
      secure.on(event, (value) => at.note(event, String(value ?? '')));
    }
    server.on('data', (data) => server.end(`you said ${data}`));
    secure.write('hello');
    await closes(secure);
    at.note(secure.destroyed, socket.destroyed);
  });

  twins('before it is connected', async (at) => {
    const listener = await at.listenTls(asOptions(good));
    const socket = at.keep(new at.side.Socket());
    socket.connect(listener.port, HOST);
    const secure = at.keep(at.side.upgrade(socket, { ca, servername: 'localhost' }));
    const [peer] = await Promise.all([listener.accepted(), happens(secure, 'secureConnect')]);
    at.note(secure.authorized, secure.encrypted);
    peer.end('hello');
    at.note(String((await happens(secure, 'data'))[0]));
    await closes(secure);
  });

  twins('the host that was connected to is the name that is checked', async (at) => {
    const { socket } = await negotiated(at);
    const secure = at.keep(at.side.upgrade(socket, { ca }));
    await happens(secure, 'secureConnect');
    at.note(secure.authorized);
  });

  twins('addresses, options and the time-out stay', async (at) => {
    const { socket, secure, server } = await upgraded(at);
    at.note(secure.remoteAddress, secure.remotePort === socket.remotePort, secure.localAddress);
    socket.setNoDelay().setKeepAlive(true, 5000);
    secure.setTimeout(30);
    await happens(secure, 'timeout');
    secure.setTimeout(0);
    server.write('still here');
    at.note(String((await happens(secure, 'data'))[0]));
  });

  for (const [name, credentials] of Object.entries(wrong)) {
    if (name === 'no name') continue;
    twins(`refused: ${name}`, async (at) => {
      const { socket } = await negotiated(at, credentials);
      const secure = at.keep(at.side.upgrade(socket, { ca, servername: 'localhost' }));
      secure.on('secureConnect', () => at.note('secureConnect'));
      secure.on('error', ({ code }: NodeJS.ErrnoException) => at.note('error', code));
      secure.on('close', (failed) => at.note('close', failed));
      await closes(secure);
      await until(() => socket.destroyed);
      at.note(secure.authorized);
    });
  }

  for (const going of ['end', 'destroy', 'resetAndDestroy'] as const) {
    twins(`the peer goes during the handshake: ${going}()`, async (at) => {
      const { socket, peer } = await at.pair();
      const secure = at.keep(at.side.upgrade(socket, { ca, servername: 'localhost' }));
      secure.on('error', ({ code }: NodeJS.ErrnoException) => at.note('error', code));
      await happens(peer, 'data');
      peer[going]();
      await closes(secure);
      at.note(secure.authorized);
    });
  }

  twins('destroy() during the handshake', async (at) => {
    const { socket, peer } = await at.pair();
    const secure = at.keep(at.side.upgrade(socket, { ca, servername: 'localhost' }));
    secure.on('error', ({ code }: NodeJS.ErrnoException) => at.note('error', code));
    secure.on('close', (failed) => at.note('close', failed));
    await happens(peer, 'data');
    secure.destroy();
    await closes(secure);
    await until(() => socket.destroyed);
  });

  twins('end() right after it: the peer gets all', async (at) => {
    const { socket, server } = await negotiated(at);
    const secure = at.keep(at.side.upgrade(socket, { ca, servername: 'localhost' }));
    secure.write('all of ');
    secure.end('it');
    let text = '';
    server.on('data', (data) => {
      text += data;
    });
    await happens(server, 'end');
    server.end();
    await closes(secure.resume());
    at.note(text);
  });

  twins('64 MiB each way at once', async (at) => {
    const { secure, server } = await upgraded(at);
    at.note(await bothWays(secure, server));
  });
});

describe.runIf(!alone)('startTls() in place', () => {
  /** What a program with our own method notes. */
  const notes = (program: (at: Stage, upgrade: (socket: Socket) => void) => Promise<void>) =>
    perform(ours, (at) =>
      program(at, (socket) => (socket as unknown as OurSocket).startTls({ ca, servername: 'localhost' })),
    );

  const misuse: Record<string, (at: Stage) => Promise<Socket>> = {
    'a second time': async (at) => (await upgraded(at)).socket,
    'a second time, during the handshake': async (at) => {
      const { socket } = await negotiated(at);
      at.side.upgrade(socket, { ca, servername: 'localhost' });
      return socket;
    },
    'of a socket that has ended': async (at) => (await at.pair()).socket.end() as Socket,
    'of a socket that was destroyed': async (at) => (await at.pair()).socket.destroy(),
    'of a socket whose peer has ended': async (at) => {
      const { socket, peer } = await at.pair({ allowHalfOpen: true });
      peer.end();
      await happens(socket.resume(), 'end');
      return socket;
    },
    'of a socket that was never told to connect': async (at) => at.keep(new at.side.Socket()),
  };
  for (const [name, prepare] of Object.entries(misuse)) {
    test(`${name}: ERR_INVALID_STATE, and the socket stays as it is`, async () => {
      const lines = await notes(async (at, upgrade) => {
        const socket = await prepare(at);
        const before = [socket.destroyed, socket.writable, (socket as TLSSocket).encrypted].join();
        at.journal.lines.length = 0;
        at.journal.attempt('startTls', () => upgrade(socket));
        await turns(2);
        at.note([socket.destroyed, socket.writable, (socket as TLSSocket).encrypted].join() === before);
      });
      expect(lines).toEqual(['startTls throws ERR_INVALID_STATE', 'true']);
    });
  }

  test('plain text that was not read: refused, it must not pass for what came over TLS', async () => {
    const lines = await notes(async (at, upgrade) => {
      const { socket, peer } = await at.pair();
      socket.pause();
      peer.write('injected');
      await until(() => socket.readableLength === 8);
      at.journal.attempt('startTls', () => upgrade(socket));
    });
    expect(lines).toEqual(['startTls throws ERR_INVALID_STATE']);
  });

  test('plain text that comes with the handshake: never data', async () => {
    const lines = await notes(async (at, upgrade) => {
      const { socket, peer } = await at.pair();
      socket.on('data', (data) => at.note('data', String(data)));
      socket.on('error', ({ code }: NodeJS.ErrnoException) => at.note(code));
      upgrade(socket);
      peer.write('injected\n');
      await closes(socket);
    });
    expect(lines).toEqual(['ERR_TLS_PROTOCOL']);
  });

  test('it is the same socket: listeners, fields and the encoding stay', async () => {
    const lines = await notes(async (at, upgrade) => {
      const { socket, server } = await negotiated(at);
      at.journal.lines.length = 0;
      Object.assign(socket, { mine: 'kept' });
      socket.setEncoding('utf8').on('data', (data: unknown) => at.note(typeof data, data));
      const secured = happens(socket, 'secureConnect');
      upgrade(socket);
      await secured;
      at.note((socket as Socket & { mine: string }).mine, (socket as TLSSocket).authorized);
      server.end('hello');
      await closes(socket.resume());
    });
    expect(lines).toEqual(['kept true', 'string hello']);
  });

  /** What comes in plain text: so many bytes, and of what follows the first one. A handshake begins with 22. */
  async function plainOf(peer: Socket, length: number): Promise<[Buffer, number | undefined]> {
    const pieces: Buffer[] = [];
    let missing = length + 1;
    const read = (piece: Buffer) => {
      pieces.push(piece);
      missing -= piece.length;
    };
    peer.on('data', read).resume();
    await until(() => missing <= 0);
    peer.off('data', read);
    const all = Buffer.concat(pieces);
    return [all.subarray(0, length), all[length]];
  }

  test('what was written before is plain text, what is written after is not', async () => {
    const lines = await notes(async (at, upgrade) => {
      const { socket, peer } = await at.pair();
      socket.write('plain', at.journal.callback('plain'));
      upgrade(socket);
      at.note(socket.write('secret', at.journal.callback('secret')));
      const [plain, next] = await plainOf(peer, 5);
      at.note(String(plain), next);
    });
    expect(lines).toEqual(['true', 'plain called back ', 'plain 22']);
  });

  test('so it is while it connects', async () => {
    const lines = await notes(async (at, upgrade) => {
      const listener = await at.listen();
      const socket = at.keep(at.side.createConnection(listener.port, HOST));
      socket.write('one ');
      socket.write('two');
      upgrade(socket);
      socket.write('secret');
      const [plain, next] = await plainOf(await listener.accepted(), 7);
      at.note(String(plain), next);
    });
    expect(lines).toEqual(['one two 22']);
  });

  test('so it is with more than the peer takes', async () => {
    const lines = await notes(async (at, upgrade) => {
      const { socket, peer } = await at.pair();
      peer.pause();
      const block = Buffer.alloc(12 * 1024 * 1024, 'plain');
      socket.write(block);
      socket.write(block);
      upgrade(socket);
      socket.write('secret');
      const [plain, next] = await plainOf(peer, 2 * block.length);
      at.note(plain.equals(Buffer.concat([block, block])), next);
    });
    expect(lines).toEqual(['true 22']);
  });
});
