/** Lives of sockets, from beginning to end. Each resolves when its socket is closed, or rejects with what went wrong. */
import { createBinding } from 'wintersock';
import { HOST } from './ground.mjs';
import { ended, exchange, flow, readPattern, stream, trip } from './talk.mjs';

/**
 * @typedef {object} Life
 * @property {'tcp' | 'tls' | undefined} [counts] What is connected by it.
 * @property {number} [share] How often it comes, beside the others of its kind. Default 1.
 * @property {string} [fails] The code, or the name, of the error that it has to end with.
 * @property {(ground: import('./ground.mjs').Ground) => Promise<unknown>} run
 */

const on = { secureTransport: 'on' };
const starttls = { secureTransport: 'starttls' };
const half = { allowHalfOpen: true };

async function tripped(socket) {
  await trip(socket);
  await socket.close();
}

/** From plain text to TLS, at the peer's word. */
async function upgrading(ground, port, options) {
  const plain = ground.web(port, starttls);
  const [reader, writer] = [plain.readable.getReader(), plain.writable.getWriter()];
  await writer.write('STARTTLS');
  await reader.read();
  return ground.watched(plain.startTls(options));
}

function upgradingDuplex(ground, port) {
  return new Promise((resolve, reject) => {
    const duplex = ground.duplex(port);
    duplex.once('error', reject).once('data', () => {
      duplex.off('error', reject);
      resolve(duplex.startTls({ servername: HOST }));
    });
    duplex.write('STARTTLS');
  });
}

const SIZES = [1, 100, 5000, 60_000, 7, 30_000, 1000, 65_000];

/** @type {Record<string, Life>} */
export const good = {
  'web streams': { counts: 'tcp', share: 60, run: (g) => tripped(g.web(g.plain.echo)) },
  'a duplex': { counts: 'tcp', share: 60, run: (g) => exchange(g.duplex(g.plain.echo)) },
  'web streams with a signal and limits': {
    counts: 'tcp',
    share: 6,
    run: (g) => tripped(g.web(g.plain.echo, { signal: g.signal }, { binding: g.limited })),
  },
  'a duplex with a signal and limits': {
    counts: 'tcp',
    share: 6,
    run: (g) => exchange(g.duplex(g.plain.echo, { signal: g.signal, binding: g.limited, timeout: 60_000 })),
  },
  'from a local address': {
    counts: 'tcp',
    share: 3,
    run: (g) => tripped(g.web(g.plain.echo, {}, { binding: g.from })),
  },
  'by a name that the binding knows': {
    counts: 'tcp',
    share: 3,
    run: (g) => tripped(g.web(g.plain.echo, {}, { binding: g.named, host: 'db.example' })),
  },
  'by a name that the system knows': {
    counts: 'tcp',
    run: (g) => tripped(g.web(g.plain.echo, {}, { host: 'localhost' })),
  },
  'a binding of its own': {
    counts: 'tcp',
    share: 2,
    run: (g) => {
      const binding = createBinding({ ca: g.ca[0], allow: [`${HOST}:1-65535`], idleTimeout: 1000 });
      return tripped(g.web(g.plain.echo, {}, { binding }));
    },
  },
  'chunks small and large': {
    counts: 'tcp',
    share: 2,
    run: async (g) => {
      const socket = g.web(g.plain.echo);
      await stream(socket, SIZES);
      await socket.close();
    },
  },
  'chunks small and large by a duplex': {
    counts: 'tcp',
    share: 2,
    run: async (g) => {
      const duplex = g.duplex(g.plain.echo);
      await flow(duplex, SIZES);
      await ended(duplex.resume().end());
    },
  },
  'a read that is cancelled': {
    counts: 'tcp',
    share: 2,
    run: async (g) => {
      const socket = g.web(g.ports.source);
      await socket.writable.getWriter().write('go');
      const reader = await readPattern(socket.readable, 100_000, 'byob');
      await reader.cancel();
      await socket.close();
    },
  },
  'a duplex that is destroyed while it reads': {
    counts: 'tcp',
    share: 2,
    run: async (g) => {
      const duplex = g.duplex(g.ports.source);
      duplex.once('data', () => duplex.destroy()).write('go');
      await ended(duplex);
    },
  },
  'a write that is aborted': {
    counts: 'tcp',
    run: async (g) => {
      const socket = g.web(g.ports.silent);
      const writer = socket.writable.getWriter();
      const written = writer.write(new Uint8Array(200_000));
      written.catch(() => {});
      await socket.opened;
      await writer.abort(new Error('given up')).catch(() => {});
      await socket.close();
    },
  },
  'half-open': {
    counts: 'tcp',
    share: 2,
    run: async (g) => {
      const socket = g.web(g.ports.ends, half);
      for await (const _ of socket.readable);
      const writer = socket.writable.getWriter();
      await writer.write('after the end');
      await writer.close();
      await socket.closed;
    },
  },
  'a half-open duplex': {
    counts: 'tcp',
    share: 2,
    run: (g) => {
      const duplex = g.duplex(g.ports.ends, half);
      duplex.resume().once('end', () => duplex.end('after the end'));
      return ended(duplex);
    },
  },
  'the peer ends first': {
    counts: 'tcp',
    share: 2,
    run: async (g) => {
      const socket = g.web(g.ports.ends);
      for await (const _ of socket.readable);
      await socket.closed;
    },
  },
  'nobody looks at it, and it is dropped': {
    counts: 'tcp',
    share: 2,
    run: async (g) => void (await g.web(g.plain.echo).opened),
  },
};

/** @type {Record<string, Life>} */
export const secure = {
  'web streams, TLS': { counts: 'tls', share: 10, run: (g) => tripped(g.web(g.tls.echo, on)) },
  'a duplex, TLS': { counts: 'tls', share: 10, run: (g) => exchange(g.duplex(g.tls.echo, on)) },
  'web streams, StartTLS': {
    counts: 'tls',
    share: 2,
    run: async (g) => tripped(await upgrading(g, g.ports.starttls)),
  },
  'a duplex, StartTLS': {
    counts: 'tls',
    share: 2,
    run: async (g) => exchange(await upgradingDuplex(g, g.ports.starttls)),
  },
  'chunks small and large, TLS': {
    counts: 'tls',
    run: async (g) => {
      const socket = g.web(g.tls.echo, on);
      await stream(socket, SIZES);
      await socket.close();
    },
  },
  'nobody looks at it, and it is dropped, TLS': {
    counts: 'tls',
    run: async (g) =>
      void (await g.web(g.tls.echo, { ...on, signal: g.signal }, { binding: g.limited }).opened),
  },
};
