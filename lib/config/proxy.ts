/** The way out through a proxy. */

import type { ProxyOptions } from '../../binding.d.cts';
import { isHost, unbracketed } from '../address.ts';
import { quoted } from '../error.ts';
import { exceptionsOfEnvironment, proxyVariable } from './environment.ts';
import { type Members, readMembers } from './members.ts';
import type { Mistakes } from './mistakes.ts';
import { describe, readTexts } from './values.ts';

type ProxyKind = ProxyOptions['kind'];

export interface WayOut {
  proxy?: ProxyOptions;
  /** The members of `proxy.tls`, if there are any. */
  tls?: Members;
}

/**
 * Where a proxy listens, if its URL does not say. curl takes 1080 for http://, but a URL object that was made with `:80` does not have it
 * any more; Node's own use of proxies has these, too.
 */
const PORTS = new Map<string, [kind: ProxyKind, port: number]>([
  ['http', ['http', 80]],
  ['https', ['https', 443]],
  ['socks5', ['socks5', 1080]],
  ['socks5h', ['socks5h', 1080]],
]);
const SCHEMES = 'http://, https://, socks5:// or socks5h://';
/** RFC 1929: the length is one byte. */
const SOCKS_MAX = 255;

/** @param tlsNames What there is in `proxy.tls`. */
export function readProxy(value: unknown, tlsNames: readonly string[], mistakes: Mistakes): WayOut {
  if (value === undefined || value === false) return {};
  if (value === true) return { ...given(ofEnvironment(mistakes)) };
  const text = textOf(value);
  if (text !== undefined) return { ...given(parse(text, '`proxy`', [], mistakes)) };
  if (typeof value === 'object') return readDictionary(value, tlsNames, mistakes);
  mistakes.add(
    `\`proxy\` must be a URL, { url, except, tls }, true for what the environment says, or false, not ${describe(value)}`,
  );
  return {};
}

const given = (proxy: ProxyOptions | undefined): WayOut => (proxy ? { proxy } : {});

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  // Not by instanceof: one of another realm is as good.
  return Object.prototype.toString.call(value) === '[object URL]' ? String(value) : undefined;
}

function readDictionary(value: unknown, tlsNames: readonly string[], mistakes: Mistakes): WayOut {
  const members = readMembers(value, ['except', 'tls', 'url'], 'proxy', mistakes);
  if (members === undefined) return {};
  const except = readExceptions(members['except'], mistakes);
  const tls = 'tls' in members ? readMembers(members['tls'], tlsNames, 'proxy.tls', mistakes) : undefined;
  const text = textOf(members['url']);
  if (text === undefined) {
    const wrong = 'url' in members ? `not ${describe(members['url'])}` : 'and is missing';
    mistakes.add(`\`proxy.url\` must be a URL that begins with ${SCHEMES}, ${wrong}`);
    return {};
  }
  const proxy = parse(text, '`proxy.url`', except, mistakes);
  if (proxy && tls && proxy.kind !== 'https') {
    mistakes.add(
      `\`proxy.tls\` is for a proxy that is spoken to over TLS; ${proxy.text} is not, so leave it out`,
    );
  }
  return { ...given(proxy), ...(tls && { tls }) };
}

function readExceptions(value: unknown, mistakes: Mistakes): string[] {
  const list = typeof value === 'string' ? value.split(/[\s,]+/).filter(Boolean) : value;
  return readTexts(list, 'proxy.except', 'rule', mistakes) ?? [];
}

function ofEnvironment(mistakes: Mistakes): ProxyOptions | undefined {
  const variable = proxyVariable();
  if (variable === undefined) return undefined;
  // Others take a proxy without a scheme for one of HTTP.
  const text = variable.text.includes('://') ? variable.text : `http://${variable.text}`;
  const name = `the environment variable ${variable.name}`;
  return parse(text, name, exceptionsOfEnvironment(mistakes), mistakes);
}

/** In messages stands the text without its credentials: until all is checked, what the parser took for the host may be part of a password. */
function parse(text: string, name: string, except: string[], mistakes: Mistakes): ProxyOptions | undefined {
  const wrong = (what: string): undefined => {
    mistakes.add(`${name} ${what}, not ${quoted(text)}`);
  };
  const scheme = /^\s*([a-z][a-z\d+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  const [kind, defaultPort] = PORTS.get(scheme ?? '') ?? [];
  if (kind === undefined || defaultPort === undefined)
    return wrong(`must be a URL that begins with ${SCHEMES}`);
  const url = parseUrl(text);
  if (url === undefined || url.hostname === '') {
    return wrong('must be a URL with a host, and with user and password percent-encoded');
  }
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') {
    return wrong('must end after the port, without a path, a query and a fragment');
  }
  const host = unbracketed(url.hostname);
  if (!isHost(host)) return wrong('must have a host name, in punycode if need be, or an IP address');
  const port = url.port === '' ? defaultPort : Number(url.port);
  if (port === 0) return wrong('must have a port from 1 to 65535');
  const credentials = readCredentials(url, kind);
  if (typeof credentials === 'string') {
    mistakes.add(`${name} has ${credentials}`);
    return undefined;
  }
  return { kind, host, port, ...credentials, text: `${kind}://${url.hostname}:${port}`, except };
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}

/** Who we are at the proxy, or what is wrong with that. */
function readCredentials(url: URL, kind: ProxyKind): { username?: string; password?: string } | string {
  if (url.username === '' && url.password === '') return {};
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === undefined || password === undefined) {
    return 'a user or a password that is not percent-encoded UTF-8; encode it with encodeURIComponent()';
  }
  if (kind === 'socks5' || kind === 'socks5h') {
    if (username === '' || password === '') return 'a user or a password that is empty; SOCKS needs both';
    if (Buffer.byteLength(username) > SOCKS_MAX || Buffer.byteLength(password) > SOCKS_MAX) {
      return `a user or a password of more than ${SOCKS_MAX} bytes, which SOCKS cannot send; use shorter ones`;
    }
  } else if (username.includes(':')) {
    // RFC 7617: what comes after it would be taken for the password.
    return 'a user with a colon, which HTTP cannot send; use another';
  } else if (/\p{Cc}/u.test(username + password)) {
    return 'a user or a password with control characters, which HTTP cannot send; use others';
  }
  return { username, ...(password !== '' && { password }) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
