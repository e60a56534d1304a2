/** Addresses: strict, as in workerd. What is wrong throws before anything is sent. */

import { isIPv6 } from 'node:net';
import { literal, quoted, SocketError } from './error.ts';

export interface Address {
  /** A name or an IP address, without brackets. Of a Unix domain socket: its path, or `@` and its abstract name. */
  host: string;
  /** 1 to 65535. 0: it is a Unix domain socket. */
  port: number;
  /** `host:port`, IPv6 in brackets, or `unix:/path`. */
  text: string;
  /** The name that the host, an address, was looked up by, if rules about that name are about it. */
  name?: string;
  /** Milliseconds for all that comes before it is open, if that is less than the host gives. */
  timeout?: number;
}

/** What the address of a Unix domain socket begins with. */
export const UNIX = 'unix:';
/** Bytes that the system takes, with the NUL at their end one more. */
const PATH_MAX = process.platform === 'linux' ? 107 : 103;

const HOST_MAX = 255;
const HOST = /^[\w.-]+$/;

/**
 * Converts the draft's `AnySocketAddress`: an object is a SocketAddress dictionary, anything else a string.
 * @throws {SocketError} ERR_INVALID_ADDRESS
 */
export function parseAddress(address: unknown): Address {
  if (address === null || address === undefined) {
    throw invalid('an address is needed');
  }
  if (typeof address === 'object' || typeof address === 'function') {
    const dictionary = address as { hostname?: unknown; port?: unknown };
    // WebIDL: each member is got and converted before the next.
    const host = unbracketed(dictionaryHost(dictionary.hostname));
    return finish(host, dictionaryPort(dictionary.port));
  }
  if (typeof address === 'symbol') throw invalid('a symbol is not an address');
  const text = String(address);
  return text.startsWith(UNIX) ? parsePath(text.slice(UNIX.length)) : parseString(text);
}

/**
 * The address of a Unix domain socket: an absolute path, or `@` and an abstract name.
 * @throws {SocketError} ERR_INVALID_ADDRESS
 */
export function parsePath(path: string): Address {
  const what = quote(UNIX + path);
  if (path === '/' || path === '@') throw invalid(`${what} names no socket`);
  if (!/^[/@]/.test(path)) {
    throw invalid(
      `the path in ${what} is not absolute; pass "unix:/path", or "unix:@name" for an abstract one`,
    );
  }
  if (path.includes('\0')) throw invalid(`the path in ${what} has a NUL character`);
  if (Buffer.byteLength(path) > PATH_MAX)
    throw invalid(`the path in ${what} is longer than ${PATH_MAX} bytes`);
  if (path.startsWith('@') && process.platform !== 'linux') {
    throw invalid(`${what} is an abstract name, which only Linux has`);
  }
  if (process.platform === 'win32')
    throw invalid(`${what}: there are no Unix domain sockets on Windows here`);
  return { host: path, port: 0, text: UNIX + path };
}

/** Whether a text can be sent and checked as the name of a server. */
export function isHost(text: string): boolean {
  return text.length <= HOST_MAX && (HOST.test(text) || isIPv6(text)) && !text.includes('%');
}

function parseString(text: string): Address {
  const colon = text.lastIndexOf(':');
  const digits = text.slice(colon + 1);
  if (text.includes('://')) throw invalid(`${quote(text)} is a URL; leave out the scheme and the path`);
  if (colon === -1 || (text.endsWith(']') && text.startsWith('['))) {
    throw invalid(`${quote(text)} has no port; the port is needed, also when it is 80 or 443`);
  }
  if (!/^\d{1,5}$/.test(digits)) throw invalid(`the port in ${quote(text)} is not a number from 1 to 65535`);
  const host = text.slice(0, colon);
  if (!host.startsWith('[') && host.includes(':')) {
    throw invalid(`the IPv6 address in ${quote(text)} needs brackets`);
  }
  if (host.startsWith('[') && !isIPv6(host.slice(1, -1))) {
    throw invalid(`what stands in brackets in ${quote(text)} is not an IPv6 address`);
  }
  return finish(unbracketed(host), Number(digits));
}

function dictionaryHost(hostname: unknown): string {
  if (hostname === null || hostname === undefined) throw invalid('`hostname` is missing');
  if (typeof hostname === 'symbol') throw invalid('`hostname` is a symbol');
  return String(hostname);
}

/** WebIDL's conversion to `unsigned short`, but what would wrap around is refused in `finish`. */
function dictionaryPort(port: unknown): number {
  if (port === undefined) throw invalid('`port` is missing');
  if (typeof port === 'symbol' || typeof port === 'bigint') throw invalid('`port` is not a number');
  return Math.trunc(Number(port));
}

/** An IPv6 address without its brackets; anything else as it is. */
export function unbracketed(host: string): string {
  return host.startsWith('[') && host.endsWith(']') && isIPv6(host.slice(1, -1)) ? host.slice(1, -1) : host;
}

function finish(host: string, port: number): Address {
  if (host === '') throw invalid('the hostname is empty; it never means localhost');
  if (host.length > HOST_MAX) throw invalid(`the hostname is longer than ${HOST_MAX} characters`);
  if (!isHost(host)) {
    throw invalid(
      `${quote(host)} is not a host name or IP address; use letters, digits, '-', '.' and '_' only, and punycode for other names`,
    );
  }
  if (!(port >= 1 && port <= 65535))
    throw invalid(`the port of ${quote(host)} is ${port}, which is not a number from 1 to 65535`);
  return { host, port, text: isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}` };
}

/** For messages: without what stands before an `@`, which may be a password. */
function quote(text: string): string {
  return text.startsWith(UNIX) ? literal(text) : quoted(text);
}

function invalid(what: string): SocketError {
  return new SocketError(
    `invalid address: ${what}; pass "host:port", "[ipv6]:port", { hostname, port } or "unix:/path"`,
    {
      code: 'ERR_INVALID_ADDRESS',
    },
  );
}
