/** PostgresSocket, with servers that do not agree to TLS, or do so in a way that is not to be trusted. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { PostgresSocket } from 'wintersock/node';

const request = '0000000804d2162f';
const timeout = 30_000;
const stops: (() => void)[] = [];

afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** Lets a socket, to which something is written before it is connected, meet a server. Resolves with what each side got. */
async function meet(answer: (socket: Socket) => void) {
  let received = Buffer.alloc(0);
  const server = createServer((peer) => {
    stops.push(() => peer.destroy());
    peer
      .on('error', () => {})
      .on('data', (data) => {
        received = Buffer.concat([received, data]);
      });
    peer.once('data', () => answer(peer));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stops.push(() => server.close());
  const socket = new PostgresSocket();
  stops.push(() => socket.destroy());
  const events: string[] = [];
  for (const event of ['connect', 'ready', 'data', 'secureConnect']) {
    socket.on(event, () => events.push(event));
  }
  socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('a secret');
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    socket.once('error', resolve).once('close', () => resolve(undefined));
  });
  return { code: error?.code, events, received: received.toString('hex') };
}

test('a server without TLS is refused, and told nothing', { timeout }, async () => {
  const outcome = await meet((peer) => peer.write('N'));
  expect(outcome).toEqual({ code: 'ERR_TLS_PROTOCOL', events: [], received: request });
});

test('an error message of the server is not taken for an answer', { timeout }, async () => {
  const outcome = await meet((peer) => peer.write(Buffer.from('E\0\0\0\x05\0')));
  expect(outcome).toEqual({ code: 'ERR_TLS_PROTOCOL', events: [], received: request });
});

test('what comes with the agreement, in plain text, ends the connection', { timeout }, async () => {
  const outcome = await meet((peer) => peer.write('Sand more'));
  expect(outcome).toEqual({ code: 'ERR_TLS_PROTOCOL', events: [], received: request });
});

test('what comes after it, in plain text, is no handshake', { timeout }, async () => {
  const outcome = await meet((peer) => {
    peer.write('S');
    // The handshake begins.
    peer.once('data', () => peer.write('AuthenticationOk'));
  });
  expect(outcome).toMatchObject({ code: 'ERR_TLS_PROTOCOL', events: ['connect', 'ready'] });
  expect(outcome.received.startsWith(request)).toBe(true);
  expect(Buffer.from(outcome.received, 'hex').includes('a secret')).toBe(false);
});

test('a server that hangs up is told nothing', { timeout }, async () => {
  const outcome = await meet((peer) => peer.end());
  expect(outcome).toMatchObject({ events: [], received: request });
});

test('a socket that is used again asks again', { timeout }, async () => {
  const requests: string[] = [];
  const server = createServer((peer) => {
    peer
      .on('error', () => {})
      .once('data', (data) => {
        requests.push(data.toString('hex'));
        peer.write('S');
        // The handshake begins.
        peer.once('data', () => peer.destroy());
      });
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  stops.push(() => server.close());
  const socket = new PostgresSocket().on('error', () => {});
  for (const _ of [1, 2]) {
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.connect((server.address() as AddressInfo).port, '127.0.0.1');
    await closed;
  }
  expect(requests).toEqual([request, request]);
});
