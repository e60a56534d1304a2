/** The class Socket, as WebIDL wants an interface: enumerable members on the prototype, brand checks, no constructor. */

import type {
  BufferSource,
  SecureTransportKind,
  SocketInfo,
  SocketStats,
  StartTlsOptions,
} from '../index.d.ts';
import type { Connection } from './connection.ts';

const INTERNAL = Symbol('wintersock');
/** What is behind a socket. On anything else it throws TypeError. */
export let connectionOf: (socket: Socket) => Connection;
/** Whether it is one. */
export let isSocket: (value: unknown) => value is Socket;

export class Socket {
  readonly #connection: Connection;

  static {
    // The access to a private member is the brand check: on anything else than a Socket it throws TypeError.
    connectionOf = (socket) => socket.#connection;
    isSocket = (value): value is Socket =>
      typeof value === 'object' && value !== null && #connection in value;
  }

  private constructor() {
    // Only `socketOf` passes them. They are not parameters, so that `Socket.length` is 0 as for every such interface.
    // biome-ignore lint/complexity/noArguments: see above
    const [key, connection] = arguments as unknown as [unknown, Connection];
    if (key !== INTERNAL) throw new TypeError('Illegal constructor: sockets are made by connect()');
    this.#connection = connection;
  }

  get readable(): ReadableStream<Uint8Array> {
    return connectionOf(this).readable.stream;
  }

  get writable(): WritableStream<BufferSource | string> {
    return connectionOf(this).writable.stream;
  }

  get opened(): Promise<SocketInfo> {
    return promised(() => connectionOf(this).opened);
  }

  get closed(): Promise<void> {
    return promised(() => connectionOf(this).closed);
  }

  get upgraded(): boolean {
    return connectionOf(this).upgraded;
  }

  get secureTransport(): SecureTransportKind {
    return connectionOf(this).options.secureTransport;
  }

  get stats(): SocketStats {
    return connectionOf(this).stats;
  }

  close(reason: unknown = undefined): Promise<void> {
    return promised(() => connectionOf(this).close(reason));
  }

  startTls(options: StartTlsOptions | null | undefined = undefined): Socket {
    return socketOf(connectionOf(this).startTls(options));
  }

  ref(): this {
    connectionOf(this).keepAlive(true);
    return this;
  }

  unref(): this {
    connectionOf(this).keepAlive(false);
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  declare readonly [Symbol.toStringTag]: 'Socket';
}

for (const name of Object.getOwnPropertyNames(Socket.prototype)) {
  if (name !== 'constructor') Object.defineProperty(Socket.prototype, name, { enumerable: true });
}
Object.defineProperty(Socket.prototype, Symbol.toStringTag, { value: 'Socket', configurable: true });

/** The socket of a connection. */
export function socketOf(connection: Connection): Socket {
  const socket = Reflect.construct(Socket, [INTERNAL, connection]) as Socket;
  connection.socket = socket;
  return socket;
}

/** WebIDL: members whose type is a promise reject instead of throwing. */
function promised<T>(get: () => Promise<T>): Promise<T> {
  try {
    return get();
  } catch (error) {
    const rejected = Promise.reject(error);
    // Whoever only looks at every member (an inspector, a loop) must not end the process.
    rejected.catch(() => {});
    return rejected;
  }
}
