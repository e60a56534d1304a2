import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket, type TLSSocketOptions } from 'node:tls';
import type { Credentials } from '../fixtures/pki.mjs';

/** What becomes of bytes on their way. */
type Spoil = (chunk: Buffer) => Buffer;

/** TLS as a peer of these tests speaks it. */
export type PeerTls = Omit<TLSSocketOptions, 'cert' | 'key'> & { credentials: Credentials };

/**
 * A connection as the peer sees it, whose bytes can be spoiled on their way to the client. `tcp` is the bare connection;
 * `stream` carries the application's bytes: `tcp` itself, and after `secure()` TLS over it.
 */
export class Wire {
  readonly tcp: TcpSocket;
  stream: Duplex;
  /** What leaves for the client. */
  spoilOutgoing: Spoil = (chunk) => chunk;
  /** Bytes of the application. */
  received = 0;
  isDeaf = false;
  /** A reset follows the end as soon as libuv permits it: it refuses to reset a socket that is being shut down. */
  resetsAtEnd = false;

  constructor(tcp: TcpSocket) {
    this.tcp = tcp;
    this.stream = tcp;
    tcp.setNoDelay(true).on('error', () => {});
  }

  /** Takes what comes from now on, and only counts it. */
  drain(): this {
    this.stream.resume().on('data', (chunk: Buffer) => {
      this.received += chunk.length;
    });
    return this;
  }

  /** Reads nothing any more, so that the client's writes get stuck. */
  deaf(): this {
    this.isDeaf = true;
    this.stream.pause();
    this.tcp.pause();
    return this;
  }

  /** Reads again after `deaf()`. */
  listen(): this {
    this.isDeaf = false;
    this.stream.resume();
    this.tcp.resume();
    return this;
  }

  /** Begins TLS as a server. Resolves after the handshake; what fails it destroys the connection. */
  async secure({ credentials, ...options }: PeerTls): Promise<this> {
    const pipe = new Pipe(this);
    const { chainPem: cert, keyPem: key } = credentials;
    const tls = new TLSSocket(pipe, { isServer: true, minVersion: 'TLSv1.2', ...options, cert, key });
    tls.on('error', () => {});
    this.stream = tls;
    await once(tls, 'secure');
    return this;
  }

  /** Puts bytes on the wire, as they are. */
  async send(bytes: string | Buffer): Promise<void> {
    // Whoever writes more than the client takes has to wait, or the tests would measure their own peer's queue.
    if (!this.tcp.write(bytes)) await once(this.tcp, 'drain');
  }

  /** The next bytes from the client. */
  async hear(): Promise<Buffer> {
    const heard = once(this.stream, 'data');
    this.stream.resume();
    const [chunk] = await heard;
    this.stream.pause();
    return chunk;
  }

  /** Ends properly: FIN, with TLS after close_notify. */
  end(): void {
    if (this.resetsAtEnd) this.tcp.once('finish', () => this.reset());
    this.stream.end();
  }

  /** RST. */
  reset(): void {
    this.tcp.resetAndDestroy();
  }
}

/** What the TLS of a wire writes to and reads from. */
class Pipe extends Duplex {
  readonly #wire: Wire;

  constructor(wire: Wire) {
    super({ allowHalfOpen: true });
    this.#wire = wire;
    wire.tcp.on('data', (chunk) => {
      if (!this.push(chunk)) wire.tcp.pause();
    });
    wire.tcp.on('end', () => this.push(null));
    wire.tcp.on('close', () => this.destroy());
    this.on('error', () => {});
  }

  override _read(): void {
    if (!this.#wire.isDeaf) this.#wire.tcp.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#wire.send(this.#wire.spoilOutgoing(chunk)).then(() => done(), done);
  }

  override _final(done: () => void): void {
    this.#wire.tcp.end(done);
  }
}

/** A peer on 127.0.0.1 that does nothing with its connections by itself. */
export class Peer {
  readonly address: string;
  readonly port: number;
  readonly wires: Wire[] = [];
  /** What becomes of each connection that nobody waits for. */
  onWire: (wire: Wire) => void = () => {};
  readonly #server: Server;
  readonly #waiting: ((wire: Wire) => void)[] = [];
  #taken = 0;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.address = `127.0.0.1:${this.port}`;
    server.on('connection', (tcp) => {
      const wire = new Wire(tcp);
      this.wires.push(wire);
      const waiting = this.#waiting.shift();
      if (waiting === undefined) {
        this.onWire(wire);
        return;
      }
      this.#taken += 1;
      waiting(wire);
    });
  }

  static async open(host = '127.0.0.1'): Promise<Peer> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }).listen(0, host);
    await once(server, 'listening');
    return new Peer(server);
  }

  /** The next connection. */
  wire(): Promise<Wire> {
    const wire = this.wires[this.#taken];
    if (wire !== undefined) {
      this.#taken += 1;
      return Promise.resolve(wire);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const { tcp } of this.wires) tcp.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
