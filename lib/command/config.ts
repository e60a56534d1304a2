/** The options of the command as those of createBinding() and connect(). */

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { BindingConfig, SocketOptions, TlsVersion } from '../../index.d.ts';
import { type Arguments, oneOf } from './arguments.ts';
import { bare, UsageError } from './failure.ts';
import type { OptionName } from './options.ts';

/** Milliseconds for connecting, if nothing else is asked for. */
const patience = 30_000;

/**
 * Whom to trust, who we are, which way to go.
 * @throws {UsageError}
 */
export function bindingOf(given: Arguments, lookUp: (hostname: string) => Promise<string[]>): BindingConfig {
  const files = (name: OptionName): URL[] => given.values(name).map((path) => fileOf(name, path));
  const [cert] = files('cert');
  const [key] = files('key');
  const proxy = given.value('proxy');
  return {
    ...(given.has('ca') && { ca: files('ca') }),
    ...(given.has('extra-ca') && { extraCa: files('extra-ca') }),
    ...(given.has('system-ca') && { systemCa: true }),
    ...(cert && key && { cert, key, passphrase: passphraseOf(given) }),
    ...(given.has('insecure') && { verify: false }),
    ...(given.has('pin') && { pins: given.values('pin') }),
    ...(given.has('min-version') && { minVersion: versionOf(given, 'min-version') }),
    ...(given.has('max-version') && { maxVersion: versionOf(given, 'max-version') }),
    ...(proxy !== undefined && { proxy: proxy === 'env' ? true : proxy }),
    ...(given.has('allow') && { allow: given.values('allow') }),
    ...(given.has('deny') && { deny: given.values('deny') }),
    resolve: lookUp,
    connectTimeout: timeLimitOf(given),
    idleTimeout: millisecondsOf(given, 'idle-timeout') ?? 0,
  };
}

/** A URL of something else would be taken for a path, and its password be shown as a part of one. */
function fileOf(name: OptionName, path: string): URL {
  if (/^\w[\w+.-]*:\/\/.*@/s.test(path))
    throw new UsageError(`--${name} takes the path of a file, and "${bare(path)}" is a URL`);
  return pathToFileURL(resolve(path));
}

/**
 * The same without what says which certificates are good. For looking at one that was refused, and for nothing else: so we do not say who
 * we are either. `undefined`: that would go for a proxy, too, which is told a password.
 */
export function withoutTrust(config: BindingConfig): BindingConfig | undefined {
  const { ca, extraCa, systemCa, pins, cert, key, passphrase, ...rest } = config;
  const seen: BindingConfig = { ...rest, verify: false, sessionResumption: false };
  if (typeof config.proxy === 'string' && /^https:/i.test(config.proxy)) {
    const trust = { ca, extraCa, systemCa, verify: config.verify ?? true };
    return { ...seen, proxy: { url: config.proxy, tls: trust } };
  }
  const isSecure = Object.entries(process.env).some(
    ([name, value = '']) => /^(?:https|all)_proxy$/i.test(name) && /^https:/i.test(value),
  );
  return config.proxy === true && isSecure ? undefined : seen;
}

/** What connect() is given. */
export function socketOptionsOf(given: Arguments, signal: AbortSignal): SocketOptions {
  const alpn = given
    .value('alpn')
    ?.split(',')
    .map((name) => name.trim());
  const sni = given.value('sni');
  return {
    secureTransport: given.has('tls') ? 'on' : given.has('starttls') ? 'starttls' : 'off',
    allowHalfOpen: given.has('half-open'),
    ...(sni !== undefined && { sni }),
    ...(alpn && { alpn }),
    signal,
  };
}

/** Milliseconds for connecting; 0: no limit. */
export function timeLimitOf(given: Arguments): number {
  return millisecondsOf(given, 'connect-timeout') ?? patience;
}

/** The proxy without who we are there. */
export function proxyOf(given: Arguments): string | null {
  const option = given.value('proxy');
  const proxy = option === 'env' ? proxyOfEnvironment() : option;
  if (proxy === undefined) return null;
  if (!URL.canParse(proxy)) return proxy.replace(/^.*@/, '');
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

/** The variables that `proxy: true` of a binding reads, in the same order. */
function proxyOfEnvironment(): string | undefined {
  const names = ['all_proxy', 'ALL_PROXY', 'https_proxy', 'HTTPS_PROXY'];
  return names.map((name) => process.env[name]).find(Boolean);
}

function passphraseOf(given: Arguments): string | null {
  const path = given.value('passphrase-file');
  if (path === undefined) return null;
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    const reason = (error as Error).message.replaceAll(path, () => bare(path));
    throw new UsageError(`--passphrase-file cannot be read: ${reason}`);
  }
}

function versionOf(given: Arguments, name: OptionName): TlsVersion {
  const version = given.value(name)?.replace(/^TLS\s?v?/i, '');
  oneOf(name, version, ['1.2', '1.3']);
  return `TLSv${version}` as TlsVersion;
}

function millisecondsOf(given: Arguments, name: OptionName): number | undefined {
  const text = given.value(name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} takes whole milliseconds, and ${JSON.stringify(bare(text))} is none`);
}
