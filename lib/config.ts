/** The configuration of a binding: read once, checked as a whole. */

import type { ConfigOptions } from '../binding.d.cts';
import { LIMITS, readLimits, readTimeout } from './config/limits.ts';
import { type Members, readMembers } from './config/members.ts';
import { Mistakes } from './config/mistakes.ts';
import { readProxy } from './config/proxy.ts';
import { describe, readTexts } from './config/values.ts';

export interface Settings {
  /** What the native half takes. */
  native: Omit<ConfigOptions, 'notesActivity'>;
  /** The members of TlsConfig, as they were given. */
  tls: Members;
  /** Those of an https:// proxy. Without, what the binding itself trusts counts. */
  proxyTls: Members | undefined;
  resolve: ((hostname: string) => unknown) | undefined;
  /** Milliseconds; 0: never. */
  idleTimeout: number;
}

const TLS = [
  'alpn',
  'ca',
  'cert',
  'extraCa',
  'key',
  'keyLog',
  'maxVersion',
  'minVersion',
  'passphrase',
  'pins',
  'rejectUnauthorized',
  'sessionResumption',
  'systemCa',
  'verify',
];
const OTHERS = ['allow', 'deny', 'idleTimeout', 'proxy', 'resolve', ...LIMITS];
/** With a proxy it is HTTP, whatever is spoken through it. */
const PROXY_TLS = TLS.filter((name) => name !== 'alpn');

/**
 * Reads a BindingConfig.
 * @throws {SocketError} ERR_INVALID_OPTION, naming every member that cannot be used; or what a getter throws.
 */
export function readConfig(config: unknown): Settings {
  const mistakes = new Mistakes();
  const settings = readSettings(config, mistakes);
  mistakes.raise();
  return settings;
}

/** The same for whoever has more to check. What it returns can be used if there are no mistakes. */
export function readSettings(config: unknown, mistakes: Mistakes): Settings {
  const given = readMembers(config, [...OTHERS, ...TLS], '', mistakes) ?? {};
  const allow = readTexts(given['allow'], 'allow', 'rule', mistakes);
  const deny = readTexts(given['deny'], 'deny', 'rule', mistakes) ?? [];
  const { proxy, tls: proxyTls } = readProxy(given['proxy'], PROXY_TLS, mistakes);
  return {
    native: {
      ...(allow && { allow }),
      deny,
      ...(proxy && { proxy }),
      ...readLimits(given, mistakes),
    },
    tls: Object.fromEntries(TLS.filter((name) => name in given).map((name) => [name, given[name]])),
    proxyTls,
    resolve: readResolve(given['resolve'], mistakes),
    idleTimeout: readTimeout(given, 'idleTimeout', mistakes),
  };
}

function readResolve(value: unknown, mistakes: Mistakes): Settings['resolve'] {
  if (value === undefined) return undefined;
  if (typeof value === 'function') return value as Settings['resolve'];
  mistakes.add(`\`resolve\` must be a function of a host name, not ${describe(value)}`);
  return undefined;
}
