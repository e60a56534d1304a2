/** Options and configurations: valid ones, or ERR_INVALID_OPTION and what a getter throws. */

import fc, { type Arbitrary } from 'fast-check';
import { readConfig } from '../../lib/config.ts';
import { createBinding } from '../../lib/connect.ts';
import { readOptions, readServerName } from '../../lib/options.ts';
import { attempted, hostile, long, spelt, strange, type Target, target } from './target.ts';

const names = fc.oneof(
  spelt(['localhost', '.', '::1', '[', ']', '%', 'h2', 'http/1.1', 'é', '/', '@'], 4),
  strange,
);

/** A dictionary of which some members are right, some are not, and some throw. */
function bag(members: Record<string, Arbitrary<unknown>>): Arbitrary<object> {
  const some = fc.record(members, { requiredKeys: [] });
  const throwing = fc.option(fc.constantFrom(...Object.keys(members)), { nil: undefined, freq: 20 });
  return fc.tuple(some, throwing).map(([plain, name]) => {
    if (name === undefined) return plain;
    return Object.defineProperty({ ...plain }, name, {
      enumerable: true,
      get: () => {
        throw hostile;
      },
    });
  });
}

const options = bag({
  allowHalfOpen: strange,
  alpn: fc.oneof(fc.array(names, { maxLength: 4 }), fc.string(), strange),
  highWaterMark: fc.oneof(fc.integer(), fc.double(), fc.string(), strange),
  secureTransport: fc.oneof(fc.constantFrom('off', 'on', 'starttls', 'ON'), strange),
  signal: fc.oneof(fc.constant(new AbortController().signal), strange),
  sni: names,
});

function checkOptions(given: unknown): void {
  const read = attempted(() => readOptions(given), ['ERR_INVALID_OPTION']);
  if (read === undefined) return;
  const { alpn = [], highWaterMark, secureTransport, sni } = read;
  const right =
    alpn.every((name) => /^[\x20-\x7e]{1,255}$/.test(name)) &&
    highWaterMark >= 0 &&
    Number.isFinite(highWaterMark) &&
    ['off', 'on', 'starttls'].includes(secureTransport) &&
    (sni === undefined || /^[\w.:-]{1,255}$/.test(sni));
  if (!right) throw new Error(`taken for valid: ${JSON.stringify(read)}`);
}

const rule = spelt(
  [
    'public',
    'private',
    'local',
    '*',
    '*.',
    ':',
    '443',
    '10.0.0.0/8',
    '::/0',
    '[',
    ']',
    'unix:/',
    'a',
    '.',
    '-',
  ],
  4,
);
const url = spelt(
  [
    'http',
    'https',
    'socks5',
    'socks5h',
    '://',
    'me',
    ':',
    '@',
    '%40',
    '%zz',
    'proxy.example',
    '[::1]',
    '/',
    '8080',
    '?',
    '#',
    ' ',
    '\n',
    'é',
  ],
  8,
);
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(1, 250, 1000, 443), strange);

const config = bag({
  allow: fc.oneof(fc.array(rule, { maxLength: 3 }), strange),
  deny: fc.oneof(fc.array(fc.oneof(rule, strange), { maxLength: 3 }), strange),
  attemptDelay: number,
  connectTimeout: number,
  idleTimeout: number,
  maxConnections: fc.oneof(number, fc.record({ limit: number, whenFull: strange }, { requiredKeys: [] })),
  localAddress: fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), strange),
  localPort: number,
  noDelay: fc.oneof(fc.boolean(), strange),
  keepAlive: fc.oneof(
    fc.record({ idle: number, interval: number, count: number }, { requiredKeys: [] }),
    strange,
  ),
  proxy: fc.oneof(
    url,
    fc.record({ url, except: fc.oneof(rule, fc.array(rule)), tls: strange }, { requiredKeys: [] }),
    strange,
  ),
  resolve: strange,
  verify: fc.constantFrom<unknown>(true, undefined, 'no', 0),
  minVersion: fc.constantFrom<unknown>('TLSv1.2', 'TLSv1.3', 'TLSv1.1', 3),
  maxVersion: fc.constantFrom<unknown>('TLSv1.2', 'TLSv1.3', undefined, null),
  alpn: fc.oneof(fc.array(names, { maxLength: 3 }), strange),
  unknown: fc.constant(undefined),
});

/** What was said of a proxy, with what must not be repeated in it. */
function checkSecret(before: string, after: string): void {
  const secret = 'correct-horse-battery';
  const given = `${before}user:${secret}@${after}`;
  for (const proxy of [given, { url: given }, { url: given, except: ['!'] }]) {
    try {
      readConfig({ proxy });
    } catch (error) {
      if (String(error).includes(secret)) throw new Error(`told: ${error}`);
    }
  }
}

/** The environment is written for other programs: what it says is taken, or the variable is named. */
function checkEnvironment(proxy: string, exceptions: string): void {
  const before = { ...process.env };
  for (const name of ['ALL_PROXY', 'all_proxy', 'HTTPS_PROXY', 'NO_PROXY', 'no_proxy'])
    delete process.env[name];
  process.env['https_proxy'] = proxy.replaceAll('\0', '');
  process.env['NO_PROXY'] = exceptions.replaceAll('\0', '');
  try {
    createBinding({ proxy: true });
  } catch (error) {
    const { code, message } = error as Error & { code?: string };
    if (code !== 'ERR_INVALID_OPTION') throw error;
    if (!message.includes('https_proxy') && !message.includes('NO_PROXY')) {
      throw new Error(`whose mistake is it? ${message}`);
    }
  } finally {
    Object.assign(process.env, before);
    for (const name of ['https_proxy', 'NO_PROXY']) if (!(name in before)) delete process.env[name];
  }
}

export const settings: Target[] = [
  target('options: dictionaries', [options], checkOptions),
  target('options: anything', [strange], checkOptions),
  target(
    'options: names of servers',
    [bag({ expectedServerHostname: names, servername: names, sni: names })],
    (given) => {
      attempted(() => readServerName(given as Record<string, unknown>), ['ERR_INVALID_OPTION']);
    },
  ),
  target('config: members', [config], (given) => {
    attempted(() => createBinding(given), ['ERR_INVALID_OPTION', 'ERR_INVALID_SNI']);
  }),
  target('config: anything', [strange], (given) => {
    attempted(() => readConfig(given), ['ERR_INVALID_OPTION']);
  }),
  target('config: passwords of proxies', [url, url], checkSecret),
  target(
    'config: the environment',
    [
      fc.oneof(url, fc.constant('proxy.example:8080')),
      spelt(
        [
          '.',
          '*',
          'local',
          'private',
          'example',
          '127.0.0.1',
          '::1',
          '/8',
          ':',
          '80',
          ',',
          ' ',
          '0x',
          '10',
          '-',
          '_',
          '[',
          ']',
          'unix',
        ],
        8,
      ),
    ],
    checkEnvironment,
  ),
  target(
    'config: long',
    [long(['a', ':', '@', '/', ' ', 'http://', '.', '-', '*', ',', '1', '[', '%'], 1_000_000)],
    (text) => {
      for (const given of [
        { proxy: text },
        { proxy: { url: `http://${text}` } },
        { proxy: { url: 'http://p', except: text } },
        { allow: [text] },
        { [text]: 1 },
      ]) {
        attempted(() => createBinding(given as object), ['ERR_INVALID_OPTION']);
      }
    },
    0.02,
  ),
];
