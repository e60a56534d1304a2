/** What createConnection() and Socket.connect() are called with, in node:net's many forms. */

import { isIP, type LookupFunction } from 'node:net';
import { resolve } from 'node:path';
import type { ConnectionOptions } from '../../node.d.ts';
import { quoted, SocketError } from '../error.ts';
import { invalid } from '../options.ts';
import { readMilliseconds } from './idleness.ts';

export type Listener = () => void;

/** Options, and the listener behind them. Null and undefined at the end count as left out. */
export type Arguments = [options: Partial<ConnectionOptions>, listener: Listener | undefined];

/** The forms `(options?, listener?)`, `(port, host?, listener?)`; as node:net reads them. */
export function readArguments(given: readonly unknown[]): Arguments {
  const [first, second] = given;
  const last = given.findLast((argument) => argument !== undefined && argument !== null);
  const listener = typeof last === 'function' ? (last as Listener) : undefined;
  if (typeof first === 'object' && first !== null) return [first, listener];
  if (first === undefined || first === null || typeof first === 'function') return [{}, listener];
  // What is a number in any way is a port, and then perhaps a bad one.
  if (typeof first === 'string' && !(Number(first) >= 0)) return [pathOptions(first), listener];
  const options: Partial<ConnectionOptions> = { port: first as number };
  if (typeof second === 'string') options.host = second;
  return [options, listener];
}

function pathOptions(path: string): Partial<ConnectionOptions> {
  return { path } as Partial<ConnectionOptions>;
}

/** Where to connect, checked. */
export interface Target {
  /** For a Unix domain socket: what its server is called, for TLS. */
  host: string;
  port: number;
  /** Of a Unix domain socket, absolute. */
  path: string | undefined;
  /** Resolves the host here instead of in the native half. */
  lookup: LookupFunction | undefined;
  family: 0 | 4 | 6;
}

/** Members that change where a connection goes or comes from, and that the native half has no way to honour. */
const unsupported: Readonly<Record<string, string>> = {
  ...(process.platform === 'win32' && { path: 'pass a port, and use node:net for pipes' }),
  localAddress: 'the system chooses the local address',
  localPort: 'the system chooses the local port',
  onread: "listen to 'data' instead",
  fd: 'use node:net for descriptors',
  handle: 'use node:net for handles',
};

/**
 * The target of a connection.
 * @throws {SocketError} with node:net's codes: ERR_MISSING_ARGS, ERR_SOCKET_BAD_PORT, ERR_INVALID_ARG_TYPE; and
 * ERR_INVALID_OPTION for what cannot be honoured.
 */
export function readTarget(options: Partial<ConnectionOptions>): Target {
  const bag = options as Record<string, unknown>;
  for (const [name, why] of Object.entries(unsupported)) {
    if (bag[name] !== undefined && bag[name] !== null) {
      throw invalid(`\`${name}\` is not supported; ${why}`);
    }
  }
  const { path, port, hostname, host = hostname, lookup, family } = bag;
  // As in node:net: with a path the rest does not count.
  if (path !== undefined && path !== null) {
    if (typeof path !== 'string') throw ofType('path', 'a string', path);
    if (/^[\w.[\]:-]+:\d{1,5}$/.test(path)) {
      throw invalid(
        `\`path\` is ${quoted(path)}, which looks like an address; pass a port, or \`{ host, port }\``,
      );
    }
    const name = typeof host === 'string' && host ? host : 'localhost';
    // Linux's abstract names begin with NUL there.
    const place = path.startsWith('\0') ? `@${path.slice(1)}` : resolve(path);
    return { host: name, port: 0, path: place, lookup: undefined, family: 0 };
  }
  if (port === undefined) {
    throw new SocketError('`port` is missing; pass a port, options with `port` and `host`, or a `path`', {
      code: 'ERR_MISSING_ARGS',
    });
  }
  if (typeof port !== 'number' && typeof port !== 'string')
    throw ofType('port', 'a number or a string', port);
  const number = typeof port === 'string' && port.trim() === '' ? Number.NaN : Number(port);
  if (!(Number.isInteger(number) && number >= 0 && number <= 65535)) {
    throw new SocketError(
      `\`port\` must be a number from 1 to 65535, not ${typeof port === 'string' ? quoted(port) : port}`,
      {
        code: 'ERR_SOCKET_BAD_PORT',
      },
    );
  }
  if (host !== undefined && host !== null && typeof host !== 'string') throw ofType('host', 'a string', host);
  if (lookup !== undefined && lookup !== null && typeof lookup !== 'function') {
    throw ofType('lookup', 'a function', lookup);
  }
  return {
    host: (host as string) || 'localhost',
    port: number,
    path: undefined,
    lookup: (lookup as LookupFunction | null) ?? undefined,
    family: family === 4 || family === 6 ? family : 0,
  };
}

/** @throws {SocketError} ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
export function checkTimes(keepAliveInitialDelay: unknown, timeout: unknown): void {
  if (typeof keepAliveInitialDelay !== 'number') {
    throw ofType('keepAliveInitialDelay', 'a number', keepAliveInitialDelay);
  }
  if (timeout) readMilliseconds(timeout);
}

/** A value of the wrong type. */
function ofType(name: string, wanted: string, value: unknown): SocketError {
  return new SocketError(`\`${name}\` must be ${wanted}, not ${value === null ? 'null' : typeof value}`, {
    code: 'ERR_INVALID_ARG_TYPE',
  });
}

/** An endpoint in the words of node:net. */
export interface Endpoint {
  address: string;
  port: number;
  family: 'IPv4' | 'IPv6';
}

/** Reads `ip:port`. A Unix domain socket has none. */
export function readEndpoint(text: string): Endpoint | undefined {
  if (text.startsWith('unix:')) return undefined;
  const colon = text.lastIndexOf(':');
  const address = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { address, port: Number(text.slice(colon + 1)), family: isIP(address) === 6 ? 'IPv6' : 'IPv4' };
}

/** As it was asked for, for those who listen to channels. */
export function textOf({ host, port, path }: Target): string {
  if (path !== undefined) return `unix:${path}`;
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
