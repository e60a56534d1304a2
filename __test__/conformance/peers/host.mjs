import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { BlackHole } from './black-hole.mjs';
import { Certificates } from './certificates.mjs';
import { PeerConnection } from './connection.mjs';

/** A listening peer: a specification and the connections made to it. */
class Peer {
  /** @type {PeerConnection[]} */
  connections = [];
  #arrivals = new Set();

  constructor(server) {
    this.server = server;
  }

  accept(connection) {
    this.connections.push(connection);
    for (const arrival of this.#arrivals) arrival();
  }

  /** The connection number `index`, as soon as there is one. */
  connection(index) {
    if (this.connections[index]) return Promise.resolve(this.connections[index]);
    return new Promise((resolve) => {
      const arrival = () => {
        if (!this.connections[index]) return;
        this.#arrivals.delete(arrival);
        resolve(this.connections[index]);
      };
      this.#arrivals.add(arrival);
    });
  }

  close() {
    this.server.close();
    for (const connection of this.connections) connection.destroy();
  }
}

/** Runs the peers that clauses ask for. Everything it takes and gives is JSON: a clause may be in another runtime. */
export class PeerHost {
  #peers = new Map();
  #next = 1;
  #blackHole;
  #control;

  static async open() {
    const host = new PeerHost();
    host.certificates = await Certificates.create();
    return host;
  }

  /** @param {string} operation one of the methods below, @param {unknown[]} args */
  async perform(operation, args) {
    const known = [
      'listen',
      'act',
      'until',
      'log',
      'accepted',
      'refused',
      'blackHole',
      'credentials',
      'dispose',
    ];
    if (!known.includes(operation)) throw new Error(`no operation ${operation}`);
    return this[operation](...args);
  }

  async listen(spec) {
    const { tls: kind, minVersion, maxVersion, requestCert, family = '127.0.0.1' } = spec;
    let context;
    if (kind) {
      const { chainPem, keyPem } = await this.certificates.server(kind);
      context = tls.createSecureContext({
        key: keyPem,
        cert: chainPem,
        ...(minVersion && { minVersion }),
        ...(maxVersion && { maxVersion }),
        ...(minVersion?.match(/^TLSv1(\.1)?$/) && { ciphers: 'DEFAULT@SECLEVEL=0' }),
        ...(requestCert && { ca: this.certificates.trusted.certPem }),
      });
    }
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: false });
    const peer = new Peer(server);
    server.on('connection', (raw) => peer.accept(new PeerConnection(raw, spec, context)));
    await new Promise((resolve, reject) => server.once('error', reject).listen(0, family, resolve));
    const id = this.#next++;
    this.#peers.set(id, peer);
    return { id, hostname: family, port: server.address().port };
  }

  async act(id, index, name, argument) {
    const connection = await this.#peer(id).connection(index);
    // What goes on until the connection ends is not waited for.
    const acting = connection.act(name, argument);
    if (name === 'pattern') acting.catch(() => {});
    else await acting;
  }

  async until(id, index, event) {
    return (await this.#peer(id).connection(index)).until(event);
  }

  async log(id, index) {
    return this.#peer(id).connections[index]?.log() ?? null;
  }

  async accepted(id) {
    return this.#peer(id).connections.length;
  }

  /** A port at which nobody listens. */
  async refused() {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return { hostname: '127.0.0.1', port };
  }

  async blackHole() {
    this.#blackHole ??= BlackHole.open();
    return { hostname: '127.0.0.1', port: (await this.#blackHole).port };
  }

  async credentials() {
    const { trusted, stranger, trustedFile, trustedDirectory } = this.certificates;
    const client = await this.certificates.client();
    return {
      trusted: trusted.certPem,
      stranger: stranger.certPem,
      trustedFile,
      trustedDirectory,
      clientCert: client.chainPem,
      clientKey: client.keyPem,
    };
  }

  async dispose(ids) {
    for (const id of ids) {
      this.#peers.get(id)?.close();
      this.#peers.delete(id);
    }
  }

  /** Offers `perform` over HTTP on the loopback interface, for runtimes that are no child of ours. */
  async serve() {
    const server = http.createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      let answer;
      try {
        const { operation, args } = JSON.parse(text);
        answer = { value: (await this.perform(operation, args)) ?? null };
      } catch (error) {
        answer = { error: String(error?.message ?? error) };
      }
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(answer));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#control = server;
    return `http://127.0.0.1:${server.address().port}`;
  }

  async close() {
    await this.dispose([...this.#peers.keys()]);
    this.#control?.close();
    this.#control?.closeAllConnections();
    if (this.#blackHole) await (await this.#blackHole).close();
    await this.certificates.remove();
  }

  #peer(id) {
    const peer = this.#peers.get(id);
    if (!peer) throw new Error(`no peer ${id}`);
    return peer;
  }
}
