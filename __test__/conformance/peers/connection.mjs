import tls from 'node:tls';
import { mismatch, pattern } from '../pattern.mjs';
import { Records, Wire } from './wire.mjs';

const KEPT = 64 * 1024;

/** One connection that a peer has accepted: acts as its specification says and keeps a log of what it saw. */
export class PeerConnection {
  #raw;
  #spec;
  #context;
  #records = new Records();
  #kept = [];
  #wire = [];
  #plainLeft;
  #waiting = new Set();
  #paused = false;
  /** What carries application data: the TCP socket, then the TLS socket on it. */
  #stream;

  constructor(raw, spec, context) {
    this.#raw = raw;
    this.#spec = spec;
    this.#context = context;
    this.state = {
      remotePort: raw.remotePort,
      remoteFamily: raw.remoteFamily,
      bytes: 0,
      sent: 0,
      secure: false,
      servername: null,
      alpn: null,
      protocol: null,
      clientCertificate: null,
      end: false,
      fin: false,
      reset: false,
      close: false,
      failed: null,
      mismatch: -1,
    };
    raw.setNoDelay(true);
    raw.on('end', () => this.#mark({ fin: true }));
    raw.on('error', (error) => this.#mark({ reset: this.state.reset || error.code === 'ECONNRESET' }));
    raw.on('close', () => this.#mark({ close: true }));
    if (spec.tls && spec.upgradeAfter === undefined) this.#secure();
    else this.#plain();
  }

  /** What was seen so far, ready for JSON. */
  log() {
    return {
      ...this.state,
      text: Buffer.concat(this.#kept).toString('latin1'),
      wire: Buffer.concat(this.#wire).toString('latin1'),
      records: this.#records.types,
      // Node counts what it queued too; the difference is what the kernel took.
      written: this.#raw.bytesWritten - (this.#raw.writableLength ?? 0),
    };
  }

  /**
   * Resolves with the log once `event` has been seen.
   * @param {string | number} event a member of the state, or a number of bytes to receive
   */
  until(event) {
    const met = () => (typeof event === 'number' ? this.state.bytes >= event : Boolean(this.state[event]));
    if (met()) return Promise.resolve(this.log());
    return new Promise((resolve, reject) => this.#waiting.add({ met, resolve, reject }));
  }

  /** Performs one step of a script. */
  async act(name, argument) {
    const stream = this.#stream;
    if (name === 'send') return write(stream, Buffer.from(argument, 'base64'));
    if (name === 'pattern') return this.#sendPattern(argument);
    if (name === 'raw') return write(this.#raw, Buffer.from(argument, 'base64'));
    if (name === 'expect') return this.until(argument);
    if (name === 'wait') return new Promise((resolve) => setTimeout(resolve, argument));
    if (name === 'end') stream.end();
    else if (name === 'fin') this.#raw.end();
    else if (name === 'reset') this.#raw.resetAndDestroy();
    else if (name === 'pause') this.#pause(true);
    else if (name === 'resume') this.#pause(false);
    else throw new Error(`a peer cannot ${name}`);
  }

  destroy() {
    for (const { reject } of this.#waiting) reject(new Error('the peer is gone'));
    this.#waiting.clear();
    this.#raw.destroy();
  }

  #plain() {
    const raw = this.#raw;
    this.#stream = raw;
    this.#plainLeft = this.#spec.upgradeAfter ?? Number.POSITIVE_INFINITY;
    const arrive = (chunk) => {
      const plain = chunk.subarray(0, this.#plainLeft);
      this.#plainLeft -= plain.length;
      if (this.#wire.length < 16) this.#wire.push(plain.subarray(0, 1024));
      if (plain.length) this.#arrived(plain);
      if (this.#plainLeft === 0) upgrade(chunk.subarray(plain.length));
    };
    const upgrade = (rest) => {
      raw.off('data', arrive);
      raw.off('end', ended);
      const { upgradeReply = '', upgradeInject = '' } = this.#spec;
      if (upgradeReply || upgradeInject) raw.write(upgradeReply + upgradeInject);
      this.#secure(rest);
    };
    const ended = () => this.#ended();
    raw.on('end', ended);
    if (this.#plainLeft === 0) upgrade(undefined);
    else raw.on('data', arrive);
    if (this.#spec.mode === 'deaf') this.#pause(true);
    this.#perform();
  }

  #secure(already) {
    const note = (chunk) => {
      if (this.#wire.length < 16) this.#wire.push(chunk.subarray(0, 1024));
      this.#records.note(chunk);
      this.#mark({});
    };
    const { alpn, requestCert } = this.#spec;
    const secure = new tls.TLSSocket(new Wire(this.#raw, note, already), {
      isServer: true,
      secureContext: this.#context,
      allowHalfOpen: true,
      ...(alpn && { ALPNProtocols: alpn }),
      ...(requestCert && { requestCert: true, rejectUnauthorized: false }),
    });
    this.#stream = secure;
    secure.on('error', (error) => this.#mark({ failed: error.code ?? error.message }));
    secure.on('secure', () => {
      const subject = requestCert ? secure.getPeerCertificate()?.subject?.CN : undefined;
      this.#mark({
        secure: true,
        servername: secure.servername || null,
        alpn: secure.alpnProtocol || null,
        protocol: secure.getProtocol(),
        clientCertificate: subject ?? null,
      });
      if (this.#spec.upgradeAfter === undefined) this.#perform();
    });
    secure.on('data', (chunk) => this.#arrived(chunk));
    secure.on('end', () => this.#ended());
    if (this.#spec.mode === 'deaf') this.#pause(true);
  }

  #arrived(chunk) {
    const kept = KEPT - this.state.bytes;
    if (kept > 0) this.#kept.push(chunk.subarray(0, kept));
    if (this.#spec.pattern && this.state.mismatch < 0) {
      this.state.mismatch = mismatch(chunk, this.state.bytes);
    }
    this.#mark({ bytes: this.state.bytes + chunk.length });
    const stream = this.#stream;
    if (this.#spec.mode === 'echo' && stream.writable && !stream.write(chunk)) {
      stream.pause();
      stream.once('drain', () => this.#paused || stream.resume());
    }
  }

  #ended() {
    this.#mark({ end: true });
    if (!this.#spec.keepOpen && this.#stream.writable) this.#stream.end();
  }

  #pause(paused) {
    this.#paused = paused;
    if (paused) this.#stream.pause();
    else this.#stream.resume();
  }

  async #perform() {
    try {
      for (const [name, argument] of this.#spec.script ?? []) await this.act(name, argument);
    } catch {
      // A connection that went away ends its script; the log says how it went.
    }
  }

  async #sendPattern(length) {
    const block = 64 * 1024;
    for (let offset = 0; offset < length && !this.#raw.destroyed; offset += block) {
      await write(this.#stream, pattern(Math.min(block, length - offset), offset));
      this.#mark({ sent: Math.min(length, offset + block) });
    }
  }

  #mark(change) {
    Object.assign(this.state, change);
    for (const waiting of this.#waiting) {
      if (!waiting.met()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve(this.log());
    }
  }
}

function write(stream, bytes) {
  return new Promise((resolve) => {
    if (stream.writable) stream.write(bytes, resolve);
    else resolve();
  });
}
