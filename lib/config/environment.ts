/** What the environment says of proxies. Its variables are set for many programs, so they are read as most of those do. */

import { isIP } from 'node:net';
import { unbracketed } from '../address.ts';
import { quoted } from '../error.ts';
import type { Mistakes } from './mistakes.ts';

/** Of DNS. */
const NAME_MAX = 253;

export interface Variable {
  name: string;
  /** Not empty. */
  text: string;
}

/**
 * Which proxy to take. HTTPS_PROXY is the one that tunnels; HTTP_PROXY is for plain requests, and in a CGI script whoever sends a header
 * `Proxy` sets it.
 */
export function proxyVariable(): Variable | undefined {
  return read('all_proxy') ?? read('https_proxy');
}

/**
 * The rules in NO_PROXY, which are the native half's to read. That they can be used is found out here, because there nobody knows whose they
 * are. There are no `192.168.*` and no ranges with a dash, which few programs know.
 */
export function exceptionsOfEnvironment(mistakes: Mistakes): string[] {
  const variable = read('no_proxy');
  if (variable === undefined) return [];
  const entries = variable.text.split(/[\s,]+/).filter(Boolean);
  return entries.flatMap((entry) => {
    // A word of rules is a name here, which a dot at the end makes clear.
    const word = /^(local|network|private|public|unix|unix-abstract)(:\d+)?$/i.exec(entry);
    const rule = word ? `${word[1]}.${word[2] ?? ''}` : entry;
    if (isRange(rule) || isPlace(rule)) return rule;
    mistakes.add(
      `the environment variable ${variable.name} holds ${quoted(entry)}, which is not a host name, an IP address or a CIDR range, or one of them with a port; correct it, or pass \`proxy: { url, except }\``,
    );
    return [];
  });
}

/** As curl and Node have it, lower case comes first. One that is empty is not set. */
function read(lower: string): Variable | undefined {
  for (const name of [lower, lower.toUpperCase()]) {
    const text = process.env[name]?.trim();
    if (text) return { name, text };
  }
  return undefined;
}

/** Whether a text is `*`, an address, or a name with what may come before and after it; and perhaps a port. */
function isPlace(text: string): boolean {
  const [, place = '', port] = /^(.*?)(?::(\d{1,5}))?$/s.exec(isIP(text) === 6 ? `[${text}]` : text) ?? [];
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) return false;
  const address = unbracketed(place);
  // Before a port IPv6 has brackets.
  const isAddress = isIP(address) === 4 || (isIP(address) === 6 && place !== address);
  if (place === '*' || isAddress) return !address.includes('%');
  const labels = place
    .replace(/^(?:\*?\.)?/, '')
    .replace(/\.$/, '')
    .split('.');
  const areLabels =
    labels.every((label) => /^[\w-]{1,63}$/.test(label)) && labels.join('.').length <= NAME_MAX;
  // 192.168.0 is no name, and nobody says what address it is.
  return areLabels && !/^(?:\d+|0x[\da-f]*)$/i.test(labels.at(-1) ?? '');
}

function isRange(text: string): boolean {
  const [, address = '', bits = ''] = /^([^/%]+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && Number(bits) <= (family === 4 ? 32 : 128);
}
