// A Redis client for Node and Workers, in one file: RESP2, pipelining, pub/sub, TLS.
import { connect as connectHere } from 'wintersock';

export class RedisError extends Error {} // what Redis answered with an error: the connection goes on

export class RedisClient {
  #socket;
  #writer;
  #pending = []; // commands without a reply, oldest first: Redis answers in order
  #listeners = new Map();
  #failure; // why the connection is gone, when it is

  /** @param {string} address redis://user:password@host:port, or rediss:// for TLS */
  constructor(address, { connect = connectHere } = {}) {
    const { protocol, hostname, port, username, password } = new URL(address);
    const secureTransport = protocol === 'rediss:' ? 'on' : 'off';
    this.#socket = connect({ hostname, port: Number(port || 6379) }, { secureTransport });
    this.#writer = this.#socket.writable.getWriter();
    for (const promise of [this.#socket.closed, this.#writer.closed]) promise.catch(() => {}); // reads tell
    const login = [username, password].filter(Boolean).map(decodeURIComponent);
    if (login.length > 0) this.command('AUTH', ...login).catch((error) => this.#fail(error));
    this.#receive();
  }

  /** Sends a command, whatever is unanswered yet. The reply is a string, a number, null, or an array of these. */
  command(...args) {
    if (this.#failure) return Promise.reject(this.#failure);
    this.#writer.write(encode(args)).catch(() => {}); // reads tell
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }));
  }

  /** Has `listener(message)` called for what is published. From then on only SUBSCRIBE, PING and the like work. */
  subscribe(channel, listener) {
    this.#listeners.set(channel, listener);
    return this.command('SUBSCRIBE', channel);
  }

  /** Closes the connection when all commands so far are answered, or that long after the call. */
  async close(milliseconds = 1000) {
    const timer = setTimeout(() => this.#fail(new Error('Redis does not answer')), milliseconds);
    await this.command('PING').catch(() => {});
    clearTimeout(timer);
    await this.#socket.close().catch(() => {}); // it was never open, as the commands were told
  }

  async #receive() {
    try {
      await this.#socket.opened; // its error says most
      for await (const reply of replies(this.#socket.readable.getReader())) {
        const listener = reply?.[0] === 'message' ? this.#listeners.get(reply[1]) : undefined;
        if (listener) queueMicrotask(() => listener(reply[2]));
        else this.#pending.shift()?.[reply instanceof RedisError ? 'reject' : 'resolve'](reply);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error) {
    this.#failure ??= error;
    for (const { reject } of this.#pending.splice(0)) reject(this.#failure);
    this.#socket.close().catch(() => {});
  }
}

const encoder = new TextEncoder();
const string = (arg) => `$${encoder.encode(arg).length}\r\n${arg}\r\n`;
const encode = (args) => encoder.encode(`*${args.length}\r\n${args.map(string).join('')}`);

/** What Redis sends, however the network cuts it. */
async function* replies(reader) {
  let bytes = new Uint8Array(0); // received, not used yet
  async function take(length) {
    for (let text = '', decoder = new TextDecoder('utf-8', { ignoreBOM: true }); ; ) {
      const end = length ?? (bytes.indexOf(10) + 1 || Infinity); // without a length: a line
      const part = bytes.subarray(0, end);
      bytes = bytes.subarray(part.length);
      text += decoder.decode(part, { stream: true });
      if (part.length === end) return text.slice(0, -2);
      if (length) length -= part.length;
      const { value, done } = await reader.read();
      if (done) throw new Error('the connection to Redis has ended');
      bytes = value;
    }
  }
  async function reply() {
    const line = await take();
    const [type, rest] = [line[0], line.slice(1)];
    if (type === '+' || type === ':') return type === '+' ? rest : Number(rest);
    if (type === '-') return new RedisError(rest);
    if (type !== '$' && type !== '*') throw new Error(`this is not Redis: ${line}`);
    if (rest === '-1') return null;
    if (type === '$') return take(Number(rest) + 2);
    const items = [];
    while (items.length < Number(rest)) items.push(await reply());
    return items;
  }
  while (true) yield await reply();
}
