/** What is tried while something fails: together with what is in endings.mjs, it passes every point. */
import { once } from 'node:events';
import { connect } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { endings } from './endings.mjs';
import { bound, duplexed, take, talk } from './scene.mjs';

/** @type {Record<string, (scene: import('./scene.mjs').Scene) => Promise<void>>} */
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
  ...endings,
};
