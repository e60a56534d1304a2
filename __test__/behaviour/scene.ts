import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Socket, type SocketOptions } from 'wintersock';
import type { Authority, Credentials } from '../fixtures/pki.mjs';
import type { Peer, Wire } from './wire.ts';

/** `before startTls()`: a 'starttls' socket that is still in plain text. `starttls`: the one that startTls() returned. */
export type Transport = 'plain' | 'before startTls()' | 'TLS 1.2' | 'TLS 1.3' | 'starttls';
export const inPlain: readonly Transport[] = ['plain', 'before startTls()'];
export const secured: readonly Transport[] = ['TLS 1.2', 'TLS 1.3', 'starttls'];
export const everyTransport: readonly Transport[] = [...inPlain, ...secured];

/** How far a socket has come, and what is in flight. */
export type State =
  /** Not connected; a read and a write wait. With starttls startTls() has been called. */
  | 'connecting'
  /** startTls() was called, but a write before it is still being flushed that the peer does not take. */
  | 'upgrading'
  /** Connected, ClientHello sent; a read and a write wait. With starttls also a read of the old socket. */
  | 'handshake'
  /** Open; nothing in flight. */
  | 'idle'
  /** Open; a read waits. */
  | 'reading'
  /** Open; a read waits, and a write that the peer does not take. */
  | 'writing'
  /** Open, and made to stay so when the peer ends its side; nothing in flight. */
  | 'half-open, before the end'
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
  /** What was in flight on that one. */
  oldRead: Promise<unknown> | undefined;
  oldWrite: Promise<unknown> | undefined;
  wire: Wire | undefined;
  reader!: ReadableStreamDefaultReader<Uint8Array>;
  writer!: WritableStreamDefaultWriter<Uint8Array | string>;
  read: Promise<{ done: boolean; value?: Uint8Array | undefined }> | undefined;
  write: Promise<unknown> | undefined;

  constructor(transport: Transport, trust: Trust) {
    this.transport = transport;
    this.#trust = trust;
  }

  /** Connects to where nothing will come of it. */
  dial(address: string, options: SocketOptions = {}): this {
    this.#connect(address, options);
    if (this.transport === 'starttls') this.upgrade();
    return this;
  }

  /** Connects to `peer` and brings the socket into `state`. */
  async reach(state: State, peer: Peer): Promise<this> {
    this.#connect(peer.address, { allowHalfOpen: state.startsWith('half-open') });
    this.wire = await peer.wire();
    if (this.transport === 'starttls') {
      await this.#greet();
      if (state === 'upgrading') await this.#getStuck();
      this.upgrade();
      if (state === 'upgrading') return this;
    }
    if (state === 'handshake') {
      // The ClientHello is here now, and is left for whoever answers it.
      this.wire.tcp.unshift(await this.wire.hear());
      return this;
    }
    if (secured.includes(this.transport)) await this.answer();
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
    this.oldRead = this.read ?? this.reader.read();
    this.oldRead.catch(() => {});
    this.oldWrite = this.write;
    this.read = undefined;
    this.write = undefined;
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
      // close_notify is here before FIN, and libuv refuses to reset a socket that is being shut down.
      if (!wire.tcp.writableFinished) await once(wire.tcp, 'finish');
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

  #connect(address: string, options: SocketOptions): void {
    const secureTransport =
      this.transport === 'plain' ? 'off' : this.transport.startsWith('TLS') ? 'on' : 'starttls';
    this.#use(connect(address, { secureTransport, signal: this.abort.signal, ...options }));
  }

  /** Before the connection, or the handshake, there is always a read and a write. */
  #use(socket: Socket): void {
    this.socket = socket;
    this.reader = socket.readable.getReader();
    this.writer = socket.writable.getWriter();
    for (const { closed } of [this.reader, this.writer]) closed.catch(() => {});
    this.#startRead();
    this.write = this.writer.write('ping');
    this.write.catch(() => {});
  }

  /** Data that is there before the fault: the connection is in order, and nothing of the handshake is under way. */
  async #greet(): Promise<void> {
    this.wire?.stream.write('go');
    await this.read;
    await this.write;
    await this.wire?.hear();
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
