/** Addresses: a valid one or ERR_INVALID_ADDRESS; printed, it reads the same; a URL has nothing else in its place. */

import { isIP, isIPv6 } from 'node:net';
import fc from 'fast-check';
import { isHost, parseAddress, parsePath } from '../../lib/address.ts';
import { connect } from '../../lib/connect.ts';
import { attempted, long, spelt, strange, type Target, target } from './target.ts';

const CODES = ['ERR_INVALID_ADDRESS'];
const pieces = [
  ...['localhost', 'db.example', '[', ']', ':', '::', '::1', '.', '-', '_', '@', '%', '/', '//', 'unix:'],
  ...['127.0.0.1', '0x7f.1', '0177', '2130706433', '443', '65535', '65536', '0', '00080', '1e3', '+1', ' '],
  ...['user:secret@', 'http://', 'fe80::1%eth0', 'ffff', 'é', '\0', '\n', '\u202e', '?', '#', '\\', '\t'],
];
const text = fc.oneof(
  spelt(pieces, 6),
  fc.tuple(spelt(pieces, 3), fc.integer({ min: -1, max: 70_000 })).map(([host, port]) => `${host}:${port}`),
  fc.tuple(fc.oneof(fc.ipV6(), fc.ipV4Extended(), fc.domain()), fc.nat(70_000)).map(([host, port]) => {
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }),
);

function check(given: unknown): void {
  const address = attempted(() => parseAddress(given), CODES);
  if (address === undefined) return;
  const { host, port, text: printed } = address;
  const again = parseAddress(printed);
  if (JSON.stringify(again) !== JSON.stringify(address)) throw new Error(`${printed} reads as ${again.text}`);
  if (port === 0) {
    if (!/^[/@]/.test(host) || printed !== `unix:${host}`)
      throw new Error(`no path: ${JSON.stringify(host)}`);
    return;
  }
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`port ${port}`);
  const asObject = parseAddress({ hostname: host, port });
  if (asObject.text !== printed) throw new Error(`${printed} as an object is ${asObject.text}`);
  if (isIPv6(host) !== printed.startsWith('[')) throw new Error(`brackets of ${printed}`);
  agreesWithUrl(printed, host, port);
}

/** What a URL parser sees in the same place: this host and this port, and nothing else. */
function agreesWithUrl(printed: string, host: string, port: number): void {
  if (!URL.canParse(`wss://${printed}`)) return;
  const url = new URL(`wss://${printed}`);
  if (url.username || url.password || url.pathname !== '/' || url.search || url.hash) {
    throw new Error(`${printed} is more than a host and a port: ${url.href}`);
  }
  if (Number(url.port || 443) !== port) throw new Error(`${printed}: a URL has port ${url.port}`);
  const name = url.hostname.replace(/^\[|\]$/g, '');
  const same = isIP(name) ? isIP(host) === 0 || isIP(host) === isIP(name) : name === host.toLowerCase();
  if (!same) throw new Error(`${printed}: a URL has host ${url.hostname}`);
}

/** A name and a port that a URL has are an address. */
function fromUrl([host, port]: [string, number]): void {
  const { hostname } = new URL(`wss://${host.includes(':') ? `[${host}]` : host}`);
  const address = parseAddress(`${hostname}:${port}`);
  if (address.port !== port || address.host !== hostname.replace(/^\[|\]$/g, ''))
    throw new Error(address.text);
}

export const address: Target[] = [
  target('address: text', [text], check),
  target('address: anything', [strange], check),
  target(
    'address: dictionaries',
    [
      fc.record(
        { hostname: fc.oneof(text, strange), port: fc.oneof(fc.integer(), fc.double(), strange) },
        { requiredKeys: [] },
      ),
    ],
    check,
  ),
  target(
    'address: what a URL takes',
    [fc.tuple(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6()), fc.integer({ min: 1, max: 65_535 }))],
    fromUrl,
  ),
  target(
    'address: paths',
    [spelt(['/', 'run', '..', '@', '\0', 'é', ' ', '*', 'a'.repeat(50)], 8)],
    (path) => {
      const read = attempted(() => parsePath(path), CODES);
      if (read && read.host !== path) throw new Error(JSON.stringify(read));
    },
  ),
  target('address: passwords', [spelt(pieces, 4), spelt(pieces, 3)], (before, after) => {
    const secret = 'correct-horse-battery';
    if (before.startsWith('unix:')) return;
    try {
      connect(`${before}user:${secret}@${after}`);
    } catch (error) {
      if (String(error).includes(secret)) throw new Error(`told: ${error}`);
      return;
    }
    throw new Error('a user and a password were taken for an address');
  }),
  target(
    'address: long',
    [long([...pieces, 'a', 'a.'], 1_000_000)],
    (given) => {
      check(given);
      check({ hostname: given, port: 1 });
      if (isHost(given)) throw new Error('a megabyte is no host');
    },
    0.1,
  ),
];
