/** wintersock/node under others: node:tls, node:http, and the habits of drivers. */
import { Agent, createServer as createHttpServer, get, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, TLSSocket } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { bothWays } from './duplex/bulk.ts';
import { asOptions, ca, certificateOf, good, securityOf, wrong } from './duplex/security.ts';
import {
  alone,
  closes,
  happens,
  perform,
  type Program,
  type Stage,
  turns,
  twins,
  until,
} from './duplex/stage.ts';
import { ours } from './fixtures/duplex-sides.mjs';

const HOST = '127.0.0.1';
const MIB = 1024 * 1024;

/** node:tls over a socket under test. */
async function over(at: Stage, server: object = {}, client: ConnectionOptions = {}) {
  const listener = await at.listenTls({ ...asOptions(good), ...server });
  const socket = at.keep(new at.side.Socket());
  socket.connect(listener.port, HOST);
  const secure = at.keep(connectTls({ socket, ca, servername: 'localhost', ...client }));
  return { listener, socket, secure };
}

/** The same, after the handshake. */
async function overPair(at: Stage, server: object = {}, client: ConnectionOptions = {}) {
  const { listener, socket, secure } = await over(at, server, client);
  const [peer] = await Promise.all([listener.accepted(), happens(secure, 'secureConnect')]);
  return { socket, secure, peer };
}

describe('node:tls over it', () => {
  twins('the handshake, data and the end', async (at) => {
    const { secure, socket, peer } = await overPair(at);
    at.note(securityOf(secure), certificateOf(secure.getPeerCertificate(true)).length);
    for (const event of ['data', 'end', 'error', 'close'])
      secure.on(event, (value) => at.note(event, String(value ?? '')));
    peer.on('data', (data) => peer.end(`you said ${data}`));
    secure.write('hello');
    await closes(secure);
    await until(() => socket.destroyed);
  });

  for (const allowHalfOpen of [false, true]) {
    twins(`the server ends TLS and TCP at once, allowHalfOpen ${allowHalfOpen}`, async (at) => {
      const { listener, secure, socket } = await over(at, { allowHalfOpen });
      listener.accepted().then((peer) => peer.end('hello'));
      socket.on('error', (error) => at.note('error below', error));
      for (const event of ['data', 'end', 'error', 'close'])
        secure.on(event, (value) => at.note(event, String(value ?? '')));
      await closes(secure);
      await until(() => socket.destroyed);
    });
  }

  twins('our end first', async (at) => {
    const { secure, peer } = await overPair(at);
    for (const event of ['data', 'end', 'error', 'close'])
      secure.on(event, (value) => at.note(event, String(value ?? '')));
    peer.on('end', () => peer.end('answer')).resume();
    secure.end('question');
    await closes(secure);
  });

  for (const [name, credentials] of Object.entries(wrong)) {
    if (name === 'no name') continue;
    twins(`a certificate that is wrong: ${name}: its error is not lost`, async (at) => {
      const { secure, socket } = await over(at, asOptions(credentials));
      secure.on('error', ({ code }: NodeJS.ErrnoException) => at.note('error', code));
      secure.on('secureConnect', () => at.note('secureConnect'));
      secure.on('close', (failed) => at.note('close', failed));
      await closes(secure);
      await until(() => socket.destroyed);
    });
  }

  twins('nobody listens', async (at) => {
    const listener = await at.listen();
    const { port } = listener;
    await listener.close();
    const socket = at.keep(new at.side.Socket());
    socket.connect(port, HOST);
    const secure = at.keep(connectTls({ socket, ca, servername: 'localhost' }));
    // Either of them may tell.
    const told = new Promise<void>((resolve) => {
      const tell = ({ code }: NodeJS.ErrnoException) => {
        at.note(code);
        resolve();
      };
      socket.once('error', tell);
      secure.on('error', () => {});
    });
    await told;
  });

  twins('the peer resets', async (at) => {
    const { listener, secure, socket } = await over(at);
    await Promise.all([listener.accepted(), happens(secure, 'secureConnect')]);
    socket.on('error', () => {});
    secure.on('error', () => {});
    listener.reset();
    await closes(secure.resume());
    at.note(secure.destroyed);
  });

  twins('destroy() of it destroys the socket', async (at) => {
    const { secure, socket, peer } = await overPair(at);
    const ended = happens(peer.resume(), 'end');
    secure.destroy();
    await closes(secure);
    await until(() => socket.destroyed);
    await ended;
    at.note(socket.destroyed);
  });

  twins('destroy() of the socket destroys it', async (at) => {
    const { secure, socket } = await overPair(at);
    secure.on('error', () => {});
    socket.destroy();
    await closes(secure);
    at.note(secure.destroyed);
  });

  twins("its listener of 'data' is removed, as mariadb does: it works on", async (at) => {
    const { listener, socket, secure } = await over(at);
    socket.removeAllListeners('data');
    const [peer] = await Promise.all([listener.accepted(), happens(secure, 'secureConnect')]);
    peer.end('hello');
    at.note(String((await happens(secure, 'data'))[0]));
    await closes(secure);
  });

  twins('plain text before', async (at) => {
    const { socket, peer } = await at.pair();
    const question = happens(peer, 'data');
    socket.write('STARTTLS\n');
    at.note(String((await question)[0]).trim());
    const answer = happens(socket, 'data');
    peer.write('GO\n');
    at.note(String((await answer)[0]).trim());
    socket.removeAllListeners('data');
    const server = at.keep(new TLSSocket(peer, { isServer: true, ...asOptions(good) }));
    const secure = at.keep(connectTls({ socket, ca, servername: 'localhost' }));
    await Promise.all([happens(server, 'secure'), happens(secure, 'secureConnect')]);
    server.write('hello');
    at.note(String((await happens(secure, 'data'))[0]));
  });

  twins('16 MiB each way at once', async (at) => {
    const { secure, peer } = await overPair(at);
    at.note(await bothWays(secure, peer, 16 * MIB));
    secure.end();
    peer.end();
    await closes(secure);
  });
});

describe('habits of drivers', () => {
  twins('removeAllListeners(): it reads on, ends and closes', async (at) => {
    const { socket, peer } = await at.pair();
    socket.removeAllListeners();
    let text = '';
    socket.on('data', (data) => {
      text += data;
    });
    const closed = happens(socket, 'close');
    const heard = happens(peer, 'data');
    socket.write('still ');
    at.note(String((await heard)[0]));
    peer.end('here');
    await closed;
    at.note(text, socket.destroyed, socket.writableFinished);
  });

  // Node's own listeners go with the others, and with them what waits: not a twin.
  test.runIf(!alone)('removeAllListeners() while it connects, and while writes wait', async () => {
    const program: Program = async (at) => {
      const listener = await at.listen();
      const socket = at.keep(at.side.createConnection(listener.port, HOST));
      socket.write('early');
      socket.removeAllListeners();
      const peer = await listener.accepted();
      at.note(String((await happens(peer, 'data'))[0]));
      const closed = happens(socket, 'close');
      socket.destroySoon();
      await closed;
    };
    expect(await perform(ours, program)).toEqual(['early']);
  });

  twins('removeAllListeners() before destroy()', async (at) => {
    const { socket, peer } = await at.pair();
    socket.removeAllListeners();
    const gone = closes(peer);
    peer.on('end', () => peer.end()).resume();
    socket.destroy();
    await gone;
    at.note(socket.destroyed);
  });

  twins("'close' comes a turn after destroy(): who listens in the meantime hears of it", async (at) => {
    const { socket } = await at.pair();
    socket.destroy();
    await Promise.resolve();
    socket.on('close', () => at.note('close'));
    await happens(socket, 'close');
  });

  twins('an error that is set by others between destroy() and close', async (at) => {
    const { socket } = await at.pair();
    let reason = 'none';
    socket.on('close', () => at.note('close', reason));
    socket.destroy();
    process.nextTick(() => {
      reason = 'set a tick later';
    });
    await closes(socket);
  });

  twins('fields of their own, and methods replaced', async (at) => {
    const { socket, peer } = await at.pair();
    const bag = socket as Socket & Record<string, unknown>;
    for (const name of [
      'state',
      'line',
      'host',
      'owner',
      'native',
      'parts',
      'connection',
      '_host',
      '_client',
    ]) {
      bag[name] = name;
    }
    const write = socket.write.bind(socket);
    let calls = 0;
    socket.write = ((...values: Parameters<typeof write>) => {
      calls += 1;
      return write(...values);
    }) as typeof socket.write;
    const heard = happens(peer, 'data');
    socket.write('x');
    await heard;
    peer.end('y');
    at.note(String((await happens(socket, 'data'))[0]), calls, bag['state'], bag['native']);
    await closes(socket);
  });

  twins('node:http over createConnection(), kept alive by an agent', async (at) => {
    const server = createHttpServer((request, response) => response.end(`you asked for ${request.url}`));
    server.listen(0, HOST);
    await happens(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let made = 0;
    Object.assign(agent, {
      createConnection: (options: { port: number; host: string }) => {
        made += 1;
        return at.keep(at.side.createConnection(options));
      },
    });
    for (const path of ['/one', '/two', '/three']) {
      const [response] = (await happens(get({ host: HOST, port, path, agent }), 'response')) as [
        IncomingMessage,
      ];
      let text = '';
      for await (const chunk of response) text += chunk;
      at.note(response.statusCode, text);
      await turns(2);
    }
    at.note(made);
    agent.destroy();
    server.close();
    await happens(server, 'close');
  });
});
