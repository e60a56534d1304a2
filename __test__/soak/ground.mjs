/** What lives stand on: peers, bindings, and how many of the sockets made here have not been collected. */
import { setMaxListeners } from 'node:events';
import { connect, createBinding } from 'wintersock';
import { createConnection, PostgresSocket } from 'wintersock/node';

/**
 * @typedef {object} Places Where the peers are; passed on to workers as it is.
 * @property {Record<string, number>} ports Of peer.mjs; `refused`: nobody listens there.
 * @property {{ echo: number, source: number }} plain Of the benchmark's peer, or the same of peer.mjs.
 * @property {{ echo: number, source: number }} tls
 * @property {string[]} ca Whom to trust.
 * @property {object} [database] Where PostgreSQL is.
 */

export const HOST = '127.0.0.1';

export class Ground {
  /** Sockets made here that have not been collected. */
  alive = 0;
  /** One signal that outlives all that have it. */
  signal = new AbortController().signal;
  #collected = new FinalizationRegistry(() => {
    this.alive -= 1;
  });

  /** @param {Places} places */
  constructor(places) {
    Object.assign(this, places);
    // Node 20 counts those of duplexes, as it does those of net.Socket.
    setMaxListeners(0, this.signal);
    const { ca } = places;
    this.binding = createBinding({ ca });
    this.limited = createBinding({ ca, idleTimeout: 60_000, connectTimeout: 30_000, maxConnections: 5000 });
    this.hasty = createBinding({ ca, connectTimeout: 30 });
    this.idle = createBinding({ ca, idleTimeout: 30 });
    this.denying = createBinding({ deny: ['127.0.0.0/8'] });
    this.lost = createBinding({
      resolve: () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' })),
    });
    this.named = createBinding({ ca, resolve: () => [HOST] });
    this.from = createBinding({ ca, localAddress: '127.0.0.1' });
    this.bindings = [this.binding, this.limited, this.hasty, this.idle, this.named, this.from];
  }

  /** A socket of connect(). */
  web(port, options = {}, { binding = this.binding, host = HOST } = {}) {
    return this.watched(binding.connect({ hostname: host, port }, options));
  }

  /** The same of the default binding. */
  unbound(port, options = {}) {
    return this.watched(connect({ hostname: HOST, port }, options));
  }

  /** A duplex. */
  duplex(port, options = {}) {
    return this.watched(createConnection({ port, host: HOST, binding: this.binding, ...options }));
  }

  /** For a client of PostgreSQL. */
  postgres(options) {
    return this.watched(new PostgresSocket(options));
  }

  /** @template {object} T @param {T} socket @returns {T} */
  watched(socket) {
    this.alive += 1;
    this.#collected.register(socket, undefined);
    return socket;
  }

  /** Connections that bindings know of. */
  get known() {
    return this.bindings.reduce((sum, { stats: { open, connecting } }) => sum + open + connecting, 0);
  }
}
