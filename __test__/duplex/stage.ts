/**
 * Twins: one program, run with Node's sockets and with ours. What it notes of them has to be the same. Where ours differs on purpose the test
 * says how and why.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type ServerOpts, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { expect, test } from 'vitest';
import { node, ours, type Side } from '../fixtures/duplex-sides.mjs';
import { Journal } from './journal.ts';

/** Whether Node is compared with itself. */
export const alone = ours.createConnection === node.createConnection;

const DEADLINE_MS = 25_000;
const LATE = 'has not ended';

export type Program = (at: Stage) => Promise<unknown>;

interface Twins {
  /** Why ours is to be different, and what it is then instead of Node's lines. */
  differs?: { because: string; ours: (theirs: string[]) => string[] };
  /** Only where this is true. */
  where?: boolean;
}

/** A test: the program says the same of both. */
export function twins(name: string, program: Program, { differs, where = true }: Twins = {}): void {
  const title = differs ? `${name}, but ${differs.because}` : name;
  test.runIf(where)(
    title,
    async () => {
      const theirs = await perform(node, program);
      expect(theirs).not.toEqual([]);
      expect(theirs).not.toContain(LATE);
      const wanted = differs && !alone ? differs.ours(theirs) : theirs;
      expect(await perform(ours, program)).toEqual(wanted);
    },
    3 * DEADLINE_MS,
  );
}

/** Runs a program with one of the two. A program that does not end is cut off, and its last line says so. */
export async function perform(side: Side, program: Program): Promise<string[]> {
  const at = new Stage(side);
  const cut = new AbortController();
  try {
    const late = sleep(DEADLINE_MS, LATE, { signal: cut.signal });
    late.catch(() => {});
    if ((await Promise.race([program(at), late])) === LATE) at.note(LATE);
    return [...at.journal.lines];
  } finally {
    cut.abort();
    await at.close();
  }
}

/** The next event of that name, whatever else happens. */
export function happens(emitter: NodeJS.EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve) => emitter.once(event, (...values) => resolve(values)));
}

/** Kept sockets that have emitted 'close'. What they say of themselves is so earlier. */
const gone = new WeakSet<Socket>();

/** Resolves when the socket has emitted 'close', or at once if it is kept and has. */
export async function closes(socket: Socket): Promise<void> {
  if (!gone.has(socket)) await happens(socket, 'close');
}

/** Lets the event loop go round. */
export async function turns(count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) await turn();
}

/** Waits until something is so: for what no event tells. */
export async function until(so: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await so())) await sleep(5);
}

/** Reads all that a stream has. */
export async function all(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await happens(stream, 'end');
  return Buffer.concat(chunks);
}

/** A server of Node's, whose connections do nothing by themselves: not even end when the client does. */
export class Listener<Peer extends Socket = Socket> {
  readonly port: number;
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #peers: Peer[] = [];
  readonly #waiting: ((peer: Peer) => void)[] = [];

  constructor(server: Server, event: string) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('connection', (peer: Socket) => {
      peer.on('error', () => {});
      this.#open.add(peer);
    });
    server.on('tlsClientError', () => {});
    server.on(event, (peer: Peer) => {
      peer.on('error', () => {});
      const waiting = this.#waiting.shift();
      if (waiting) waiting(peer);
      else this.#peers.push(peer);
    });
  }

  /** Breaks all connections, below TLS. */
  reset(): void {
    for (const peer of this.#open) peer.resetAndDestroy();
  }

  /** The next connection, with TLS after the handshake. */
  accepted(): Promise<Peer> {
    const peer = this.#peers.shift();
    return peer ? Promise.resolve(peer) : new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    for (const peer of this.#open) peer.destroy();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** What a program has: one side, a journal, and what is to be closed when it is over. */
export class Stage {
  readonly side: Side;
  readonly journal = new Journal();
  readonly #sockets: Socket[] = [];
  readonly #listeners: { close(): Promise<void> }[] = [];

  constructor(side: Side) {
    this.side = side;
  }

  note(...said: readonly unknown[]): void {
    this.journal.note(...said);
  }

  /** Destroys the socket when the program is over. */
  keep<T extends Socket>(socket: T): T {
    socket.on('close', () => gone.add(socket));
    this.#sockets.push(socket);
    return socket;
  }

  /** Keeps a socket and notes its events. */
  watch<T extends Socket>(socket: T, options?: { name?: string; bare?: boolean }): T {
    return this.journal.watch(this.keep(socket), options);
  }

  async listen(options: ServerOpts & { host?: string } = {}): Promise<Listener> {
    const { host = '127.0.0.1', ...rest } = options;
    return this.#listening(createServer({ allowHalfOpen: true, ...rest }), 'connection', host);
  }

  async listenTls(options: TlsOptions & { host?: string }): Promise<Listener<TLSSocket>> {
    const { host = '127.0.0.1', ...rest } = options;
    const server = createTlsServer({ allowHalfOpen: true, ...rest });
    return this.#listening<TLSSocket>(server, 'secureConnection', host);
  }

  async #listening<Peer extends Socket>(server: Server, event: string, host: string) {
    server.listen(0, host);
    await once(server, 'listening');
    const listener = new Listener<Peer>(server, event);
    this.#listeners.push(listener);
    return listener;
  }

  /** A socket that is connected to a peer of Node's. */
  async pair(options: { allowHalfOpen?: boolean; highWaterMark?: number } = {}) {
    const listener = await this.listen();
    const socket = this.keep(new this.side.Socket(options));
    socket.connect(listener.port, '127.0.0.1');
    const [peer] = await Promise.all([listener.accepted(), happens(socket, 'connect')]);
    return { socket, peer };
  }

  async close(): Promise<void> {
    // What is over another one goes first: Node itself may crash otherwise.
    for (const socket of this.#sockets.reverse()) socket.on('error', () => {}).destroy();
    await Promise.all(this.#listeners.map((listener) => listener.close()));
  }
}
