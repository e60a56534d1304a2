import { RemotePeer } from './peer.mjs';

/** Thrown by a clause that cannot be asked here; reported as such, never as passed. */
export class NotApplicable extends Error {}

const shown = (value) => {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof Error) return `${value.constructor.name}: ${value.message}`;
  if (value && typeof value === 'object') return Object.prototype.toString.call(value);
  return String(value);
};

/**
 * What a clause's body works with: peers, statements about values and promises, and small tools for streams. It uses
 * nothing but what every runtime has.
 */
export class Trial {
  #subject;
  #control;
  #sockets = [];
  #peers = [];

  constructor(subject, control, node) {
    this.#subject = subject;
    this.#control = control;
    /** Tools that only Node has: see runners/node-tools.mjs. */
    this.node = node;
    /** The subject as it is, for clauses about connect() itself. */
    this.untracked = subject;
    /** The subject as the clause gets it: its sockets are closed afterwards. */
    this.subject = { ...subject, connect: (...args) => this.track(subject.connect(...args)) };
  }

  // Peers

  /** Starts a peer: see peers/host.mjs and peers/connection.mjs for what `spec` may say. */
  async peer(spec = {}) {
    const peer = await RemotePeer.listen(this.#control, spec);
    this.#peers.push(peer);
    return peer;
  }

  /** An address at which nobody listens. */
  async refused() {
    return new RemotePeer(this.#control, { id: 0, ...(await this.#control('refused', [])) });
  }

  /** An address at which a connection attempt is never answered. */
  async blackHole() {
    return new RemotePeer(this.#control, { id: 0, ...(await this.#control('blackHole', [])) });
  }

  /** PEM texts of the run's authorities and of a client certificate. */
  credentials() {
    return this.#control('credentials', []);
  }

  // Statements

  ok(condition, message) {
    if (!condition) throw new Error(message);
  }

  equal(actual, expected, what = 'the value') {
    if (!Object.is(actual, expected)) throw new Error(`${what} is ${shown(actual)}, not ${shown(expected)}`);
  }

  /** That `call` throws; returns what it threw. */
  throws(call, what = 'the call') {
    let result;
    try {
      result = call();
    } catch (error) {
      return error;
    }
    if (typeof result?.close === 'function') this.track(result);
    throw new Error(`${what} returned ${shown(result)} instead of throwing`);
  }

  /** That `call` throws a TypeError, as SocketError is one. */
  throwsTypeError(call, what) {
    const error = this.throws(call, what);
    this.ok(error instanceof TypeError, `${what ?? 'the call'} threw ${shown(error)}, which is no TypeError`);
    return error;
  }

  /** That `promise` rejects; returns the reason. */
  async rejects(promise, what = 'the promise') {
    let value;
    try {
      value = await promise;
    } catch (reason) {
      return reason;
    }
    throw new Error(`${what} resolved with ${shown(value)} instead of rejecting`);
  }

  /** That `value` is a SocketError, or a TypeError where the subject does not export SocketError. */
  socketError(value, what = 'the error') {
    const { SocketError = TypeError } = this.#subject;
    this.ok(value instanceof SocketError, `${what} is no ${SocketError.name} but ${shown(value)}`);
    return value;
  }

  /** That `promise` rejects with a SocketError; returns it. */
  async rejectsWithSocketError(promise, what = 'the promise') {
    return this.socketError(await this.rejects(promise, what), `the reason of ${what}`);
  }

  /** The promise itself, with a handler on it: the clause looks at it later. */
  handled(promise) {
    promise.catch(() => {});
    return promise;
  }

  /** How a promise ends, without throwing. */
  outcome(promise) {
    return Promise.resolve(promise).then(
      (value) => ({ status: 'resolved', value }),
      (reason) => ({ status: 'rejected', reason }),
    );
  }

  /** Whether a promise has settled by now: `'pending'`, `'resolved'` or `'rejected'`. */
  async state(promise) {
    const pending = this.sleep(0).then(() => ({ status: 'pending' }));
    return (await Promise.race([this.outcome(promise), pending])).status;
  }

  /** That `promise` does not settle within `milliseconds`. */
  async pending(promise, what = 'the promise', milliseconds = 80) {
    const late = this.sleep(milliseconds).then(() => ({ status: 'pending' }));
    const { status, value, reason } = await Promise.race([this.outcome(promise), late]);
    this.ok(status === 'pending', `${what} ${status} too early, with ${shown(reason ?? value)}`);
  }

  /** That `promise` settles within `milliseconds`; its value, or throws its reason. */
  async within(milliseconds, promise, what = 'the promise') {
    if ((await Promise.race([this.outcome(promise), this.sleep(milliseconds)])) === undefined) {
      throw new Error(`${what} is pending after ${milliseconds} ms`);
    }
    return promise;
  }

  notApplicable(reason) {
    throw new NotApplicable(reason);
  }

  // Tools

  sleep(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds));
  }

  /** Has `socket` closed when the clause is over, as those of `connect` are. */
  track(socket) {
    this.#sockets.push(socket);
    return socket;
  }

  /** Connects and waits for `opened`. */
  async open(address, options) {
    const socket = this.subject.connect(address, options);
    await socket.opened;
    return socket;
  }

  /** Writes one chunk and lets the lock go. */
  async write(socket, chunk) {
    const writer = socket.writable.getWriter();
    try {
      await writer.write(chunk);
    } finally {
      writer.releaseLock();
    }
  }

  /** Reads exactly `length` bytes and lets the lock go; what one chunk brings beyond them is a failure. */
  async read(socket, length) {
    const reader = socket.readable.getReader();
    const chunks = [];
    let size = 0;
    try {
      while (size < length) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`the stream ended after ${size} of ${length} bytes`);
        chunks.push(value);
        size += value.byteLength;
      }
    } finally {
      reader.releaseLock();
    }
    this.equal(size, length, 'the number of bytes read');
    return joined(chunks);
  }

  /** The same as text. */
  async readText(socket, length) {
    return new TextDecoder().decode(await this.read(socket, length));
  }

  /** Reads to the end. */
  async readAll(socket) {
    const reader = socket.readable.getReader();
    const chunks = [];
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      chunks.push(value);
    }
    reader.releaseLock();
    return joined(chunks);
  }

  async readAllText(socket) {
    return new TextDecoder().decode(await this.readAll(socket));
  }

  /** Reads until the stream ends or fails; resolves with `{ text, error }` and never rejects. */
  async readUntilFailure(socket) {
    const reader = socket.readable.getReader();
    let text = '';
    try {
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return { text, error: null };
        text += new TextDecoder().decode(value);
      }
    } catch (error) {
      return { text, error };
    }
  }

  /** Closes what the clause left open. */
  async tidy() {
    for (const socket of this.#sockets) {
      try {
        Promise.resolve(socket.close()).catch(() => {});
      } catch {
        // A clause may have used up its socket, and a weak subject may throw: neither is this clause's matter.
      }
    }
    await this.#control('dispose', [this.#peers.map(({ id }) => id)]);
  }
}

function joined(chunks) {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
