/**
 * wintersock/node: sockets in the shape of `net.Socket`, for the drivers and packages that want one. Plain TCP, TLS, and
 * StartTLS in place; TLS is done in Rust and verified, as in the rest of the package.
 *
 * ```js
 * import { createConnection } from 'wintersock/node';
 * new pg.Client({ stream: () => createConnection() });
 * ```
 *
 * Ours beyond the draft. Semantics are those of node:net and node:tls, whose documentation applies where nothing else is said.
 */
import type { LookupFunction } from 'node:net';
import type * as net from 'node:net';
import type { Duplex } from 'node:stream';
import type { CipherNameAndProtocol, DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { Binding, SecureTransportKind, Socket as WebSocket, TlsConfig } from './index.d.ts';

/** PEM or DER, or a `file:` URL; one or several. */
export type Pem = string | NodeJS.ArrayBufferView | URL | readonly (string | NodeJS.ArrayBufferView | URL)[];

/**
 * Options of TLS under the names of node:tls, and those of {@link TlsConfig} that it has no name for. Members that cannot be honoured throw;
 * unknown ones are ignored.
 */
export interface TlsOptions
  extends Pick<
    TlsConfig,
    'alpn' | 'extraCa' | 'keyLog' | 'passphrase' | 'pins' | 'sessionResumption' | 'systemCa' | 'verify'
  > {
  /** Roots that replace the default ones (webpki-roots, and what NODE_EXTRA_CA_CERTS and SSL_CERT_FILE add). */
  ca?: Pem | undefined;
  /** Client certificate chain, leaf first. Needs `key`. */
  cert?: Pem | undefined;
  /** Private key of `cert`, PEM or DER. node:tls's objects with `pem` and `passphrase` are taken, too; a KeyObject is not. */
  key?: Pem | readonly (string | NodeJS.ArrayBufferView | object)[] | undefined;
  /** The name to send (SNI) and to check. Default: the host that was connected to. `''`: the host too. */
  servername?: string | undefined;
  /** Default `true`. `false`: any certificate is accepted; `authorized` and `authorizationError` say what is wrong with it. `verify` wins. */
  rejectUnauthorized?: boolean | undefined;
  /** Protocols to offer, as names or in wire format. Wins over `alpn`. */
  ALPNProtocols?: readonly (string | NodeJS.ArrayBufferView)[] | NodeJS.ArrayBufferView | undefined;
  /** Replaces the check of the name; the chain is checked all the same. An error that it returns refuses the certificate. */
  checkServerIdentity?: ((hostname: string, certificate: PeerCertificate) => Error | undefined) | undefined;
  /** `'TLSv1.2'` (the default) or `'TLSv1.3'`. Older versions mean TLS 1.2. */
  minVersion?: 'TLSv1.3' | 'TLSv1.2' | 'TLSv1.1' | 'TLSv1' | undefined;
  /** `'TLSv1.3'` (the default) or `'TLSv1.2'`. Older versions throw. */
  maxVersion?: 'TLSv1.3' | 'TLSv1.2' | 'TLSv1.1' | 'TLSv1' | undefined;
}

/** How a socket is made. */
export interface SocketConstructorOptions {
  /** Default `false`: the peer's end ends our side too, when what was written is sent. */
  allowHalfOpen?: boolean | undefined;
  /** Destroys the socket when it is aborted. */
  signal?: AbortSignal | undefined;
  /** Bytes that are buffered in each direction before `write()` returns false or reading stops. Default: that of streams. */
  highWaterMark?: number | undefined;
}

/** Where and how to connect. */
export interface ConnectionOptions extends SocketConstructorOptions, TlsOptions {
  /** A Unix domain socket, in the place of `port` and `host`. Not on Windows. */
  path?: string | null | undefined;
  /** 1 to 65535. Needed without a `path`: otherwise ERR_MISSING_ARGS is thrown. Others than that in the type are for the options of node:http, as they come. */
  port?: number | string | null | undefined;
  /** Default `hostname`, or else `'localhost'`. */
  host?: string | null | undefined;
  /** 4 or 6: only addresses of that family. Default 0: both, raced (RFC 8305). */
  family?: number | undefined;
  /** Resolves the host in place of the system. */
  lookup?: LookupFunction | undefined;
  /** Default `'off'`. `'on'`: TLS from the start, `'secureConnect'` follows `'connect'`. `'starttls'` is `'off'`: any plain socket can be upgraded. */
  secureTransport?: SecureTransportKind | undefined;
  /** As `setNoDelay()`. Default `true`, unlike in node:net. */
  noDelay?: boolean | undefined;
  /** As `setKeepAlive()`. Default `false`. */
  keepAlive?: boolean | undefined;
  /** Milliseconds without traffic before the first probe. */
  keepAliveInitialDelay?: number | undefined;
  /** As `setTimeout()`. */
  timeout?: number | undefined;
  /** What createBinding() has made: where the connection may go, by which way. Default: that of setDefaultBinding(). */
  binding?: Binding | undefined;
}

/**
 * A connection in the shape of `net.Socket` (and, when it is encrypted, of `tls.TLSSocket`).
 *
 * Events: `lookup`, `connect`, `ready`, `secureConnect`, `data`, `end`, `drain`, `finish`, `timeout`, `error`, `close`.
 * Errors have the codes of node:net and node:tls (docs/errors.md), and `syscall`, `address` and `port` when connecting fails.
 */
export declare class Socket extends Duplex {
  constructor(options?: SocketConstructorOptions);
  connect(options: ConnectionOptions, listener?: () => void): this;
  /** The same as node:net declares it. */
  connect(options: net.TcpSocketConnectOpts, listener?: () => void): this;
  connect(port: number | string, host?: string, listener?: () => void): this;
  connect(port: number | string, listener?: () => void): this;
  /**
   * Upgrades a plain connection to TLS in place: what was written before goes out in plain text, what is written after waits for the
   * handshake. Emits `'secureConnect'`, or destroys the socket with the error. May be called before it is connected.
   * @throws {SocketError} ERR_INVALID_STATE if it is encrypted, ended or destroyed; ERR_INVALID_OPTION and the like.
   */
  startTls(options?: TlsOptions, listener?: () => void): this;

  readonly connecting: boolean;
  readonly pending: boolean;
  readonly readyState: 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed';
  readonly bytesRead: number;
  readonly bytesWritten: number;
  readonly bufferSize: number;
  readonly localAddress?: string;
  readonly localPort?: number;
  readonly localFamily?: string;
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  readonly remoteFamily: string | undefined;
  readonly timeout?: number;
  readonly autoSelectFamilyAttemptedAddresses: string[];
  address(): net.AddressInfo | Record<string, never>;
  setTimeout(timeout: number, listener?: () => void): this;
  setNoDelay(on?: boolean): this;
  setKeepAlive(on?: boolean, initialDelay?: number): this;
  /** 0 to 255: the byte in the headers of what is sent (IP_TOS, IPV6_TCLASS). */
  setTypeOfService(value: number): this;
  getTypeOfService(): number;
  ref(): this;
  unref(): this;
  destroySoon(): void;
  resetAndDestroy(): this;

  /** Whether TLS is on, from `startTls()` or `secureTransport: 'on'` on. */
  readonly encrypted: boolean;
  /** Whether the certificate was verified. */
  readonly authorized: boolean;
  /** Why not, with `rejectUnauthorized: false`: a code such as `'SELF_SIGNED_CERT_IN_CHAIN'`. */
  readonly authorizationError: string | null;
  /** The protocol agreed on; `false` if none was, `null` without TLS. */
  readonly alpnProtocol: string | false | null;
  readonly servername: string | undefined;
  getProtocol(): string | null;
  getCipher(): CipherNameAndProtocol | Record<string, never>;
  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate;
  getPeerX509Certificate(): import('node:crypto').X509Certificate | undefined;
  isSessionReused(): boolean;
}

/**
 * A socket for clients of PostgreSQL, which ask the server for TLS before the handshake: it asks, upgrades in Rust, and only then emits
 * `'connect'`. Tell the client that there is no TLS (`ssl: false`). A server without TLS is an error (ERR_TLS_PROTOCOL), never plain text.
 *
 * ```js
 * new pg.Client({ ssl: false, stream: () => new PostgresSocket({ ca }) });
 * postgres({ ssl: false, socket: ({ host: [host], port: [port] }) => new PostgresSocket({ ca }).connect(port, host) });
 * ```
 */
export declare class PostgresSocket extends Socket {
  constructor(options?: SocketConstructorOptions & TlsOptions);
}

/** Connects. `listener` is added to `'connect'`. Without arguments: a socket that is not connected yet, as `new Socket()`. */
export declare function createConnection(options?: ConnectionOptions, listener?: () => void): Socket;
export declare function createConnection(port: number | string, host?: string, listener?: () => void): Socket;
export declare function createConnection(port: number | string, listener?: () => void): Socket;

/**
 * A socket of `connect()` in the shape of `net.Socket`. It takes the connection over: the streams of `socket` are locked from then on,
 * its `opened` and `closed` settle as ever, its `close()` destroys the duplex.
 * @throws {TypeError} if it is none of ours. {SocketError} ERR_INVALID_STATE if it has been read from, a write is under
 * way, a stream is locked, or it is closed.
 */
export declare function toDuplex(socket: WebSocket): Socket;
