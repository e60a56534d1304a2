/** A socket of `wintersock` under test: its promises and streams. */
import { createBinding } from 'wintersock';
import { Ledger, wordOf } from './ledger.mjs';

/** Bindings by what they are configured with: making one is not what is tested. */
const bindings = new Map();

/** @param {object} config */
export function bindingOf(config) {
  const name = JSON.stringify(config);
  if (!bindings.has(name)) bindings.set(name, createBinding(config));
  return bindings.get(name);
}

export class WebSubject {
  ledger = new Ledger();
  #options;
  #abort = new AbortController();
  socket;
  #reader;
  #writer;
  /** A read, and a write, that are under way. @type {Promise<any> | undefined} */
  #read;
  #write;
  #promises;
  #flows = false;
  /** The one on which startTls() was called, with what was in flight. */
  #old;

  /** @param {{ kind: string, ca: string, halfOpen: boolean, config: object }} options */
  constructor(options) {
    this.#options = options;
  }

  dial(port) {
    const { kind, ca, config, halfOpen } = this.#options;
    const options = { secureTransport: kind, signal: this.#abort.signal, allowHalfOpen: halfOpen };
    this.#use(bindingOf({ ca, ...config }).connect(`127.0.0.1:${port}`, options));
  }

  upgrade() {
    this.#old = { socket: this.socket, read: this.#read ?? this.#reader.read(), write: this.#write };
    this.#read = undefined;
    this.#write = undefined;
    this.#use(this.socket.startTls());
  }

  #use(socket) {
    this.socket = socket;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
    this.#promises = { opened: socket.opened, closed: socket.closed };
  }

  /** Begins a read. */
  read() {
    this.#read = this.#reader.read();
    this.#read.catch(() => {});
  }

  /** Begins a write. */
  write(length) {
    this.#write = this.#writer.write(this.ledger.issue(length));
    this.#write.catch(() => {});
  }

  /** What was begun ends well. */
  async exchanged() {
    const { value } = await this.#read;
    this.ledger.receive(value);
    await this.#write;
    this.#read = undefined;
    this.#write = undefined;
  }

  /** Writes until it cannot. */
  pump(limit) {
    const go = async () => {
      while (this.ledger.issued < limit) {
        const { issued } = this.ledger;
        try {
          await this.#writer.write(this.ledger.issue(30_000));
        } catch (error) {
          // It was refused, not cut short: nothing of it was to be sent.
          if (error?.code === 'ERR_SOCKET_CLOSED') this.ledger.issued = issued;
          throw error;
        }
      }
    };
    this.#write = go();
    this.#write.catch(() => {});
  }

  /** Reads to the end. */
  flow() {
    this.#flows = true;
    const before = this.#read;
    this.#read = (async () => {
      for (let next = await (before ?? this.#reader.read()); ; next = await this.#reader.read()) {
        if (next.done) return next;
        this.ledger.receive(next.value);
      }
    })();
    this.#read.catch(() => {});
  }

  /** Nothing is read unless it is asked for. */
  pause() {}

  /** From now on a little at a time. */
  nibble() {
    this.#reader.releaseLock();
    const reader = this.socket.readable.getReader({ mode: 'byob' });
    this.#reader = { read: () => reader.read(new Uint8Array(1000)) };
  }

  get sent() {
    return this.socket.stats.bytesWritten;
  }

  opened() {
    return this.socket.opened;
  }

  end() {
    this.#write = this.#writer.close();
    this.#write.catch(() => {});
    return this.#write;
  }

  /** Whether `close()` sends what is written. */
  closes = true;

  close() {
    this.socket.close();
  }

  whenClosed() {
    return this.socket.closed;
  }

  async whenEnded() {
    await this.#read;
  }

  abort(reason) {
    this.#abort.abort(reason);
  }

  /** How all of it ended. `idle`: nobody reads before it has closed. @param {{ idle: boolean, ending: Ending }} how */
  async observe({ idle, ending }) {
    const { opened, closed } = this.#promises;
    if (!idle && !this.#flows) this.flow();
    const seen = { opened: await ending(opened), closed: await ending(closed) };
    if (idle) this.flow();
    // What was not in flight comes too late.
    const write = ending(this.#write ?? this.#writer.write(new Uint8Array(1)));
    Object.assign(seen, { read: await ending(this.#read), write: await write });
    const { socket, ledger } = this;
    ledger.check(socket.opened === opened && socket.closed === closed, 'opened or closed is another promise');
    ledger.check(socket.close() === closed, 'close() returns another promise');
    if (this.#old) await this.#observeOld(seen.closed, ending);
    return seen;
  }

  async #observeOld(unconnected, ending) {
    const { socket, read, write } = this.#old;
    const { ledger } = this;
    const closed = await ending(socket.closed);
    const connected = (await ending(socket.opened)) === 'resolves';
    ledger.check(closed === (connected ? 'resolves' : unconnected), `closed of the plain socket: ${closed}`);
    ledger.check((await ending(read)) === 'done', `read of the plain socket: ${await ending(read)}`);
    if (write) ledger.check((await ending(write)) !== 'pending', 'write of the plain socket is pending');
    ledger.check(socket.upgraded === true, 'upgraded is not true');
  }
}
/** @typedef {(promise: Promise<unknown>) => Promise<string>} Ending */
export { wordOf };
