/** A socket of `wintersock/node` under test, or one of Node's own: its events and callbacks. */
import net from 'node:net';
import { addAbortSignal } from 'node:stream';
import tls from 'node:tls';
import { createConnection } from 'wintersock/node';
import { Ledger, wordOf } from './ledger.mjs';
import { bindingOf } from './web.mjs';

const EVENTS = ['connect', 'secureConnect', 'data', 'end', 'finish', 'timeout', 'error', 'close'];

/** How both are made. */
const ours = {
  dial: ({ kind, ca, config, halfOpen, signal }, port) =>
    createConnection({
      ...{ port, host: '127.0.0.1', ca, secureTransport: kind, allowHalfOpen: halfOpen, signal },
      binding: bindingOf(config),
    }),
  upgrade: (socket, { ca }) => socket.startTls({ ca }),
};
const nodes = {
  dial({ kind, ca, halfOpen, signal }, port) {
    const options = { port, host: '127.0.0.1', allowHalfOpen: halfOpen };
    const socket = kind === 'on' ? tls.connect({ ...options, ca }) : net.connect(options);
    return addAbortSignal(signal, socket);
  },
  upgrade(socket, { ca, signal, halfOpen }) {
    socket.on('error', () => {});
    return addAbortSignal(signal, tls.connect({ socket, ca, allowHalfOpen: halfOpen }));
  },
};

class StreamSubject {
  ledger = new Ledger();
  /** The events, one after the other; data once for all that comes in a row. @type {string[]} */
  trace = [];
  #make;
  #options;
  #abort = new AbortController();
  socket;
  #secures;
  #callbacks = { begun: 0, called: 0 };
  #write;
  #error;
  #closes = 0;
  #closed;

  constructor(make, options) {
    this.#make = make;
    this.#options = { ...options, signal: this.#abort.signal };
    this.#secures = options.kind === 'on';
  }

  dial(port) {
    this.#watch(this.#make.dial(this.#options, port));
  }

  upgrade() {
    this.#secures = true;
    const upgraded = this.#make.upgrade(this.socket, this.#options);
    if (upgraded !== this.socket) this.#watch(upgraded);
  }

  #watch(socket) {
    this.socket = socket;
    this.trace = [];
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
    for (const event of EVENTS) {
      if (event !== 'data') socket.on(event, (value) => this.#note(event, value));
    }
  }

  #note(event, value) {
    if (event === 'error') this.#failed(value);
    else if (event !== 'data' || this.trace.at(-1) !== 'data') this.trace.push(event);
    if (event !== 'close') return;
    this.#closes += 1;
    this.ledger.check(this.#closes === 1, "'close' more than once");
    this.ledger.check(value === (this.#error !== undefined), `'close' says ${value}`);
  }

  #failed(error) {
    this.ledger.check(this.#error === undefined, "'error' more than once");
    this.#error ??= error;
    this.trace.push(`error ${wordOf(error)}`);
  }

  read() {
    this.flow();
  }

  #got;
  write(length) {
    this.#callbacks.begun += 1;
    this.#write = new Promise((resolve, reject) => {
      this.socket.write(this.ledger.issue(length), (error) => {
        this.#callbacks.called += 1;
        if (error) reject(error);
        else resolve(undefined);
      });
    });
    this.#write.catch(() => {});
  }

  async exchanged() {
    const wanted = this.#waited + 4;
    this.#waited = wanted;
    while (this.ledger.received < wanted) await new Promise((resolve) => (this.#got = resolve));
    await this.#write;
    this.#write = undefined;
  }
  #waited = 0;

  pump(limit) {
    const go = async () => {
      // Not after the end of the peer, which ends this side too.
      while (this.ledger.issued < limit && this.socket.writable) {
        this.write(30_000);
        await this.#write;
      }
    };
    const all = go();
    all.catch(() => {});
    this.#pumped = all;
  }
  #pumped;
  #flowing;
  flow() {
    if (this.#flowing !== this.socket) {
      this.#flowing = this.socket;
      this.socket.on('data', (chunk) => {
        this.#note('data');
        this.ledger.receive(chunk);
        this.#got?.();
      });
    }
    this.socket.resume();
  }

  pause() {
    this.socket.pause();
  }

  nibble() {
    this.socket.pause();
  }

  get sent() {
    return this.socket.bytesWritten - this.socket.writableLength;
  }

  async opened() {
    const wanted = this.#secures ? 'secureConnect' : 'connect';
    while (!this.trace.includes(wanted)) {
      if (this.#closes > 0) throw this.#error ?? new Error('closed');
      await new Promise((resolve) => {
        for (const event of [wanted, 'close']) this.socket.once(event, resolve);
      });
    }
  }

  end() {
    this.#callbacks.begun += 1;
    this.#write = new Promise((resolve, reject) => {
      this.socket.end((error) => {
        this.#callbacks.called += 1;
        if (error) reject(error);
        else resolve(undefined);
      });
    });
    this.#write.catch(() => {});
    return this.#write;
  }

  closes = false;

  close() {
    this.socket.destroy();
  }

  whenClosed() {
    return this.#closed;
  }

  async whenEnded() {
    while (!this.trace.includes('end')) await new Promise((resolve) => this.socket.once('end', resolve));
  }

  abort(reason) {
    this.#abort.abort(reason);
  }

  stopAfter(milliseconds, error) {
    this.socket.setTimeout(milliseconds, () => this.socket.destroy(error));
  }

  async observe({ idle, ending }) {
    if (!idle) this.flow();
    const closed = await ending(this.#closed);
    const wanted = this.#secures ? 'secureConnect' : 'connect';
    const error = this.#error && wordOf(this.#error);
    const write = this.#pumped ?? this.#write;
    const seen = {
      opened: this.trace.includes(wanted) ? 'resolves' : (error ?? 'closed'),
      closed,
      read: this.trace.includes('end') ? 'done' : (error ?? 'closed'),
      error: error ?? 'none',
      write: write ? await ending(write) : 'none',
    };
    const { ledger, trace } = this;
    const { begun, called } = this.#callbacks;
    ledger.check(begun === called, `${begun} callbacks were called ${called} times`);
    ledger.check(closed !== 'resolves' || trace.at(-1) === 'close', `after 'close': ${trace.join(' ')}`);
    return seen;
  }
}

export class DuplexSubject extends StreamSubject {
  constructor(options) {
    super(ours, options);
  }
}

export class NodeSubject extends StreamSubject {
  constructor(options) {
    super(nodes, options);
  }
}
