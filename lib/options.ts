/** Options: dictionaries read as WebIDL does (members in lexicographical order, inherited ones and getters count). */

import { types } from 'node:util';
import type { TlsOptions } from '../binding.d.cts';
import type { SecureTransportKind } from '../index.d.ts';
import { isHost, unbracketed } from './address.ts';
import { SocketError } from './error.ts';

export interface Options {
  allowHalfOpen: boolean;
  alpn: string[];
  highWaterMark: number;
  secureTransport: SecureTransportKind;
  signal: AbortSignal | undefined;
  sni: string | undefined;
}

/** Bytes that a writable queues before `desiredSize` reaches 0, unless `highWaterMark` says otherwise. */
const HIGH_WATER_MARK = 65_536;
const ALPN_NAME_MAX = 255;
/** Far more than anybody offers, and far less than the 16 bits of the ClientHello's lengths. */
const ALPN_LIST_MAX = 32_768;

/**
 * The options of connect().
 * @throws {SocketError} ERR_INVALID_OPTION, naming the option; or what a getter throws.
 */
export function readOptions(options: unknown): Options {
  const bag = dictionary(options, 'options');
  const allowHalfOpen = Boolean(bag['allowHalfOpen']);
  const alpn = readAlpn(bag['alpn']);
  const highWaterMark = readHighWaterMark(bag['highWaterMark']);
  const secureTransport = readSecureTransport(bag['secureTransport']);
  const signal = readSignal(bag['signal']);
  const sni = readName(bag['sni'], 'sni');
  if (secureTransport === 'off' && (alpn.length > 0 || sni !== undefined)) {
    const name = sni === undefined ? 'alpn' : 'sni';
    throw invalid(
      `\`${name}\` needs TLS; set secureTransport to 'on' or 'starttls', or leave \`${name}\` out`,
    );
  }
  return { allowHalfOpen, alpn, highWaterMark, secureTransport, signal, sni };
}

/** What a handshake needs, from the options of connect() and then of startTls(). */
export function tlsOptions(options: Options, host: string): TlsOptions {
  return { serverName: options.sni ?? host, alpn: options.alpn, ...trustOfHost() };
}

/**
 * The options of startTls() over those of connect(). Drivers pass bags of their own, so unknown members are ignored.
 * @throws {SocketError} ERR_INVALID_OPTION
 */
export function readStartTlsOptions(options: unknown, inherited: TlsOptions): TlsOptions {
  const bag = dictionary(options, 'the options of startTls()');
  const ca = readPem(bag['ca'], 'ca');
  const cert = readPem(bag['cert'], 'cert');
  const expected = readName(bag['expectedServerHostname'], 'expectedServerHostname');
  const key = readPem(bag['key'], 'key');
  const servername = readName(bag['servername'], 'servername');
  const sni = readName(bag['sni'], 'sni');
  const tls = {
    ...inherited,
    ...identityOf(cert, key),
    serverName: sni ?? servername ?? expected ?? inherited.serverName,
  };
  if (ca) tls.ca = ca;
  return tls;
}

function dictionary(value: unknown, name: string): Record<string, unknown> {
  if (value === undefined || value === null) return {};
  if (typeof value !== 'object' && typeof value !== 'function') {
    throw invalid(`${name} must be an object, not ${describe(value)}`);
  }
  return value as Record<string, unknown>;
}

/** One of the three kinds, exactly. */
export function readSecureTransport(value: unknown): SecureTransportKind {
  if (value === undefined) return 'off';
  if (value === 'off' || value === 'on' || value === 'starttls') return value;
  const text = typeof value === 'symbol' ? value.toString() : String(value);
  if (text === 'off' || text === 'on' || text === 'starttls') return text;
  throw invalid(`\`secureTransport\` must be 'off', 'on' or 'starttls', not ${JSON.stringify(text)}`);
}

function readAlpn(value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    throw invalid(`\`alpn\` must be an iterable of protocol names, not ${describe(value)}`);
  }
  const names = Array.from(value as Iterable<unknown>, (item) => {
    const name = typeof item === 'symbol' ? '' : String(item);
    if (name === '' || name.length > ALPN_NAME_MAX || !/^[\x20-\x7e]+$/.test(name)) {
      throw invalid('`alpn` holds something else than a protocol name of 1 to 255 ASCII characters');
    }
    return name;
  });
  // On the wire each name has its length before it.
  if (names.reduce((bytes, name) => bytes + name.length + 1, 0) > ALPN_LIST_MAX) {
    throw invalid(`\`alpn\` is longer than ${ALPN_LIST_MAX} bytes together; offer fewer protocols`);
  }
  return names;
}

function readHighWaterMark(value: unknown): number {
  if (value === undefined) return HIGH_WATER_MARK;
  const mark = typeof value === 'symbol' ? Number.NaN : Number(value);
  if (!(mark >= 0 && Number.isFinite(mark))) {
    throw invalid(`\`highWaterMark\` must be a number of bytes from 0 on, not ${describe(value)}`);
  }
  return mark;
}

function readSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  const signal = value as AbortSignal;
  if (typeof value !== 'object' || typeof signal.aborted !== 'boolean' || !('addEventListener' in value)) {
    throw invalid(`\`signal\` must be an AbortSignal, not ${describe(value)}`);
  }
  return signal;
}

function readName(value: unknown, option: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  // pg passes an IPv6 host as it was given to it: in brackets.
  const name = typeof value === 'symbol' ? '' : unbracketed(String(value));
  if (!isHost(name)) throw invalid(`\`${option}\` must be a host name, not ${describe(value)}`);
  return name;
}

/**
 * Who the client is, as the native half takes it.
 * @throws {SocketError} ERR_INVALID_OPTION, if one is there without the other.
 */
export function identityOf(
  cert: Buffer[] | undefined,
  key: Buffer[] | undefined,
): Pick<TlsOptions, 'cert' | 'key'> {
  if ((cert === undefined) !== (key === undefined)) {
    throw invalid('`cert` and `key` belong together; pass both, or neither');
  }
  return cert && key ? { cert, key: Buffer.concat(key) } : {};
}

/** Certificates or keys, one or several. */
export function readPem(value: unknown, option: string): Buffer[] | undefined {
  if (value === undefined || value === null) return undefined;
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => {
    if (typeof item === 'string') return Buffer.from(item);
    if (ArrayBuffer.isView(item)) return Buffer.from(item.buffer, item.byteOffset, item.byteLength);
    if (types.isAnyArrayBuffer(item)) return Buffer.from(item);
    throw invalid(`\`${option}\` must be a string or bytes, not ${describe(item)}`);
  });
}

type Trust = Pick<TlsOptions, 'nodeExtra' | 'certFile' | 'certDir' | 'system'>;
let trust: Trust | undefined;

/** What the host adds to the default roots. Read once, at the first use of TLS. */
export function trustOfHost(): Trust {
  trust ??= {
    ...named('nodeExtra', 'NODE_EXTRA_CA_CERTS'),
    ...named('certFile', 'SSL_CERT_FILE'),
    ...named('certDir', 'SSL_CERT_DIR'),
    system: usesSystemStore(),
  };
  return trust;
}

function named(member: string, variable: string): Record<string, string> {
  const value = process.env[variable];
  return value ? { [member]: value } : {};
}

function usesSystemStore(): boolean {
  const flags = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return flags.includes('--use-system-ca') || process.env['NODE_USE_SYSTEM_CA'] === '1';
}

function describe(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 80))
    : String(value === null ? null : typeof value);
}

/** An option that cannot be used. */
export function invalid(what: string): SocketError {
  return new SocketError(`invalid option: ${what}`, { code: 'ERR_INVALID_OPTION' });
}
