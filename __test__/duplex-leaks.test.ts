/** What is left of duplexes: no descriptors, no memory, no crash. */
import type { Socket } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { openSockets, openSocketsReturnTo } from './behaviour/leftovers.ts';
import { asOptions, ca, good, wrong } from './duplex/security.ts';
import { closes, happens, Stage } from './duplex/stage.ts';
import { ours } from './fixtures/duplex-sides.mjs';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 90_000 });

const HOST = '127.0.0.1';
const COUNT = 100;

describe('sockets that come and go leave no descriptors', () => {
  /** One socket from its beginning to its end. */
  const lives: Record<string, (at: Stage, port: number) => Promise<unknown>> = {
    'destroyed when connected': async (at, port) => {
      const socket = at.side.createConnection(port, HOST);
      await happens(socket, 'connect');
      await closes(socket.destroy());
    },
    'destroyed at once': (at, port) => closes(at.side.createConnection(port, HOST).destroy()),
    'destroyed with a reset': async (at, port) => {
      const socket = at.side.createConnection(port, HOST);
      await happens(socket, 'connect');
      const closed = closes(socket);
      socket.resetAndDestroy();
      await closed;
    },
    ended: async (at, port) => {
      const socket = at.side.createConnection(port, HOST);
      socket.end('x');
      await closes(socket.resume());
    },
    'destroyed with writes that wait': async (at, port) => {
      const socket = at.side.createConnection(port, HOST);
      await happens(socket, 'connect');
      socket.on('error', () => {}).write(Buffer.alloc(1024 * 1024));
      await closes(socket.destroy());
    },
  };
  for (const [name, life] of Object.entries(lives)) {
    test(name, async () => {
      const at = new Stage(ours);
      const listener = await at.listen({ allowHalfOpen: false });
      const take = (peer: Socket) => {
        peer.resume();
        listener.accepted().then(take);
      };
      listener.accepted().then(take);
      const before = openSockets();
      for (let round = 0; round < COUNT / 20; round += 1) {
        await Promise.all(Array.from({ length: 20 }, () => life(at, listener.port)));
      }
      await openSocketsReturnTo(before);
      await at.close();
    });
  }

  const handshakes: Record<string, object> = {
    'that succeed': asOptions(good),
    'that are refused': asOptions(wrong['an unknown authority'] ?? good),
  };
  for (const [name, server] of Object.entries(handshakes)) {
    test(`handshakes ${name}`, async () => {
      const at = new Stage(ours);
      const listener = await at.listenTls({ ...server, allowHalfOpen: false });
      const before = openSockets();
      for (let round = 0; round < 5; round += 1) {
        const one = async () => {
          const socket = at.side.secure({ port: listener.port, host: HOST, servername: 'localhost', ca });
          const closed = closes(socket.on('error', () => {}));
          socket.on('secureConnect', () => socket.destroy());
          await closed;
        };
        await Promise.all(Array.from({ length: 10 }, one));
      }
      await openSocketsReturnTo(before);
      await at.close();
    });
  }
});

test.each(['terminate', 'exit', 'throw'])(
  'workers that end by %s with sockets at work: the process lives, and descriptors return',
  async (ending) => {
    const io = process.env['WINTERSOCK_IO'];
    const { code, signal, stdout, stderr } = await runNode(['__test__/fixtures/duplex-worker.mjs', ending], {
      env: io ? { WINTERSOCK_IO: io } : {},
    });
    expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({ ended: 8, wanted: 8, left: 0, own: 'still here' });
  },
);
