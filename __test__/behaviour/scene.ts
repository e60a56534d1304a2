import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Socket, type SocketOptions } from 'wintersock';
import type { Authority, Credentials } from '../fixtures/pki.mjs';
import type { Peer, Wire } from './wire.ts';

export type Transport = 'plain' | 'TLS 1.2' | 'TLS 1.3' | 'starttls';
export const everyTransport: readonly Transport[] = ['plain', 'TLS 1.2', 'TLS 1.3', 'starttls'];
export const secured: readonly Transport[] = ['TLS 1.2', 'TLS 1.3', 'starttls'];

/** How far a socket has come, and what is in flight. */
export type State =
  /** Not connected; a read and a write wait. With starttls startTls() has been called. */
  | 'connecting'
  /** Connected, ClientHello sent; a read and a write wait. With starttls also a read of the old socket. */
  | 'handshake'
  /** Open; nothing in flight. */
  | 'idle'
  /** Open; a read waits. */
  | 'reading'
  /** Open; a read waits, and a write that the peer does not take. */
  | 'writing'
  /** The peer has ended its side; nothing in flight. */
  | 'half-open'
  /** The peer has ended its side; a write waits that the peer does not take. */
  | 'half-open, writing'
  /** Our side has ended; a read waits. */
  | 'half-closed'
  /** close() was called; a write is still being flushed that the peer does not take. */
  | 'closing';

/** More than the kernel holds for a peer that does not read. */
const MUCH = new Uint8Array(16 * 1024 * 1024);

/** What the peers of these scenes know of TLS. */
export interface Trust {
  authority: Authority;
  credentials: Credentials;
}

/** One socket and its peer, brought into a state. */
export class Scene {
  readonly transport: Transport;
  readonly abort = new AbortController();
  readonly #trust: Trust;
  socket!: Socket;
  /** The one on which startTls() was called. */
  old: Socket | undefined;
  oldRead: Promise<unknown> | undefined;
  wire: Wire | undefined;
  reader!: ReadableStreamDefaultReader<Uint8Array>;
  writer!: WritableStreamDefaultWriter<Uint8Array | string>;
  read: Promise<unknown> | undefined;
  write: Promise<unknown> | undefined;

  constructor(transport: Transport, trust: Trust) {
    this.transport = transport;
    this.#trust = trust;
  }

  /** Connects to where nothing will come of it. */
  dial(address: string, options: SocketOptions = {}): this {
    const secureTransport =
      this.transport === 'plain' ? 'off' : this.transport === 'starttls' ? 'starttls' : 'on';
    const socket = connect(address, { secureTransport, signal: this.abort.signal, ...options });
    this.#use(socket);
    if (this.transport === 'starttls') this.upgrade();
    return this;
  }

  /** Connects to `peer` and brings the socket into `state`. */
  async reach(state: State, peer: Peer): Promise<this> {
    const half = state.startsWith('half-open');
    if (this.transport === 'starttls') {
      const options = {
        secureTransport: 'starttls',
        allowHalfOpen: half,
        signal: this.abort.signal,
      } as const;
      this.#use(connect(peer.address, options));
      this.wire = await peer.wire();
      await this.#greet();
      this.upgrade();
    } else {
      this.dial(peer.address, { allowHalfOpen: half });
      this.wire = await peer.wire();
    }
    if (state === 'handshake') {
      // The ClientHello is here now, and is left for whoever answers it.
      this.wire.tcp.unshift(await this.wire.hear());
      this.#inFlight();
      return this;
    }
    if (this.transport !== 'plain') await this.answer();
    await this.#greet();
    await this.#move(state, this.wire);
    return this;
  }

  /** The peer answers the handshake. */
  async answer(): Promise<void> {
    const maxVersion = this.transport === 'TLS 1.2' ? 'TLSv1.2' : 'TLSv1.3';
    await this.wire?.secure({ credentials: this.#trust.credentials, maxVersion });
  }

  /** startTls(), with a read of the old socket in flight. */
  upgrade(): void {
    this.old = this.socket;
    this.oldRead = this.reader.read();
    this.oldRead.catch(() => {});
    this.#use(this.old.startTls({ ca: this.#trust.authority.certPem }));
  }

  async #move(state: State, wire: Wire): Promise<void> {
    if (state === 'reading') {
      this.#startRead();
    } else if (state === 'writing') {
      wire.deaf();
      this.#startRead();
      await this.#getStuck();
    } else if (state === 'half-open' || state === 'half-open, writing') {
      wire.end();
      await this.reader.read();
      wire.deaf();
      if (state === 'half-open, writing') await this.#getStuck();
    } else if (state === 'half-closed') {
      this.write = this.writer.close();
      await this.write;
      this.#startRead();
    } else if (state === 'closing') {
      wire.deaf();
      this.#startRead();
      await this.#getStuck();
      this.socket.close();
    }
  }

  #use(socket: Socket): void {
    this.socket = socket;
    this.reader = socket.readable.getReader();
    this.writer = socket.writable.getWriter();
    for (const { closed } of [this.reader, this.writer]) closed.catch(() => {});
    if (this.transport !== 'starttls' || this.old !== undefined) this.#inFlight();
  }

  /** Before the connection there is always a read and a write. */
  #inFlight(): void {
    this.read ??= this.reader.read();
    this.write ??= this.writer.write('ping');
    for (const pending of [this.read, this.write]) pending.catch(() => {});
  }

  /** Data that is there before the fault: the connection is in order, and nothing of the handshake is under way. */
  async #greet(): Promise<void> {
    this.wire?.stream.write('go');
    await (this.read ?? this.reader.read());
    await this.write;
    this.read = undefined;
    this.write = undefined;
  }

  #startRead(): void {
    this.read = this.reader.read();
    this.read.catch(() => {});
  }

  async #getStuck(): Promise<void> {
    this.write = this.writer.write(MUCH);
    this.write.catch(() => {});
    // Until the kernel has taken what it takes.
    await sleep(50);
  }
}
