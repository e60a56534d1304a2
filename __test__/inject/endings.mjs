/** Scenarios in which something ends: a connection, in all ways, a worker, the process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import nodes from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { connect } from 'wintersock';
import { bound, take } from './scene.mjs';

const exiting = fileURLToPath(new URL('exit.mjs', import.meta.url));
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** @typedef {import('./scene.mjs').Scene} Scene */

/** @type {Record<string, (scene: Scene) => Promise<void>>} */
export const endings = {
  late: async ({ places, heard }) => {
    const socket = connect(`127.0.0.1:${places.plain}`);
    heard('closed', socket.closed);
    const writer = socket.writable.getWriter();
    await heard('write', writer.write('late 100\n'));
    // More than the system takes: the rest goes out after close().
    writer.write(new Uint8Array(12 * 1024 * 1024)).catch(() => {});
    await heard('close', socket.close());
  },
  held: async (scene) => {
    const { places, heard } = scene;
    const binding = bound({ ca: places.ca }, scene);
    if (!binding) return;
    const ends = Array.from({ length: 4 }, async () => {
      const socket = binding.connect(`127.0.0.1:${places.tls}`, { secureTransport: 'on' });
      const writer = socket.writable.getWriter();
      await heard('write', writer.write('late\n'));
      // More than the system takes while nobody reads. What is encrypted then, and the end, goes out by a task after close().
      const written = heard('large write', writer.write(new Uint8Array(16 * 1024 * 1024)), ['given up']);
      await Promise.race([written, sleep(100)]);
      const aborted = heard(
        'abort',
        writer.abort(Object.assign(new Error('given up'), { code: 'given up' })),
      );
      await Promise.race([aborted, turn()]);
      return [written, aborted, heard('close', socket.close())];
    });
    const settled = await Promise.all(ends);
    // By a socket of Node's, with which nothing is wrong.
    await text(nodes.connect(places.plain, '127.0.0.1').end('resume\n'));
    await Promise.all(settled.flat());
  },
  unread: async (scene) => {
    const { places, heard } = scene;
    const socket = connect(`127.0.0.1:${places.plain}`, { allowHalfOpen: true });
    heard('closed', socket.closed);
    await heard('write', socket.writable.getWriter().write('end\n'));
    // Nobody reads: it is found out whether that is data or the end.
    for (let rounds = 0; rounds < 20; rounds += 1) await sleep(1);
    await take(scene, socket, Number.POSITIVE_INFINITY);
    await heard('close', socket.close());
  },
  'ended by the peer': async (scene) => {
    const socket = connect(`127.0.0.1:${scene.places.plain}`);
    scene.heard('closed', socket.closed);
    await scene.heard('write', socket.writable.getWriter().write('end\n'));
    await take(scene, socket, Number.POSITIVE_INFINITY);
    await scene.heard('closed again', socket.closed);
  },
  'reset by the peer': async ({ places, heard }) => {
    const socket = connect(`127.0.0.1:${places.plain}`, { allowHalfOpen: true });
    const writer = socket.writable.getWriter();
    await heard('write', writer.write('reset\n'));
    await heard('read', socket.readable.getReader().read(), ['ECONNRESET']);
    await heard('closed', socket.closed);
  },
  refused: async ({ places, heard }) => {
    for (const host of ['127.0.0.1', 'localhost']) {
      const socket = connect(`${host}:${places.closed}`);
      await heard('opened', socket.opened, ['ECONNREFUSED']);
      await heard('closed', socket.closed, ['ECONNREFUSED']);
    }
  },
  aborted: async ({ places, heard }) => {
    for (const stage of ['connecting', 'open']) {
      const controller = new AbortController();
      const socket = connect(`localhost:${places.plain}`, { signal: controller.signal });
      if (stage === 'open') await heard('opened', socket.opened);
      const read = heard('read', socket.readable.getReader().read(), ['given up']);
      controller.abort(Object.assign(new Error('given up'), { code: 'given up' }));
      await read;
    }
  },
  idle: async (scene) => {
    const socket = bound({ idleTimeout: 50 }, scene)?.connect(`127.0.0.1:${scene.places.plain}`);
    if (!socket) return;
    await scene.heard('opened', socket.opened);
    await scene.heard('read', socket.readable.getReader().read(), ['ERR_IDLE_TIMEOUT']);
    await scene.heard('closed', socket.closed);
  },
  dropped: async (scene) => {
    const { places } = scene;
    const open = () => connect(`127.0.0.1:${places.plain}`).opened;
    for (let count = 0; count < 4; count += 1) await scene.heard('opened', open());
    for (let rounds = 0; rounds < 5; rounds += 1) {
      globalThis.gc?.();
      await turn();
    }
  },
  'the process exits': async ({ places, heard, plan, elsewhere }) => {
    const child = spawn(process.execPath, [exiting, JSON.stringify({ places, plan })], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let passed = '';
    child.stdout.on('data', (text) => {
      passed += text;
    });
    const ended = once(child, 'close').then(([code, signal]) => {
      if (code !== 7) throw new Error(`it ended with ${signal ?? code}: ${passed}`);
      elsewhere(JSON.parse(passed));
    });
    await heard('exit', ended);
  },
  unheard: async ({ places, heard }) => {
    // Closed, while the peer goes on sending: it is listened to for a second.
    const sockets = Array.from({ length: 2 }, () => connect(`127.0.0.1:${places.plain}`));
    for (const socket of sockets) {
      await heard('write', socket.writable.getWriter().write('late 4000\nx'));
      await heard('close', socket.close());
    }
    await sleep(2000);
  },
  ...Object.fromEntries(
    ['terminated', 'exits', 'throws'].map((how) => [
      `a worker ${how}`,
      async (/** @type {Scene} */ { places, heard, ends }) => {
        const started = new Worker(worker, { workerData: { places, how } });
        ends(started);
        started.on('error', () => {});
        const gone = new Promise((resolve) => started.on('exit', resolve));
        /** @type {{ code?: string } | undefined} */
        let told;
        const message = new Promise((resolve) => {
          started.on('message', (said) => {
            told = said;
            resolve(undefined);
          });
        });
        await Promise.race([message, gone]);
        // What it said last may come after its end.
        await turn();
        await heard('started', told?.code ? Promise.reject(told) : Promise.resolve());
        if (how === 'terminated' || told?.code) await heard('terminated', started.terminate());
        await heard('gone', gone);
      },
    ]),
  ),
};
