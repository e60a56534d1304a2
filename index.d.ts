/**
 * wintersock: `connect()`, the WinterTC Sockets API, for Node.js.
 *
 * Sources: the draft (https://sockets-api.proposal.wintertc.org/), WHATWG Streams, and workerd where the draft is
 * silent. Members that the draft does not have say so.
 */

/** WebIDL's BufferSource. Named here, because TypeScript declares it only with the DOM's types. */
export type BufferSource = ArrayBufferView | ArrayBuffer;

/** What TLS does on a socket. `'starttls'` begins in plain text and waits for {@link Socket.startTls}. */
export type SecureTransportKind = 'off' | 'on' | 'starttls';

/** Where to connect. The draft's `SocketAddress` dictionary. */
export interface SocketAddress {
  /** A host name (punycode for non-ASCII names), an IPv4 address, or an IPv6 address with or without brackets. */
  hostname: string;
  /** 1 to 65535. Converted as WebIDL's `unsigned short`, but nothing wraps around: anything else throws. */
  port: number;
}

/** The draft's `SocketOptions`, workerd's `highWaterMark`, and `signal`. Unknown members are ignored. */
export interface SocketOptions {
  /** Default `'off'`. Exact and case-sensitive: any other value throws, so a typing error never turns TLS off. */
  secureTransport?: SecureTransportKind | undefined;
  /**
   * Default `false`: the peer's FIN ends the whole socket once what was queued is sent. `true`: the writable side
   * goes on after the readable side has ended.
   */
  allowHalfOpen?: boolean | undefined;
  /** The name to send (SNI) and to check the certificate against. Default: the hostname. Only with TLS. */
  sni?: string | null | undefined;
  /** Protocols to offer by ALPN, in order of preference. Only with TLS. */
  alpn?: Iterable<string> | undefined;
  /** Bytes that `writable` queues before `desiredSize` reaches 0. Default 65536. workerd's, not the draft's. */
  highWaterMark?: number | bigint | undefined;
  /**
   * Ends the socket at any time, without waiting for a flush: what is pending rejects with the signal's reason. An already
   * aborted signal makes `connect()` throw its reason. Ours, not the draft's.
   */
  signal?: AbortSignal | null | undefined;
}

/** Options of {@link Socket.startTls}. Drivers pass bags of their own: unknown members are ignored. */
export interface StartTlsOptions {
  /** The name to send (SNI) and to check the certificate against. Default: `sni` or the hostname of `connect()`. */
  sni?: string | null | undefined;
  /** The same under Node's name, as pg passes it. `sni` wins. */
  servername?: string | null | undefined;
  /** The same under workerd's name. `sni` and `servername` win. */
  expectedServerHostname?: string | null | undefined;
  /** PEM (one or several certificates) or DER. Replaces every default root for this handshake. */
  ca?: string | BufferSource | readonly (string | BufferSource)[] | null | undefined;
  /** PEM client certificate chain, leaf first. Needs `key`. */
  cert?: string | BufferSource | readonly (string | BufferSource)[] | null | undefined;
  /** PEM private key (PKCS#8, PKCS#1 or SEC1, not encrypted) of `cert`. */
  key?: string | BufferSource | readonly (string | BufferSource)[] | null | undefined;
  [unknown: string]: unknown;
}

/** What `opened` resolves with. */
export interface SocketInfo {
  /** The address that was asked for, `"localhost:5432"` or `"[::1]:5432"`. */
  remoteAddress: string;
  /** The local endpoint, `"127.0.0.1:50412"` or `"[::1]:50412"`. */
  localAddress: string;
  /** The protocol agreed on by ALPN, `null` if none was. */
  alpn: string | null;
}

/** A TCP connection, plain or with TLS. Made by {@link connect} only: `new Socket()` throws. */
export declare class Socket {
  private constructor();
  /** What the peer sends: a byte stream, with default and BYOB readers. The same object every time. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * What is sent to the peer: any `BufferSource`, or a string as UTF-8. A write resolves once it is taken over, which may be
   * before the system has it: if it then cannot be sent, the stream is errored.
   */
  readonly writable: WritableStream<BufferSource | string>;
  /** Resolves when connected (with TLS: after the handshake). Never an unhandled rejection. */
  readonly opened: Promise<SocketInfo>;
  /** Resolves when the socket has closed; rejects only if it could not be opened. Never an unhandled rejection. */
  readonly closed: Promise<void>;
  /** Whether `startTls()` has been called on this socket. */
  readonly upgraded: boolean;
  /** workerd's: `'off'`, `'on'` or `'starttls'`. `'on'` on the socket that `startTls()` returned. */
  readonly secureTransport: SecureTransportKind;
  /**
   * Sends what is queued (for about a second at most), closes, and returns `closed`. Reads end at once, later writes reject
   * with `reason`, a pending `opened` rejects with `reason`.
   */
  close(reason?: unknown): Promise<void>;
  /**
   * Upgrades a `'starttls'` socket to TLS, verified against the hostname, and returns the secure socket at once.
   * @throws {SocketError} if this is not an open `'starttls'` socket, or an option is wrong.
   */
  startTls(options?: StartTlsOptions | null): Socket;
  /** Lets the open socket keep the process alive again (the default). Ours, as in node:net. */
  ref(): this;
  /** Lets the process exit although the socket is open. Ours, as in node:net. */
  unref(): this;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
  readonly [Symbol.toStringTag]: 'Socket';
}

/** Everything that goes wrong with a socket. `message` begins with `"SocketError: "`. */
export declare class SocketError extends TypeError {
  constructor(message?: string, options?: { code?: string; cause?: unknown });
  /** A stable name of what went wrong: the system's, Node's for certificates, ours otherwise. See docs/errors.md. */
  readonly code: string;
}

/**
 * Opens a TCP connection and returns its socket at once.
 *
 * @param address `"host:port"`, with IPv6 in brackets, or `{ hostname, port }`.
 * @throws {SocketError} if the address or an option is wrong. What fails later rejects `opened` and `closed`.
 */
export declare function connect(address: string | SocketAddress, options?: SocketOptions | null): Socket;

/**
 * The same with `secureTransport` typed as any string, as `@cloudflare/workers-types` has it: `connect()` checks the
 * value. The compiler still checks literals.
 */
export declare function connect<Kind extends string>(
  address: string | SocketAddress,
  options: Omit<SocketOptions, 'secureTransport'> & {
    secureTransport?: (Kind & (string extends Kind ? unknown : never)) | undefined;
  },
): Socket;
