/** A process that runs out of something: asked by its parent, step for step. It connects in all ways, before, meanwhile and afterwards. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { connect, createBinding } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { openSockets } from '../fixtures/descriptors.mjs';
import { startPeers } from './peers.mjs';

/** @typedef {import('./peers.mjs').Places} Places */
/** @typedef {{ name: string, code?: string, message?: string, kind?: string }} Outcome What a way has led to. Without a code: to an echo. */

const greedy = fileURLToPath(new URL('greedy.mjs', import.meta.url));

/** @param {import('wintersock').Socket} socket */
async function talk(socket) {
  const writer = socket.writable.getWriter();
  await socket.opened;
  await writer.write('echo\nhello');
  await socket.readable.getReader().read();
  await socket.close();
}

/** @param {import('wintersock/node').Socket} duplex @param {{ ca: string, servername: string }} [security] */
function duplexed(duplex, security) {
  return new Promise((resolve, reject) => {
    duplex.on('error', reject);
    duplex.on('connect', () => duplex.write(security ? 'starttls\n' : 'echo\nhello'));
    duplex.once('data', () => {
      if (!security) return resolve(duplex.destroy());
      duplex.on('secureConnect', () => duplex.write('echo\nhello'));
      duplex.startTls(security);
      duplex.once('data', () => resolve(duplex.destroy()));
    });
  });
}

/** @type {Record<string, (places: Places) => Promise<unknown>>} */
const ways = {
  plain: ({ plain }) => talk(connect(`127.0.0.1:${plain}`)),
  'by name': ({ plain }) => talk(connect(`localhost:${plain}`)),
  tls: ({ tls, ca }) => talk(createBinding({ ca }).connect(`127.0.0.1:${tls}`, { secureTransport: 'on' })),
  unix: ({ unix }) => talk(connect(`unix:${unix}`)),
  'from an address': ({ plain }) =>
    talk(createBinding({ localAddress: '127.0.0.1' }).connect(`127.0.0.1:${plain}`)),
  'with a time limit': ({ plain }) =>
    talk(createBinding({ connectTimeout: 60_000 }).connect(`127.0.0.1:${plain}`)),
  'http proxy': ({ http, plain }) =>
    talk(createBinding({ proxy: `http://127.0.0.1:${http}` }).connect(`127.0.0.1:${plain}`)),
  'socks proxy': ({ socks, plain }) =>
    talk(createBinding({ proxy: `socks5h://127.0.0.1:${socks}` }).connect(`127.0.0.1:${plain}`)),
  'https proxy': ({ https, plain, ca }) =>
    talk(
      createBinding({ proxy: { url: `https://127.0.0.1:${https}`, tls: { ca } } }).connect(
        `127.0.0.1:${plain}`,
      ),
    ),
  duplex: ({ plain }) => duplexed(createConnection({ host: '127.0.0.1', port: plain })),
  'duplex by name': ({ plain }) => duplexed(createConnection({ host: 'localhost', port: plain })),
  'duplex and tls': ({ plain, ca }) =>
    duplexed(createConnection({ host: '127.0.0.1', port: plain }), { ca, servername: 'localhost' }),
};

/** @type {number[]} */
const held = [];
/** Connections that are open all the while. @type {{ writer: WritableStreamDefaultWriter, reader: ReadableStreamDefaultReader, close(): Promise<void> }[]} */
const kept = [];
/** @type {string[]} */
const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(String(error?.stack)));
process.on('unhandledRejection', (error) => uncaught.push(String(error)));

/** @type {(() => Promise<void>) | undefined} */
let stopPeers;
// What they have made goes with it.
process.once('disconnect', () => process.exit());

const steps = {
  /** @param {{ places: Places, names?: string[] }} asked @returns {Promise<Outcome[]>} */
  async connect({ places, names = Object.keys(ways) }) {
    /** @type {Outcome[]} */
    const outcomes = [];
    for (const name of names) {
      try {
        await ways[name]?.(places);
        outcomes.push({ name });
      } catch (error) {
        const {
          code = 'none',
          message,
          constructor: made,
        } = /** @type {Error & { code?: string }} */ (error);
        outcomes.push({ name, code, message, kind: made.name });
      }
    }
    return outcomes;
  },
  /** Uses up all descriptors but some. @param {{ spare: number }} asked */
  fill({ spare }) {
    try {
      for (;;) held.push(openSync('/dev/null', 'r'));
    } catch {}
    for (const fd of held.splice(0, spare)) closeSync(fd);
    return held.length;
  },
  free() {
    for (const fd of held.splice(0)) closeSync(fd);
  },
  /** Gives up the rights of root, which limits do not hold for. Who it is then. @param {{ uid: number }} asked */
  become({ uid }) {
    if (process.getuid?.() === 0) {
      process.setgroups?.([]);
      process.setgid?.(uid);
      process.setuid?.(uid);
    }
    return process.getuid?.();
  },
  /** Peers of its own: nobody else's reach into a network of its own. @returns {Promise<Places>} */
  async serve() {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    const { places, stop } = await startPeers();
    stopPeers = stop;
    return places;
  },
  async stop() {
    await stopPeers?.();
  },
  /** Which ports of its network the system gives connections. @param {{ from: number, to: number }} asked */
  ports({ from, to }) {
    writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', `${from} ${to}`);
  },
  /** Opens so many connections to one listener, which stay. @param {{ places: Places, count: number }} asked */
  async keep({ places, count }) {
    for (; kept.length < count; ) {
      const socket = connect(`127.0.0.1:${places.plain}`);
      const writer = socket.writable.getWriter();
      await writer.write('echo\n');
      kept.push({ writer, reader: socket.readable.getReader(), close: () => socket.close() });
    }
  },
  /** What the connections that stay answer. @returns {Promise<string[]>} */
  talk() {
    return Promise.all(
      kept.map(async ({ writer, reader }) => {
        await writer.write('hello');
        return `${Buffer.from((await reader.read()).value)}`;
      }),
    );
  },
  async leave() {
    for (const { close } of kept.splice(0)) await close();
  },
  /** Lets a worker run out of memory. What it ends with. @param {{ places: Places }} asked @returns {Promise<string>} */
  exhaust({ places }) {
    const resourceLimits = { maxOldGenerationSizeMb: 24, maxYoungGenerationSizeMb: 8 };
    const worker = new Worker(greedy, { workerData: { places }, resourceLimits });
    return new Promise((resolve) => {
      /** @type {string | undefined} */
      let code;
      worker.on('error', (error) => {
        ({ code } = /** @type {Error & { code?: string }} */ (error));
      });
      worker.on('exit', (exit) => resolve(code ?? `exit code ${exit}`));
    });
  },
  state() {
    return { sockets: openSockets(), uncaught };
  },
};

process.on(
  'message',
  async (/** @type {{ step: keyof typeof steps } & Record<string, any>} */ { step, ...asked }) => {
    const act = /** @type {(asked: any) => unknown} */ (steps[step]);
    process.send?.({ answer: (await act(asked)) ?? null });
  },
);
