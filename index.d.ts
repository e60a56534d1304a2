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

/** Certificates or keys: PEM text, bytes (PEM or DER), a `file:` URL that is read at once, or several of these. */
export type Pem = string | BufferSource | URL | readonly (string | BufferSource | URL)[];

/** Versions of TLS. */
export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/**
 * Whom a connection trusts and who it is: members of the configuration of a {@link createBinding binding}, of
 * {@link Socket.startTls} and of wintersock/node. Ours: the draft leaves them to the host.
 */
export interface TlsConfig {
  /** Roots that replace every default one. Text that is not PEM throws: a file is a `file:` URL. */
  ca?: Pem | null | undefined;
  /** Roots in addition to the default ones, or to those of `ca`. */
  extraCa?: Pem | null | undefined;
  /** Also trust what the system's own store holds. Default `false`, unless Node was told to (`--use-system-ca`). */
  systemCa?: boolean | null | undefined;
  /** Client certificate chain, leaf first. Needs `key`. */
  cert?: Pem | null | undefined;
  /** Private key of `cert`: PKCS#8, PKCS#1 or SEC1, as PEM or DER. */
  key?: Pem | null | undefined;
  /** Of an encrypted `key`. */
  passphrase?: string | null | undefined;
  /**
   * Default `true`. `false`: any certificate that can be read at all (X.509 version 3) is accepted, and anybody between here and the server can read and change everything; the
   * process is warned once. `true`, said by a host, has the last word: what turns it off for a connection throws. With `pins`: a certificate with a pinned key is accepted, whoever issued it.
   */
  verify?: boolean | null | undefined;
  /** The same under Node's name, as drivers pass it. `verify` wins. */
  rejectUnauthorized?: boolean | null | undefined;
  /**
   * Public keys, as `'sha256/'` and the base64 of the SHA-256 of the SubjectPublicKeyInfo: one of the chain that was verified has
   * to be among them (ERR_TLS_PIN), the server's own with `verify: false`.
   */
  pins?: readonly string[] | null | undefined;
  /** Default `'TLSv1.2'`. */
  minVersion?: TlsVersion | null | undefined;
  /** Default `'TLSv1.3'`. */
  maxVersion?: TlsVersion | null | undefined;
  /** Protocols to offer by ALPN where the caller names none. */
  alpn?: Iterable<string> | null | undefined;
  /** Default `true`: later connections to the same name resume the session. */
  sessionResumption?: boolean | null | undefined;
  /**
   * Appends the secrets of each session to this file (NSS key log format, for Wireshark); `true`: to the file that the environment variable
   * SSLKEYLOGFILE names. Whoever reads it can read the traffic: the process is warned once. Default: if SSLKEYLOGFILE is set.
   */
  keyLog?: string | URL | boolean | null | undefined;
}

/** Options of {@link Socket.startTls}. Drivers pass bags of their own: unknown members are ignored. */
export interface StartTlsOptions extends TlsConfig {
  /** The name to send (SNI) and to check the certificate against. Default: `sni` or the hostname of `connect()`. */
  sni?: string | null | undefined;
  /** The same under Node's name, as pg passes it. `sni` wins. */
  servername?: string | null | undefined;
  /** The same under workerd's name. `sni` and `servername` win. */
  expectedServerHostname?: string | null | undefined;
  [unknown: string]: unknown;
}

/** What `opened` resolves with. */
export interface SocketInfo {
  /** The address that was asked for, `"localhost:5432"`, `"[::1]:5432"` or `"unix:/run/postgresql/.s.PGSQL.5432"`. */
  remoteAddress: string;
  /** The local endpoint, `"127.0.0.1:50412"`, `"[::1]:50412"` or `"unix:"`. */
  localAddress: string;
  /** The protocol agreed on by ALPN, `null` if none was. */
  alpn: string | null;
  /** What TLS has agreed on; `null` without TLS. Put together when it is asked for, while the socket is open. Ours. */
  readonly tls: TlsInfo | null;
}

/** What the two sides of a TLS session have agreed on. */
export interface TlsInfo {
  version: TlsVersion;
  /** The cipher suite, as IANA calls it. */
  cipher: string;
  /** The group of the key exchange, as IANA calls it (`'X25519MLKEM768'`); `null` where none was agreed on anew. */
  group: string | null;
  /** Whether an earlier session was resumed. */
  resumed: boolean;
  /** The server's certificate: an `X509Certificate` of node:crypto. */
  readonly peerCertificate: PeerCertificate;
  /** All that the server sent, its own first. */
  readonly peerCertificates: readonly PeerCertificate[];
  /** With `verify: false`: the code of what is wrong with the certificate; `null` if nothing is. */
  authorizationError: string | null;
}

/** What an `X509Certificate` of node:crypto has, as far as it is named here. */
export interface PeerCertificate {
  readonly subject: string;
  readonly issuer: string;
  readonly subjectAltName: string | undefined;
  readonly validFrom: string;
  readonly validTo: string;
  readonly serialNumber: string;
  readonly fingerprint256: string;
  /** DER. */
  readonly raw: Uint8Array;
}

/** Figures of a socket, after the `stats` of the 2021 proposal. They stay after it has closed. */
export interface SocketStats {
  /** Bytes that were read from it (with TLS: of plaintext). */
  bytesRead: number;
  /** Bytes that were taken over to be sent. */
  bytesWritten: number;
  /** The system's estimate of the round trip, in milliseconds; `null` where it has none (a proxy with TLS, a Unix socket, Windows). */
  roundTrip: number | null;
  /** Milliseconds each step took; `null` if there was none. */
  timings: {
    /** Waiting for a connection of the binding to close (`maxConnections`). */
    wait: number | null;
    /** Looking the name up. */
    lookup: number | null;
    /** TCP, from the first attempt to the one that succeeded. */
    connect: number | null;
    /** Being let through by the proxy. */
    proxy: number | null;
    /** The TLS handshake. */
    tls: number | null;
  };
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
  /** Figures, as they are now. Ours. */
  readonly stats: SocketStats;
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
 * @param address `"host:port"`, with IPv6 in brackets, `{ hostname, port }`, or `"unix:/path"`.
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

/**
 * How a host lets code connect: whom to trust, who it is, where connections may go and by which way. Read and checked as a whole:
 * a member that is unknown, or cannot be used, throws.
 */
export interface BindingConfig extends TlsConfig {
  /**
   * Where connections may go. Default: everywhere. A rule is `'public'`, `'private'`, `'local'`, `'network'`, `'unix'`, `'unix-abstract'`, an IP
   * address or CIDR range, a host name (`'db.example'`, `'*.example'`), a path (`'unix:/run/postgresql/*'`) or `'*'`; all but the Unix ones
   * may end in a port or a range of them (`'*:443'`, `'10.0.0.0/8:5432-5439'`, `'[fd00::/8]:5432'`). See docs/network-policy.md.
   */
  allow?: readonly string[] | null | undefined;
  /** Where they may not go, unless a narrower range of `allow` lets them. Rules as in `allow`. */
  deny?: readonly string[] | null | undefined;
  /**
   * `http://`, `https://`, `socks5://` (names are looked up here) or `socks5h://` (names are looked up there), with `user:password@` if needed. `true`: what the
   * environment says (ALL_PROXY, HTTPS_PROXY and NO_PROXY, also in lower case). Default: none, whatever the environment says.
   */
  proxy?: string | URL | ProxyConfig | boolean | null | undefined;
  /** The IP address to connect from. Addresses of the other family are left out. */
  localAddress?: string | null | undefined;
  /** The port to connect from: one connection at a time. */
  localPort?: number | null | undefined;
  /**
   * Looks names up in place of the system: gives IP addresses, or `unix:/path`, most wanted first. They are subject to `allow` and
   * `deny`. An error that it throws, or rejects with, is the socket's.
   */
  resolve?: ((hostname: string) => Iterable<string> | PromiseLike<Iterable<string>>) | null | undefined;
  /** Milliseconds for all that comes before `opened`, and for a later handshake of `startTls()`. Default 0: none (the
   * system gives up TCP alone). */
  connectTimeout?: number | null | undefined;
  /** Milliseconds without a byte in either direction after which a socket is ended (ERR_IDLE_TIMEOUT). Default 0: never. */
  idleTimeout?: number | null | undefined;
  /** Whether the system probes a silent peer. Default `false`; `true`: at the system's own times. */
  keepAlive?: boolean | KeepAliveConfig | null | undefined;
  /** Whether small segments go out without waiting for an acknowledgement. Default `true`. */
  noDelay?: boolean | null | undefined;
  /** How many connections there may be at a time. More wait, or are refused (ERR_MAX_CONNECTIONS). Default: no limit. */
  maxConnections?: number | { limit: number; whenFull?: 'wait' | 'refuse' | undefined } | null | undefined;
  /** Milliseconds before the next address of a name is tried, too, while one has not answered (RFC 8305). Default 250; 10 to 2000. */
  attemptDelay?: number | null | undefined;
}

/** A way out through a proxy. */
export interface ProxyConfig {
  /** As the string form. */
  url: string | URL;
  /** What is connected to directly: rules as in `allow`, or one string of them with commas, as NO_PROXY has. */
  except?: string | readonly string[] | null | undefined;
  /**
   * TLS to an `https://` proxy. Default: trust as of the binding, without its certificate, pins and protocols. With any member here, and
   * with `pins` of the binding, the proxy is verified, unless `verify: false` stands here.
   */
  tls?: Omit<TlsConfig, 'alpn'> | null | undefined;
}

/** When the system probes a silent peer. */
export interface KeepAliveConfig {
  /** Milliseconds of silence before the first probe; in steps of a second. Default: the system's (two hours). */
  idle?: number | null | undefined;
  /** Milliseconds between two probes; in steps of a second. */
  interval?: number | null | undefined;
  /** Probes without an answer after which the connection is broken. */
  count?: number | null | undefined;
}

/** The draft's binding object: what a host gives to code that connects. */
export interface Binding {
  /** {@link connect}, under the configuration of the binding. Needs no `this`. */
  readonly connect: typeof connect;
  /** Figures, as they are now. */
  readonly stats: BindingStats;
}

/** Figures of a binding. */
export interface BindingStats {
  /** Connections that are open. */
  open: number;
  /** Connections that are on their way, those that wait among them. */
  connecting: number;
  /** Bytes read by all of them so far. */
  bytesRead: number;
  /** Bytes taken over to be sent by all of them so far. */
  bytesWritten: number;
  /** How many connections failed, or were refused, with each code. */
  failures: Record<string, number>;
}

/**
 * Makes a binding. It cannot be changed afterwards; make one for each set of rules and keep it: its connections share TLS configurations and
 * sessions. Files are read here, once.
 *
 * @throws {SocketError} that names each member that cannot be used: ERR_INVALID_OPTION, ERR_INVALID_CA, ERR_INVALID_CERT, ERR_INVALID_KEY.
 */
export declare function createBinding(config?: BindingConfig | null): Binding;

/**
 * Configures what `connect()` of this package, `cloudflare:sockets` and wintersock/node use in this thread. Once, before the first of their
 * connections: by the host, as in `node --import ./host.mjs app.mjs`.
 *
 * @throws {SocketError} as {@link createBinding}; ERR_INVALID_STATE if it is called again, or too late.
 */
export declare function setDefaultBinding(config: BindingConfig): Binding;

/** Configurations to spread into one's own: `createBinding({ ...presets.cloudflare, ca })`. */
export declare const presets: {
  /** As workerd is by default: public addresses only. */
  readonly workerd: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  /** As Workers at Cloudflare: public addresses only, and not port 25. */
  readonly cloudflare: { readonly allow: readonly string[]; readonly deny: readonly string[] };
};
