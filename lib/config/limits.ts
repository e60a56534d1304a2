/** Limits and options of TCP. */

import { isIP } from 'node:net';
import type { ConfigOptions, KeepAlive } from '../../binding.d.cts';
import { type Members, readMembers } from './members.ts';
import type { Mistakes } from './mistakes.ts';
import { describe, type Range, readBoolean, readInteger } from './values.ts';

/** What the native half has to know of them. */
export type Limits = Pick<
  ConfigOptions,
  | 'attemptDelay'
  | 'connectTimeout'
  | 'keepAlive'
  | 'localAddress'
  | 'localPort'
  | 'maxConnections'
  | 'noDelay'
  | 'refuse'
>;

/** The longest time of Node's timers. */
const TIME_MAX = 2 ** 31 - 1;
const PORT: Range = { least: 1, most: 65_535, hint: 'leave it out for any port' };
const DELAY: Range = { least: 10, most: 2000, of: 'milliseconds' };
const TIMEOUT: Range = { least: 0, most: TIME_MAX, of: 'milliseconds', hint: '0 is no limit' };
/** Linux takes no more than 32,767 seconds, and 127 probes. */
const SILENCE: Range = { least: 1000, most: 32_767_000, of: 'milliseconds' };
const PROBES: Range = { least: 1, most: 127 };
const CONNECTIONS: Range = {
  least: 1,
  most: TIME_MAX,
  hint: 'leave `maxConnections` out for no limit',
};

export const LIMITS = [
  'attemptDelay',
  'connectTimeout',
  'keepAlive',
  'localAddress',
  'localPort',
  'maxConnections',
  'noDelay',
] as const;

export function readLimits(given: Members, mistakes: Mistakes): Limits {
  const attemptDelay = readInteger(given['attemptDelay'], 'attemptDelay', DELAY, mistakes);
  const connectTimeout = readTimeout(given, 'connectTimeout', mistakes);
  const keepAlive = readKeepAlive(given['keepAlive'], mistakes);
  const localAddress = readLocalAddress(given['localAddress'], mistakes);
  const localPort = readInteger(given['localPort'], 'localPort', PORT, mistakes);
  const { limit, refuse } = readMaxConnections(given['maxConnections'], mistakes);
  return {
    noDelay: readBoolean(given['noDelay'], 'noDelay', mistakes) ?? true,
    refuse,
    ...(attemptDelay !== undefined && { attemptDelay }),
    ...(connectTimeout > 0 && { connectTimeout }),
    ...(keepAlive && { keepAlive }),
    ...(localAddress !== undefined && { localAddress }),
    ...(localPort !== undefined && { localPort }),
    ...(limit !== undefined && { maxConnections: limit }),
  };
}

/** Milliseconds; 0 for none. */
export function readTimeout(given: Members, name: string, mistakes: Mistakes): number {
  return readInteger(given[name], name, TIMEOUT, mistakes) ?? 0;
}

function readKeepAlive(value: unknown, mistakes: Mistakes): KeepAlive | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return {};
  if (typeof value !== 'object') {
    mistakes.add(`\`keepAlive\` must be true, false or { idle, interval, count }, not ${describe(value)}`);
    return undefined;
  }
  const given = readMembers(value, ['count', 'idle', 'interval'], 'keepAlive', mistakes);
  if (given === undefined) return undefined;
  const count = readInteger(given['count'], 'keepAlive.count', PROBES, mistakes);
  const idle = readInteger(given['idle'], 'keepAlive.idle', SILENCE, mistakes);
  const interval = readInteger(given['interval'], 'keepAlive.interval', SILENCE, mistakes);
  return {
    ...(count !== undefined && { count }),
    ...(idle !== undefined && { idle }),
    ...(interval !== undefined && { interval }),
  };
}

function readLocalAddress(value: unknown, mistakes: Mistakes): string | undefined {
  if (value === undefined) return undefined;
  // Node takes fe80::1%eth0 for an address. The native half has no zones.
  if (typeof value === 'string' && isIP(value) !== 0 && !value.includes('%')) return value;
  mistakes.add(
    `\`localAddress\` must be an IP address of this machine, without brackets, zone and port, not ${describe(value)}`,
  );
  return undefined;
}

function readMaxConnections(value: unknown, mistakes: Mistakes): { limit?: number; refuse: boolean } {
  if (value === undefined) return { refuse: false };
  if (typeof value !== 'object') {
    const limit = readInteger(value, 'maxConnections', CONNECTIONS, mistakes);
    return limit === undefined ? { refuse: false } : { limit, refuse: false };
  }
  const given = readMembers(value, ['limit', 'whenFull'], 'maxConnections', mistakes);
  if (given === undefined) return { refuse: false };
  const { limit: wanted, whenFull = 'wait' } = given;
  const limit = readInteger(wanted, 'maxConnections.limit', CONNECTIONS, mistakes);
  if (wanted === undefined) {
    mistakes.add('`maxConnections.limit` is missing; say how many connections there may be at a time');
  }
  if (whenFull !== 'wait' && whenFull !== 'refuse') {
    mistakes.add(`\`maxConnections.whenFull\` must be 'wait' or 'refuse', not ${describe(whenFull)}`);
  }
  const refuse = whenFull === 'refuse';
  return limit === undefined ? { refuse } : { limit, refuse };
}
