/** The other end of a sequence: Node's TCP and TLS, on 127.0.0.1, which does what it is told. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext, TLSSocket } from 'node:tls';
import { createBinding } from 'wintersock';
import { Wire } from '../conformance/peers/wire.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { isPlain, patternAt, Received } from './pattern.mjs';

/** @typedef {import('node:net').Socket} Tcp */
/**
 * What the peer does with a handshake: completes it, never answers, or answers with plain text or the certificate of a stranger.
 * @typedef {'completes' | 'silent' | 'garbage' | 'stranger'} Handshake
 */

/** A first byte of a TLS record of the handshake. */
const HANDSHAKE_RECORD = 0x16;
const GARBAGE = Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');

/** What the peers of a process know of TLS. */
export async function createTrust() {
  const [authority, stranger] = await Promise.all([createAuthority(), createAuthority()]);
  const names = ['127.0.0.1', 'localhost'];
  const [good, bad] = await Promise.all([authority, stranger].map((one) => one.issue({ names })));
  const context = (/** @type {import('../fixtures/pki.mjs').Credentials} */ { chainPem, keyPem }) =>
    Object.fromEntries(
      ['TLSv1.2', 'TLSv1.3'].map((version) => [
        version,
        createSecureContext({ cert: chainPem, key: keyPem, minVersion: version, maxVersion: version }),
      ]),
    );
  const binding = createBinding({ ca: authority.certPem });
  return { ca: authority.certPem, binding, completes: context(good), stranger: context(bad) };
}

/** Holds back the FIN that TLS sends behind its close_notify. */
class Held extends Wire {
  holds = false;

  _final(done) {
    if (this.holds) done();
    else super._final(done);
  }
}

/** One connection. */
export class Line {
  /** What came from the client before TLS, and all that came if there is none; and what came over TLS. */
  plain = new Received();
  secret = new Received();
  /** What was sent in each, as far as it was meant to arrive. */
  sentPlain = 0;
  sentSecret = 0;
  /** The client's end was seen: in order, or not. @type {'open' | 'end' | 'broken'} */
  end = 'open';
  /** This side has ended, or broken the connection. */
  over = false;
  stalled = false;
  /** It was so at some time. */
  wasStalled = false;
  /** Something came that is neither plain text nor TLS in its place. */
  intruded = false;
  /** @type {TLSSocket | undefined} */
  tls;
  /** The handshake is done. */
  secured = false;
  #records = Buffer.alloc(0);
  #context;
  #handshake;
  #wire;

  /** @param {Tcp} tcp @param {{ handshake: Handshake, contexts: any }} options */
  constructor(tcp, { handshake, contexts }) {
    this.tcp = tcp;
    this.#handshake = handshake;
    this.#context = contexts;
    tcp.setNoDelay(true);
    tcp.on('error', (error) => {
      if (error.code === 'ECONNRESET') this.end = 'broken';
    });
    this.onPlain = (chunk) => this.#plainly(chunk);
    this.onEnd = () => {
      if (this.end === 'open' && !this.tls) this.end = 'end';
    };
    tcp.on('data', this.onPlain);
    tcp.on('end', this.onEnd);
  }

  #plainly(chunk) {
    const at = chunk.findIndex((byte) => !isPlain(byte));
    if (at === -1) {
      this.plain.add(chunk);
      return;
    }
    this.plain.add(chunk.subarray(0, at));
    if (chunk[at] !== HANDSHAKE_RECORD) this.intruded = true;
    this.#secure(chunk.subarray(at));
  }

  /** TLS begins; `first` has come already. @param {Buffer} first */
  #secure(first) {
    this.tcp.off('data', this.onPlain);
    if (this.#handshake === 'silent' || this.#handshake === 'garbage') {
      this.tcp.resume();
      if (this.#handshake === 'garbage') this.tcp.write(GARBAGE);
      return;
    }
    this.#wire = new Held(this.tcp, (chunk) => this.#note(chunk), first);
    this.tls = new TLSSocket(this.#wire, {
      isServer: true,
      secureContext: this.#context,
      allowHalfOpen: true,
    });
    this.tls.on('error', () => {
      this.end = 'broken';
    });
    this.tls.on('secure', () => {
      this.secured = true;
    });
    this.tls.on('data', (chunk) => this.secret.add(chunk));
    this.tls.on('end', () => {
      if (this.end === 'open') this.end = 'end';
    });
    if (this.stalled) this.stall(true);
  }

  /** From the handshake on everything is a record of TLS: nothing in plain text. @param {Buffer} chunk */
  #note(chunk) {
    this.#records = this.#records.length === 0 ? chunk : Buffer.concat([this.#records, chunk]);
    while (this.#records.length >= 5) {
      if (this.#records[0] < 20 || this.#records[0] > 24 || this.#records[1] !== 3) this.intruded = true;
      const size = 5 + this.#records.readUInt16BE(3);
      if (this.intruded || this.#records.length < size) return;
      this.#records = this.#records.subarray(size);
    }
  }

  /** Sends so many bytes. @param {number} length */
  data(length) {
    if (this.tls) {
      this.tls.write(patternAt(this.sentSecret, length));
      this.sentSecret += length;
    } else {
      this.tcp.write(patternAt(this.sentPlain, length));
      this.sentPlain += length;
    }
  }

  /** Ends in order. */
  fin() {
    this.over = true;
    (this.tls ?? this.tcp).end();
  }

  /** TLS's end alone; FIN comes when the connection goes. */
  notify() {
    if (this.#wire) this.#wire.holds = true;
    this.fin();
  }

  /** FIN without TLS's end. */
  cut() {
    this.over = true;
    this.tcp.end();
  }

  rst() {
    this.over = true;
    // libuv refuses to reset what is being shut down, and Node then leaks it.
    if (this.tcp.writableEnded && !this.tcp.writableFinished)
      this.tcp.once('finish', () => this.tcp.resetAndDestroy());
    else this.tcp.resetAndDestroy();
  }

  /** Bytes that are no record. */
  spoil() {
    this.over = true;
    this.tcp.write(GARBAGE);
  }

  /** @param {boolean} on */
  stall(on) {
    this.stalled = on;
    this.wasStalled ||= on;
    for (const stream of [this.tls, this.tcp]) {
      if (on) stream?.pause();
      else stream?.resume();
    }
  }

  destroy() {
    this.tls?.destroy();
    this.tcp.destroy();
  }
}

/** A server for one sequence. */
export class Peer {
  /** @type {Line | undefined} */
  line;
  #server;

  /** @param {import('node:net').Server} server */
  constructor(server) {
    this.#server = server;
    this.port = /** @type {import('node:net').AddressInfo} */ (server.address()).port;
    this.accepted = new Promise((resolve) => {
      this.accept = resolve;
    });
  }

  /** @param {{ handshake: Handshake, contexts: any, shape?: (tcp: Tcp) => void }} options `shape`: what becomes of what is sent. */
  static async open(options) {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const peer = new Peer(server);
    server.on('connection', (tcp) => {
      // What a descriptor was made for that is gone already.
      if (peer.line) return tcp.destroy();
      options.shape?.(tcp);
      peer.line = new Line(tcp, options);
      peer.accept?.(peer.line);
    });
    return peer;
  }

  /**
   * The connection, when it can do that; `undefined` if it cannot.
   * @param {{ do: string }} step
   */
  async when(step) {
    // Whoever has given up may never be there.
    if (this.line === undefined) await Promise.race([this.accepted, sleep(20)]);
    const { line } = this;
    const waits = ['data', 'fin', 'notify'].includes(step.do) && line?.tls && !line.secured;
    if (waits && line.stalled) return undefined;
    if (waits) await Promise.race([new Promise((resolve) => line.tls?.once('secure', resolve)), sleep(100)]);
    // Node would end without close_notify, or not at all.
    return waits && !line.secured ? undefined : line;
  }

  async close() {
    this.line?.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
