/**
 * The control: `connect()` as the drivers' code for Workers knows it, over node:net and node:tls, and no more of it than
 * that code uses. What fails over this fails because of that code, not because of wintersock.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';

/** @param {string} address host:port */
export function connect(address) {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const tcp = net.connect({ host, port: Number(port), noDelay: true, allowHalfOpen: false });
  return new Socket(tcp, 'connect', host);
}

class Socket {
  #stream;
  #host;
  #controller;
  #resolve;
  #reject;
  #over = false;

  constructor(stream, event, host) {
    this.#stream = stream;
    this.#host = host;
    const open = once(stream, event);
    open.catch(() => {});
    this.opened = open.then(() => ({}));
    this.closed = new Promise((resolve, reject) => {
      [this.#resolve, this.#reject] = [resolve, reject];
    });
    for (const promise of [this.opened, this.closed]) promise.catch(() => {});
    this.readable = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => void stream.resume(),
    });
    this.writable = new WritableStream({
      write: async (chunk) => {
        await open;
        await new Promise((resolve, reject) =>
          stream.write(chunk, (error) => (error ? reject(error) : resolve())),
        );
      },
      close: () => void stream.end(),
      abort: () => void stream.destroy(),
    });
    let opened = false;
    stream.once(event, () => {
      opened = true;
    });
    stream.on('data', this.#data).on('end', this.#end);
    stream.on('error', (error) => {
      if (this.#over) return;
      this.#over = true;
      this.#controller.error(error);
      if (!opened) this.#reject(error);
    });
    stream.on('close', () => {
      this.#end();
      this.#resolve();
    });
  }

  #data = (chunk) => {
    this.#controller.enqueue(new Uint8Array(chunk));
    if (this.#controller.desiredSize <= 0) this.#stream.pause();
  };

  #end = () => {
    if (this.#over) return;
    this.#over = true;
    this.#controller.close();
  };

  close() {
    this.#end();
    this.#stream.end(() => this.#stream.destroy());
    return this.closed;
  }

  startTls(options) {
    this.#end();
    this.#stream.removeAllListeners('data').removeAllListeners('end');
    const { servername = net.isIP(this.#host) ? undefined : this.#host } = options ?? {};
    const stream = tls.connect({ ...options, rejectUnauthorized: true, servername, socket: this.#stream });
    stream.once('secureConnect', this.#resolve).once('error', this.#resolve);
    return new Socket(stream, 'secureConnect', this.#host);
  }
}
