/** What is tried while something fails: together they pass every point. Each promise that a user would wait for is `heard`. */
import { once } from 'node:events';
import nodes from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { connect } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { bound, duplexed, exits, take, talk } from './conversations.mjs';

const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));

/** @typedef {import('./conversations.mjs').Scene} Scene */

/** @type {Record<string, (scene: Scene) => Promise<void>>} */
export const scenarios = {
  plain: async (scene) => {
    const { places, heard, tried } = scene;
    const socket = /** @type {import('wintersock').Socket | undefined} */ (
      tried('connect', () => connect(`127.0.0.1:${places.plain}`, { allowHalfOpen: true }))
    );
    if (!socket) return;
    tried('unref', () => socket.unref().ref());
    tried('stats', () => socket.stats);
    heard('closed', socket.closed);
    const writer = socket.writable.getWriter();
    await heard('opened', socket.opened);
    await heard('write', writer.write('echo\nhello'));
    await take(scene, socket, 5);
    await heard('end', writer.close());
    await take(scene, socket, 1);
    tried('stats after the end', () => socket.stats);
  },
  name: async (scene) => {
    await talk(scene, connect(`localhost:${scene.places.plain}`));
  },
  tls: async (scene) => {
    const binding = bound({ ca: scene.places.ca }, scene);
    const socket = binding?.connect(`localhost:${scene.places.tls}`, { secureTransport: 'on' });
    if (!socket) return;
    const info = scene.heard('opened', socket.opened);
    info.then((known) => known && scene.tried('tls', () => known.tls));
    await talk(scene, socket);
    scene.tried('figures', () => binding?.stats);
  },
  'default roots': async (scene) => {
    const socket = connect(`localhost:${scene.places.tls}`, { secureTransport: 'on' });
    const codes = ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'];
    scene.heard('closed', socket.closed, codes);
    await scene.heard('opened', socket.opened, codes);
  },
  starttls: async (scene) => {
    const { places, heard, tried } = scene;
    const plain = connect(`localhost:${places.plain}`, { secureTransport: 'starttls' });
    const writer = plain.writable.getWriter();
    heard('closed of the plain one', plain.closed);
    await heard('write', writer.write('starttls\n'));
    await take(scene, plain, 1);
    writer.releaseLock();
    const secure = /** @type {import('wintersock').Socket | undefined} */ (
      tried('startTls', () => plain.startTls({ ca: places.ca }))
    );
    if (secure) await talk(scene, secure);
    else await heard('close', plain.close());
  },
  unix: async (scene) => {
    await talk(scene, connect(`unix:${scene.places.unix}`));
  },
  bulk: async (scene) => {
    const { places, heard } = scene;
    const binding = bound({ ca: places.ca }, scene);
    const socket = binding?.connect(`localhost:${places.tls}`, { secureTransport: 'on' });
    if (!socket) return;
    heard('closed', socket.closed);
    const writer = socket.writable.getWriter();
    await heard('write', writer.write('send 8192\n'));
    // Both directions at once, as far as the peer lets them.
    const written = heard('large write', writer.write(new Uint8Array(512 * 1024)));
    await take(scene, socket, 8192 * 1024 + 512 * 1024);
    await written;
    await heard('close', socket.close());
  },
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
  hosted: async (scene) => {
    const resolve = async () => ['127.0.0.1'];
    const limits = { connectTimeout: 8000, idleTimeout: 8000, maxConnections: 1, attemptDelay: 10 };
    const binding = bound({ resolve, ...limits, localAddress: '127.0.0.1' }, scene);
    const at = `somewhere.example:${scene.places.plain}`;
    // The second waits for the first.
    if (binding) await Promise.all([at, at].map((address) => talk(scene, binding.connect(address))));
    const plain = bound({ connectTimeout: 8000, keepAlive: { idle: 5000 } }, scene);
    if (plain) await talk(scene, plain.connect(`127.0.0.1:${scene.places.plain}`));
  },
  idle: async (scene) => {
    const socket = bound({ idleTimeout: 50 }, scene)?.connect(`127.0.0.1:${scene.places.plain}`);
    if (!socket) return;
    await scene.heard('opened', socket.opened);
    await scene.heard('read', socket.readable.getReader().read(), ['ERR_IDLE_TIMEOUT']);
    await scene.heard('closed', socket.closed);
  },
  unresolved: async (scene) => {
    const resolve = () => Promise.reject(Object.assign(new Error('nowhere'), { code: 'NOWHERE' }));
    const socket = bound({ resolve }, scene)?.connect(`somewhere.example:${scene.places.plain}`);
    if (socket) await scene.heard('opened', socket.opened, ['NOWHERE']);
  },
  proxies: async (scene) => {
    const { places } = scene;
    const at = `127.0.0.1:${places.plain}`;
    for (const url of [`http://127.0.0.1:${places.http}`, `socks5h://127.0.0.1:${places.socks}`]) {
      const socket = bound({ proxy: url }, scene)?.connect(at);
      if (socket) await talk(scene, socket);
    }
  },
  tunnel: async (scene) => {
    const { places, heard } = scene;
    const proxy = { url: `https://127.0.0.1:${places.https}`, tls: { ca: places.ca } };
    const binding = bound({ proxy, ca: places.ca }, scene);
    const plain = binding?.connect(`127.0.0.1:${places.plain}`);
    if (plain) await talk(scene, plain);
    const socket = binding?.connect(`localhost:${places.tls}`, { secureTransport: 'on' });
    if (!socket) return;
    heard('closed', socket.closed);
    const writer = socket.writable.getWriter();
    await heard('write', writer.write('send 256\n'));
    await take(scene, socket, 256 * 1024);
    await heard('close', socket.close());
  },
  duplex: async (scene) => {
    const { places, heard, tried } = scene;
    const options = { host: '127.0.0.1', port: places.plain };
    const plain = createConnection(options);
    await duplexed(scene, plain, async () => {
      await once(plain, 'connect').catch(() => {});
      plain.setNoDelay(true).setKeepAlive(true, 5000);
      plain.setTypeOfService?.(16);
      plain.getTypeOfService?.();
      plain.unref().ref();
      await heard(
        'write',
        new Promise((resolve, reject) => {
          plain.write('echo\nhello', (error) => (error ? reject(error) : resolve('written')));
        }),
      );
      await once(plain, 'data').catch(() => {});
      plain.end();
      await once(plain.resume(), 'end').catch(() => {});
    });
    const greeted = createConnection(options);
    await duplexed(scene, greeted, async () => {
      await once(greeted, 'connect').catch(() => {});
      greeted.write('starttls\n');
      await once(greeted, 'data').catch(() => {});
      const upgraded = tried('startTls', () => greeted.startTls({ ca: places.ca, servername: 'localhost' }));
      if (upgraded === undefined) return;
      await once(greeted, 'secureConnect').catch(() => {});
      greeted.write('echo\nhello');
      await once(greeted, 'data').catch(() => {});
    });
  },
  'duplex with a look-up': async (scene) => {
    const found = [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ];
    /** @type {import('node:net').LookupFunction} */
    const lookup = (_host, _options, done) => setImmediate(() => done(null, /** @type {any} */ (found)));
    const duplex = createConnection({ host: 'somewhere.example', port: scene.places.plain, lookup });
    await duplexed(scene, duplex, async () => {
      duplex.write('echo\nhello');
      await once(duplex, 'data').catch(() => {});
    });
  },
  many: async (scene) => {
    const { places, heard } = scene;
    const talks = Array.from({ length: 12 }, async () => {
      const socket = connect(`127.0.0.1:${places.plain}`);
      const [writer, reader] = [socket.writable.getWriter(), socket.readable.getReader()];
      await heard('write', writer.write('echo\n'));
      for (let round = 0; round < 4; round += 1) {
        // Of several writes of a turn, the later ones wait for its end.
        writer.write('a').catch(() => {});
        await heard('write', writer.write('b'));
        await heard('read', reader.read());
      }
      await heard('close', socket.close());
    });
    await Promise.all(talks);
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
  'the process exits': exits,
  unheard: async ({ places, heard }) => {
    // Closed, while the peer goes on sending: it is listened to for a second.
    const sockets = Array.from({ length: 2 }, () => connect(`127.0.0.1:${places.plain}`));
    for (const socket of sockets) {
      await heard('write', socket.writable.getWriter().write('late 1500\nx'));
      await heard('close', socket.close());
    }
    await sleep(1200);
  },
  ...Object.fromEntries(
    ['terminated', 'exits', 'throws'].map((how) => [
      `a worker ${how}`,
      async (/** @type {Scene} */ { places, heard, ends }) => {
        const started = new Worker(worker, { workerData: { places, how } });
        ends(started);
        started.on('error', () => {});
        const gone = new Promise((resolve) => started.on('exit', resolve));
        const [told] = await Promise.race([once(started, 'message').catch(() => []), gone.then(() => [])]);
        await heard('started', told?.code ? Promise.reject(told) : Promise.resolve());
        if (how === 'terminated' || told?.code) await heard('terminated', started.terminate());
        await heard('gone', gone);
      },
    ]),
  ),
};
