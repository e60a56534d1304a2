/** wintersock/node beside node:net: time-outs, and the options of the system that have to act. */
import { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { alone, closes, happens, perform, type Program, type Stage, turns, twins } from './duplex/stage.ts';
import { canAsk, socketOption } from './fixtures/duplex-kernel.mjs';
import { ours } from './fixtures/duplex-sides.mjs';

const HOST = '127.0.0.1';

/** In @types/node of Node 20 they are missing. */
type WithTypeOfService = Socket & {
  setTypeOfService(value: unknown): Socket;
  getTypeOfService(): number;
};

describe('setTimeout()', () => {
  twins('an idle socket: timeout, and the socket lives on', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    at.note(socket.setTimeout(30) === socket, socket.timeout);
    await happens(socket, 'timeout');
    socket.write('still here');
    at.note(String((await happens(peer, 'data'))[0]));
  });

  twins('the listener is added once, and removed with setTimeout(0, listener)', async (at) => {
    const { socket } = await at.pair();
    const listener = () => at.note('timeout');
    socket.setTimeout(60_000, listener);
    at.note(socket.listenerCount('timeout'), socket.timeout);
    socket.setTimeout(0, listener);
    at.note(socket.listenerCount('timeout'), socket.timeout);
    socket.setTimeout(10, listener);
    await happens(socket, 'timeout');
    await turns(3);
    at.note(socket.listenerCount('timeout'), socket.timeout);
  });

  twins('setTimeout(0) stops it', async (at) => {
    const { socket } = await at.pair();
    at.watch(socket);
    socket.setTimeout(30);
    socket.setTimeout(0);
    await new Promise((resolve) => setTimeout(resolve, 120));
    at.note(socket.timeout);
  });

  twins('comes again and again while nothing happens', async (at) => {
    const { socket } = await at.pair();
    let times = 0;
    socket.setTimeout(10, () => {
      times += 1;
    });
    await happens(socket, 'timeout');
    await new Promise((resolve) => setTimeout(resolve, 100));
    at.note(times);
  });

  twins('reading and writing put it off', async (at) => {
    const pairs = { reading: await at.pair(), writing: await at.pair() };
    const late: string[] = [];
    let pieces = 0;
    for (const [name, { socket, peer }] of Object.entries(pairs)) {
      socket.setTimeout(1200, () => late.push(name));
      for (const end of [socket, peer]) {
        end.on('data', () => {
          pieces += 1;
        });
      }
    }
    const sending = setInterval(() => {
      pairs.reading.peer.write('x');
      pairs.writing.socket.write('x');
    }, 50);
    await new Promise((resolve) => setTimeout(resolve, 1800));
    clearInterval(sending);
    at.note(late, pieces > 1);
  });

  twins('before it is connected, and while it connects', async (at) => {
    const listener = await at.listen();
    const socket = at.keep(new at.side.Socket());
    socket.setTimeout(20);
    at.note(socket.timeout);
    socket.connect(listener.port, HOST);
    await happens(socket, 'timeout');
    at.note('timeout', socket.readyState);
  });

  twins('as an option', async (at) => {
    const listener = await at.listen();
    const socket = at.keep(at.side.createConnection({ port: listener.port, host: HOST, timeout: 20 }));
    at.note(socket.timeout);
    await happens(socket, 'timeout');
    at.note('timeout', socket.timeout);
  });

  twins('a closed socket has no timeout any more', async (at) => {
    const { socket } = await at.pair();
    at.watch(socket);
    socket.setTimeout(20);
    socket.destroy();
    await closes(socket);
    await new Promise((resolve) => setTimeout(resolve, 80));
    at.note(socket.timeout);
  });

  twins('a write that the peer does not take does not count as traffic for ever', async (at) => {
    const { socket, peer } = await at.pair();
    peer.pause();
    socket.write(Buffer.alloc(48 * 1024 * 1024));
    socket.setTimeout(50);
    await happens(socket, 'timeout');
    at.note('timeout', socket.writableLength > 0);
  });

  twins('wrong values', async (at) => {
    const socket = at.keep(new at.side.Socket());
    for (const value of ['10', -1, Number.NaN, Number.POSITIVE_INFINITY, undefined, {}]) {
      at.journal.attempt(String(value), () => socket.setTimeout(value as number));
    }
    at.journal.attempt('a listener', () => socket.setTimeout(10, 'none' as never));
    at.note(socket.timeout);
  });
});

describe.runIf(canAsk)('options of the system', () => {
  /** What the system says of them. */
  async function asked(at: Stage, socket: Socket): Promise<void> {
    const { localPort = 0 } = socket;
    const keepAlive = await socketOption(localPort, 'keepAlive');
    at.note('keep-alive', keepAlive, keepAlive && (await socketOption(localPort, 'keepIdle')));
    at.note('no delay', (await socketOption(localPort, 'noDelay')) > 0);
  }

  twins('setKeepAlive(), setNoDelay(): on and off', async (at) => {
    const { socket } = await at.pair();
    socket.setNoDelay();
    await asked(at, socket.setKeepAlive(true, 50_000));
    await asked(at, socket.setKeepAlive(true, 90_500));
    await asked(at, socket.setKeepAlive(false));
    socket.setNoDelay(false);
    await asked(at, socket.setKeepAlive());
    socket.setNoDelay(true);
    await asked(at, socket.setKeepAlive(true));
  });

  twins('before connecting', async (at) => {
    const listener = await at.listen();
    const socket = at.keep(new at.side.Socket());
    socket.setKeepAlive(true, 40_000).setNoDelay(true);
    socket.connect(listener.port, HOST);
    await happens(socket, 'connect');
    await asked(at, socket);
  });

  twins('while connecting', async (at) => {
    const listener = await at.listen();
    const socket = at.keep(at.side.createConnection(listener.port, HOST));
    socket.setKeepAlive(true, 41_000).setNoDelay(true);
    await happens(socket, 'connect');
    await asked(at, socket);
  });

  twins('as options', async (at) => {
    const { port } = await at.listen();
    for (const noDelay of [true, false]) {
      const socket = at.side.createConnection({
        port,
        host: HOST,
        noDelay,
        keepAlive: noDelay,
        keepAliveInitialDelay: 42_000,
      });
      await happens(at.keep(socket), 'connect');
      await asked(at, socket);
    }
  });

  twins(
    'by default',
    async (at) => {
      const { socket } = await at.pair();
      await asked(at, socket);
    },
    {
      differs: {
        because: 'without delay: small writes of a turn go out together anyway',
        ours: (theirs) => theirs.map((line) => line.replace('no delay false', 'no delay true')),
      },
    },
  );

  twins('wrong values', async (at) => {
    const { socket } = await at.pair();
    at.journal.attempt('delay', () => socket.setKeepAlive(true, 'long' as never));
    at.journal.attempt('negative', () => socket.setKeepAlive(true, -1));
    at.journal.attempt('on', () => socket.setNoDelay('off' as never));
    await asked(at, socket);
  });
});

describe('the type of service', () => {
  const there = 'setTypeOfService' in Socket.prototype;

  const program: Program = async (at) => {
    const listener = await at.listen();
    const socket = at.keep(new at.side.Socket()) as WithTypeOfService;
    const told = async () => (canAsk ? socketOption(socket.localPort ?? 0, 'typeOfService') : -1);
    at.note(socket.getTypeOfService(), socket.setTypeOfService(0x10) === socket);
    at.note(socket.getTypeOfService());
    socket.connect(listener.port, HOST);
    await happens(socket, 'connect');
    at.note(socket.getTypeOfService(), await told());
    socket.setTypeOfService(0xb8);
    at.note(socket.getTypeOfService(), await told());
  };
  twins('what is set is what is got, from before connecting on', program, { where: there });

  test.runIf(!alone)('what is set is what is got, also where Node has none of it', async () => {
    const told = (value: number) => (canAsk ? value : -1);
    expect(await perform(ours, program)).toEqual(['0 true', '16', `16 ${told(16)}`, `184 ${told(184)}`]);
  });

  twins(
    'wrong values',
    async (at) => {
      const socket = at.keep(new at.side.Socket()) as WithTypeOfService;
      for (const value of [-1, 256, 1.5, '16', undefined]) {
        at.journal.attempt(String(value), () => socket.setTypeOfService(value));
      }
    },
    { where: there },
  );
});
