/** Options: dictionaries read as WebIDL does (members in lexicographical order, inherited ones and getters count). */

import type { Secure } from '../binding.d.cts';
import type { SecureTransportKind } from '../index.d.ts';
import { isHost, unbracketed } from './address.ts';
import { quoted, SocketError } from './error.ts';

export interface Options {
  allowHalfOpen: boolean;
  /** Undefined: none were named. */
  alpn: string[] | undefined;
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
  if (secureTransport === 'off' && (alpn?.length || sni !== undefined)) {
    const name = sni === undefined ? 'alpn' : 'sni';
    throw invalid(
      `\`${name}\` needs TLS; set secureTransport to 'on' or 'starttls', or leave \`${name}\` out`,
    );
  }
  return { allowHalfOpen, alpn, highWaterMark, secureTransport, signal, sni };
}

/** What a handshake needs beside credentials. */
export function secureOf({ alpn, sni }: Options, host: string): Secure {
  return { serverName: sni ?? host, ...(alpn && { alpn }) };
}

/**
 * The server's name, as the options of startTls() have it.
 * @throws {SocketError} ERR_INVALID_OPTION
 */
export function readServerName(bag: Readonly<Record<string, unknown>>): string | undefined {
  const expected = readName(bag['expectedServerHostname'], 'expectedServerHostname');
  const servername = readName(bag['servername'], 'servername');
  const sni = readName(bag['sni'], 'sni');
  return sni ?? servername ?? expected;
}

/** A dictionary; `null` is an empty one. */
export function dictionary(value: unknown, name: string): Record<string, unknown> {
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
  throw invalid(`\`secureTransport\` must be 'off', 'on' or 'starttls', not ${quoted(text)}`);
}

/** Names of protocols, most wanted first. */
export function readAlpn(value: unknown, option = 'alpn'): string[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'object' || value === null || !(Symbol.iterator in value)) {
    throw invalid(`\`${option}\` must be an iterable of protocol names, not ${describe(value)}`);
  }
  const names = Array.from(value as Iterable<unknown>, (item) => {
    const name = typeof item === 'symbol' ? '' : String(item);
    if (name === '' || name.length > ALPN_NAME_MAX || !/^[\x20-\x7e]+$/.test(name)) {
      throw invalid(`\`${option}\` holds something else than a protocol name of 1 to 255 ASCII characters`);
    }
    return name;
  });
  // On the wire each name has its length before it.
  if (names.reduce((bytes, name) => bytes + name.length + 1, 0) > ALPN_LIST_MAX) {
    throw invalid(`\`${option}\` is longer than ${ALPN_LIST_MAX} bytes together; offer fewer protocols`);
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

/** A value, for a message. */
export function describe(value: unknown): string {
  return typeof value === 'string' ? quoted(value) : String(value === null ? null : typeof value);
}

/** An option that cannot be used. */
export function invalid(what: string): SocketError {
  return new SocketError(`invalid option: ${what}`, { code: 'ERR_INVALID_OPTION' });
}
