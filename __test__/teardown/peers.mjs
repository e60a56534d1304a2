/** The peers of one process under test: servers, each with a way of its own, that know which of their connections are over. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';

const CHUNK = Buffer.alloc(64 * 1024, 'flood');

/** What a peer does with a connection, by the name of its port. `secure` ends TLS first. */
const ways = {
  /** Takes everything, says one word. */
  sink: (stream) => stream.resume().write('go'),
  /** Sends without end. */
  flood(stream) {
    // Bounded, and not in the tick of 'drain': against a fast reader there is room for ever, and nobody else would be served.
    const flood = () => {
      for (let chunks = 0; chunks < 8; chunks += 1) if (stream.destroyed || !stream.write(CHUNK)) return;
      setImmediate(flood);
    };
    stream.on('drain', () => setImmediate(flood)).resume();
    flood();
  },
  /** Takes everything and says nothing: no handshake comes to an end here. */
  silent: (stream) => stream.resume(),
  /** Takes nothing. */
  deaf: (stream) => stream.pause(),
  /** Ends at once, and goes on taking. */
  brief: (stream) => stream.resume().end('bye'),
  /** Sends back what it gets. */
  echo: (stream) => stream.pipe(stream),
};

const secured = ['sink', 'flood', 'echo'];

export class Peers {
  #servers = [];
  /** Connections of which neither FIN nor a reset has come. */
  #open = new Map();
  #sockets = new Set();

  /** @param {import('node:tls').SecureContext} context */
  static async open(context) {
    const peers = new Peers();
    /** Ports by ways. */
    peers.ports = {};
    await Promise.all([
      ...Object.entries(ways).map(([name, way]) => peers.#listen(name, way)),
      ...secured.map((name) =>
        peers.#listen(`${name}Tls`, (tcp, over) => {
          const stream = new TLSSocket(tcp, { secureContext: context, isServer: true });
          // Within TLS nobody else hears of the end, and during the handshake nobody answers it.
          for (const event of ['error', 'end', 'close']) stream.on(event, over);
          ways[name](stream);
        }),
      ),
      peers.#listen('control', (tcp) => peers.#answer(tcp)),
    ]);
    return peers;
  }

  async #listen(name, way) {
    // A peer that does not end by itself: whoever closes must not depend on it.
    const server = createServer({ allowHalfOpen: name === 'silent' }, (tcp) => {
      this.#sockets.add(tcp);
      if (name !== 'control') this.#open.set(tcp, name);
      const over = () => this.#open.delete(tcp);
      tcp.on('error', over).on('end', over).on('close', over);
      tcp.on('close', () => this.#sockets.delete(tcp));
      way(tcp, over);
    });
    this.#servers.push(server);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    this.ports[name] = server.address().port;
  }

  /** The main thread's own connection: each line is sent back, `open?` is answered by what has not ended. */
  #answer(tcp) {
    let text = '';
    tcp.setEncoding('utf8').on('data', (data) => {
      const lines = (text + data).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) tcp.write(`${line === 'open?' ? this.open() : line}\n`);
    });
  }

  /** The names of those that have not ended, with a space after each. */
  open() {
    // Nobody hears of an end before what comes first.
    for (const [tcp, name] of this.#open) if (name === 'deaf') tcp.resume();
    return [...this.#open.values()].map((name) => `${name} `).join('');
  }

  /** Waits until all are over. Says which are not. */
  async ended(deadline) {
    const end = performance.now() + deadline;
    while (this.open() !== '' && performance.now() < end) await sleep(5);
    return this.open();
  }

  async close() {
    await Promise.all(
      this.#servers.map((server) => {
        const closed = once(server, 'close');
        server.close();
        return this.#sockets.forEach((tcp) => void tcp.destroy()) ?? closed;
      }),
    );
  }
}
