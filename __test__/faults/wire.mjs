/** A connection as the peer sees it, whose every byte and record it can choose. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { randomFillSync } from 'node:crypto';
import { messagesOf } from './messages.mjs';
import { FULL, record, split, Type } from './records.mjs';

/** What both sides say, from its beginning: random, so that what is lost, doubled or swapped shows. */
export const DATA = randomFillSync(Buffer.alloc(24 * 1024 * 1024));

/** Alerts. */
export const CLOSE_NOTIFY = Buffer.of(1, 0);

export class Wire {
  tcp;
  /** @type {'TLSv1.2' | 'TLSv1.3' | undefined} What is spoken: without it, plain text. */
  version;
  /** How records are protected. @type {any} */
  out;
  /** @type {any} */
  in;
  /** Bytes of DATA that have been said, and heard. */
  said = 0;
  heard = 0;
  /** Whether what was heard is what DATA has. */
  intact = true;
  /** How the client has ended its side: the first of FIN, close_notify, an alert, a reset. */
  end = '';
  /** What listens. @type {Promise<void> | undefined} */
  listening;
  /** Sends byte by byte, each in a turn of its own. */
  drips = false;
  #rest = Buffer.alloc(0);
  /** @type {{ header: Buffer, body: Buffer }[]} */
  #records = [];
  #messages = Buffer.alloc(0);
  #more = deferred();
  #over = false;
  /** The client has said that nothing follows. */
  #silent = false;

  /** @param {import('node:net').Socket} tcp */
  constructor(tcp) {
    this.tcp = tcp.setNoDelay(true);
    tcp.on('data', (chunk) => {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#wake();
    });
    tcp.on('end', () => this.#finish('FIN'));
    tcp.on('error', (error) => this.#finish(/** @type {NodeJS.ErrnoException} */ (error).code ?? 'error'));
    tcp.on('close', () => this.#finish('closed'));
  }

  #wake() {
    this.#more.resolve();
    this.#more = deferred();
  }

  #finish(how) {
    this.end ||= how;
    this.#over = true;
    this.#wake();
  }

  /** Puts bytes on the wire as they are. Resolves when there is room for more. */
  async send(bytes) {
    if (!this.drips) {
      if (this.tcp.destroyed || this.tcp.write(bytes)) return;
      // Without listening to errors: that the client has gone is what many a fault is to bring about.
      await new Promise((resolve) => this.tcp.once('drain', resolve).once('close', resolve));
      return;
    }
    for (const byte of bytes) {
      this.tcp.write(Buffer.of(byte));
      await turn();
    }
  }

  /** A record, protected if that has begun. */
  seal(type, body) {
    return this.out ? this.out.seal(type, body) : record(type, body);
  }

  /** The next so many bytes of DATA, as they go over the wire. */
  next(length) {
    const said = DATA.subarray(this.said, this.said + length);
    this.said += length;
    if (!this.version) return said;
    const records = [];
    for (let from = 0; from < length; from += FULL)
      records.push(this.seal(Type.data, said.subarray(from, from + FULL)));
    return Buffer.concat(records);
  }

  /** Says the next so many bytes of DATA. */
  async say(length) {
    await this.send(this.next(length));
  }

  /** Ends in good order: FIN, with TLS after close_notify. */
  async finish() {
    if (this.version) await this.send(this.seal(Type.alert, CLOSE_NOTIFY));
    this.tcp.end();
  }

  /** Reads nothing any more, so that the client's writes get stuck. */
  deaf() {
    this.tcp.pause();
  }

  /** The next record, opened; nothing at the end. */
  async record() {
    while (this.#records.length === 0) {
      const { records, rest } = split(this.#rest);
      this.#records = records;
      this.#rest = rest;
      if (records.length > 0) break;
      if (this.#over) return undefined;
      await this.#more.promise;
    }
    return this.#open(this.#records.shift());
  }

  #open({ header, body }) {
    // Whoever has no keys yet says in plain text what is wrong.
    if (!this.in || (header[0] === Type.alert && body.length === 2)) return { type: header[0], body };
    try {
      return this.in.open({ header, body });
    } catch {
      this.end ||= 'garbled';
      return undefined;
    }
  }

  /** The next message of a handshake. Nothing if there is none: an alert, or the end, comes first. */
  async message() {
    for (;;) {
      const { messages, rest } = messagesOf(this.#messages);
      const [first] = messages;
      if (first) {
        this.#messages = Buffer.concat([...messages.slice(1), rest]);
        return first;
      }
      const next = await this.record();
      if (next?.type === Type.alert) this.#alerted(next.body);
      if (next === undefined || next.type === Type.alert) return undefined;
      if (next.type === Type.handshake) this.#messages = Buffer.concat([this.#messages, next.body]);
    }
  }

  #alerted(body) {
    // A warning, as a client answers a request to renegotiate, ends nothing.
    if (body[0] === 1 && body[1] !== 0) return;
    this.#silent = true;
    this.end ||= body[1] === 0 ? 'close_notify' : `alert ${body[1]}`;
  }

  /** Takes what the client says, until it ends. */
  async listen() {
    if (!this.version) {
      // Once TLS has begun, what comes is for the handshake.
      for (; !this.version; await this.#more.promise) {
        if (this.#rest.length > 0) this.#hear(this.#rest);
        this.#rest = Buffer.alloc(0);
        if (this.#over) return;
      }
      return;
    }
    for (let next = await this.record(); next; next = await this.record()) {
      if (next.type === Type.data && this.in) this.#hear(next.body);
      // What is said while the keys change, and nobody here has the new ones.
      else if (next.type === Type.data) this.end ||= 'garbled';
      else if (next.type === Type.alert) this.#alerted(next.body);
      // KeyUpdate is all that a client says after its Finished.
      else if (next.type === Type.handshake && this.in && this.version === 'TLSv1.3') this.in.update();
    }
  }

  #hear(bytes) {
    this.intact &&= !this.#silent && DATA.subarray(this.heard, this.heard + bytes.length).equals(bytes);
    this.heard += bytes.length;
  }
}

/** Promise.withResolvers(), which Node 20 has not. */
export function deferred() {
  let resolve = () => {};
  const promise = /** @type {Promise<void>} */ (
    new Promise((settle) => {
      resolve = settle;
    })
  );
  return { promise, resolve };
}

/** A peer on 127.0.0.1 that does nothing with its connections by itself. */
export class Peer {
  /** @type {Wire[]} */
  wires = [];
  #server;
  #waiting = deferred();

  static async open() {
    const peer = new Peer();
    peer.#server = createServer({ allowHalfOpen: true, noDelay: true }, (tcp) => {
      peer.wires.push(new Wire(tcp));
      peer.#waiting.resolve();
      peer.#waiting = deferred();
    });
    peer.#server.listen(0, '127.0.0.1');
    await once(peer.#server, 'listening');
    return peer;
  }

  get port() {
    return /** @type {import('node:net').AddressInfo} */ (this.#server.address()).port;
  }

  /** The next connection. */
  async wire() {
    while (this.wires.length === 0) await this.#waiting.promise;
    return /** @type {Wire} */ (this.wires.shift());
  }

  /** Also of connections that nobody has asked for: a client may have given them up before they were accepted. */
  async close() {
    this.#server.close();
    for (const { tcp } of this.wires) tcp.destroy();
  }
}
