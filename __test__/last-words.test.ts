/** What was written before close() arrives, whatever becomes of those who wrote it, and although the peer goes on talking. */
import { once } from 'node:events';
import { createServer, type Socket as TcpSocket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Ending, runNode } from './fixtures/node-process.mjs';

const MIB = 1024 * 1024;
const script = '__test__/fixtures/last-words.mjs';
/** The mode of the process that runs this is that of those it starts, too. */
const options = { env: { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' }, deadline: 20_000 };

/** A peer that reads when it is told to, and what came of it. */
class Listener implements AsyncDisposable {
  readonly #server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  readonly #accepted: TcpSocket[] = [];

  static async open(): Promise<Listener> {
    const listener = new Listener();
    listener.#server.on('connection', (tcp) => listener.#accepted.push(tcp.on('error', () => {})));
    await once(listener.#server.listen(0, '127.0.0.1'), 'listening');
    return listener;
  }

  get address(): string {
    const { port } = this.#server.address() as { port: number };
    return `127.0.0.1:${port}`;
  }

  async accept(): Promise<TcpSocket> {
    return this.#accepted[0] ?? ((await once(this.#server, 'connection')) as [TcpSocket])[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tcp of this.#accepted) tcp.destroy();
    this.#server.close();
  }
}

/** Reads to the end, however that comes. */
async function readAll(tcp: TcpSocket): Promise<{ how: string; arrived: number }> {
  let arrived = 0;
  const end = new Promise<string>((resolve) => {
    tcp.on('error', (error) => resolve(error.message)).on('end', () => resolve('end'));
  });
  tcp.on('data', ({ length }) => (arrived += length)).resume();
  return { how: await end, arrived };
}

function speak(where: string, bytes: number, { address }: Listener): Promise<Ending> {
  return runNode([script, where, String(bytes), address], options);
}

// Elsewhere the system does not say what is still under way.
const there = test.runIf(process.platform === 'linux');

there.each(['process', 'worker'])(
  'the %s ends at once, and the peer says little all the time',
  async (where) => {
    await using listener = await Listener.open();
    const ended = speak(where, MIB, listener);
    const tcp = await listener.accept();
    const talking = setInterval(() => tcp.write('and another thing'), 20);
    try {
      // Unread until who has written would be gone: the system cannot have delivered all of it yet.
      await sleep(300);
      expect(await readAll(tcp)).toEqual({ how: 'end', arrived: MIB });
    } finally {
      clearInterval(talking);
    }
    expect(await ended).toEqual({ code: 0, signal: null, stdout: 'closed\n', stderr: '' });
  },
);

there(
  'the peer says more than a megabyte, and reads seconds later',
  async () => {
    await using listener = await Listener.open();
    const ended = speak('stays', 2 * MIB, listener);
    const tcp = await listener.accept();
    tcp.write(Buffer.alloc(3_000_000));
    // Nothing gets less meanwhile, so nobody listens any more.
    await sleep(6000);
    expect(await readAll(tcp)).toEqual({ how: 'end', arrived: 2 * MIB });
    expect(await ended).toMatchObject({ code: 0, stderr: '' });
  },
  30_000,
);

there('all copies of the package share the time that the exit is put off', async () => {
  await using listener = await Listener.open();
  const { code, stdout, stderr } = await speak('copies', MIB, listener);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [, , , took] = stdout.split('\n').map(Number);
  // A second, and no second one for each of the others.
  expect(took).toBeGreaterThan(500);
  expect(took).toBeLessThan(2500);
});
