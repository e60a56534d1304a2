/** What TLS is told: valid, or an error that names the option and repeats no secret. */

import { generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import fc from 'fast-check';
import { readStartTls, readTls, defaultCredentials } from '../../lib/credentials.ts';
import { readSecurity } from '../../lib/duplex/security.ts';
import { readOptions } from '../../lib/options.ts';
import { readKey, readPem } from '../../lib/pem.ts';
import { attempted, long, spelt, strange, type Target, target } from './target.ts';

const CODES = [
  'ERR_INVALID_OPTION',
  'ERR_INVALID_CA',
  'ERR_INVALID_CERT',
  'ERR_INVALID_KEY',
  'ERR_INVALID_SNI',
];

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const plain = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const passphrase = 'correct-horse-battery';
const encrypted = privateKey
  .export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase })
  .toString();

const pieces = [
  '-----BEGIN CERTIFICATE-----\n',
  '-----END CERTIFICATE-----\n',
  '-----BEGIN PRIVATE KEY-----\n',
  '-----BEGIN ENCRYPTED PRIVATE KEY-----\n',
  '-----END PRIVATE KEY-----\n',
  '-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n',
  '-----END RSA PRIVATE KEY-----\n',
  '-----BEGIN ',
  'MIIB',
  'AAAA',
  '\n',
  '\\n',
  '=',
  plain,
  encrypted,
  '0',
];
const pem = fc.oneof(
  spelt(pieces, 6),
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ maxLength: 40 }).map((rest) => Buffer.concat([Buffer.from([0x30, 0x82]), rest])),
  fc.constantFrom<unknown>(new URL('file:///nonexistent/x'), new URL('data:,x'), {
    href: 'file:',
    protocol: 'file:',
  }),
  strange,
);
const pin = fc.oneof(
  fc
    .uint8Array({ minLength: 31, maxLength: 33 })
    .map((hash) => `sha256/${Buffer.from(hash).toString('base64')}`),
  spelt(['sha256/', '=', 'A', 'A'.repeat(43)], 4),
  strange,
);
const members = fc.record(
  {
    alpn: fc.oneof(fc.array(fc.string()), strange),
    ca: fc.oneof(pem, fc.array(pem, { maxLength: 2 })),
    cert: pem,
    extraCa: pem,
    key: fc.oneof(pem, fc.array(pem, { maxLength: 2 })),
    keyLog: fc.constantFrom<unknown>(false, true, 0, {}),
    maxVersion: fc.oneof(fc.constantFrom('TLSv1.2', 'TLSv1.3', 'TLSv1'), strange),
    minVersion: fc.oneof(fc.constantFrom('TLSv1.2', 'TLSv1.3', 'TLSv1'), strange),
    passphrase: fc.oneof(fc.constantFrom(passphrase, '', 'wrong'), strange),
    pins: fc.oneof(fc.array(pin, { maxLength: 2 }), strange),
    sessionResumption: fc.oneof(fc.boolean(), strange),
    systemCa: fc.constantFrom<unknown>(false, 'no', 1),
    verify: fc.constantFrom<unknown>(true, 'yes', undefined),
  },
  { requiredKeys: [] },
);

/** A key of ours is not repeated, as a whole or in part. */
function secretive<T>(run: () => T, codes: readonly string[]): T | undefined {
  return attempted(() => {
    try {
      return run();
    } catch (error) {
      const body = plain.split('\n').slice(1, -2);
      for (const secret of [...body, passphrase]) {
        if (`${error} ${(error as Error).stack}`.includes(secret)) throw new Error(`told: ${error}`);
      }
      throw error;
    }
  }, codes);
}

const base = defaultCredentials();
const plainOptions = readOptions({ secureTransport: 'starttls' });

export const credentials: Target[] = [
  target('credentials: of a binding', [members], (given) => {
    secretive(() => readTls(given), CODES);
  }),
  target(
    'credentials: of startTls()',
    [members, fc.oneof(spelt(['localhost', '.', '::1', '/run/x', 'é'], 3), fc.ipV6())],
    (given, host) => {
      const made = secretive(() => readStartTls(given, base, plainOptions, host), CODES);
      if (made && made.secure.serverName !== host) throw new Error(made.secure.serverName);
    },
  ),
  target(
    'credentials: in the words of node:tls',
    [
      fc.record(
        {
          ALPNProtocols: fc.oneof(
            fc.array(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 4 }), fc.constant('x'.repeat(256)))),
            fc.uint8Array({ maxLength: 6 }),
            strange,
          ),
          ca: pem,
          cert: pem,
          key: fc.oneof(pem, fc.record({ pem, passphrase: strange }), fc.array(pem, { maxLength: 2 })),
          passphrase: strange,
          pfx: fc.constantFrom<unknown>(undefined, '', 1),
          servername: fc.oneof(fc.string(), fc.ipV6()),
          minVersion: fc.constantFrom<unknown>('TLSv1', 'TLSv1.3', 5),
          secureProtocol: fc.constantFrom<unknown>(undefined, 'TLSv1_2_method', 'x', 4),
          rejectUnauthorized: fc.constantFrom<unknown>(true, undefined, 1),
        },
        { requiredKeys: [] },
      ),
    ],
    (given) => {
      const made = secretive(
        () => readSecurity(given as object, 'localhost'),
        [
          ...CODES,
          'ERR_INVALID_ARG_TYPE',
          'ERR_TLS_INVALID_PROTOCOL_VERSION',
          'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
        ],
      );
      const names = made?.secure.alpn ?? [];
      if (names.some((name) => name === '' || Buffer.byteLength(name) > 255))
        throw new Error(`offered: ${JSON.stringify(names)}`);
      if (made && isIP(made.secure.serverName) === 0 && !/^[\w.-]+$/.test(made.secure.serverName))
        throw new Error(made.secure.serverName);
    },
  ),
  target(
    'credentials: keys',
    [fc.array(pem, { maxLength: 3 }), fc.constantFrom(undefined, passphrase, 'wrong')],
    (given, phrase) => {
      const parts = attempted(
        () => readPem(given, 'key', 'ERR_INVALID_KEY'),
        ['ERR_INVALID_KEY', 'ERR_INVALID_OPTION'],
      );
      if (parts?.length) secretive(() => readKey(parts, phrase, 'key'), ['ERR_INVALID_KEY']);
    },
  ),
  target(
    'credentials: long',
    [long(pieces, 1_000_000)],
    (text) => {
      const bytes = Buffer.from(text);
      secretive(() => readTls({ ca: bytes }), CODES);
      secretive(() => readTls({ cert: bytes, key: bytes, passphrase: 'x' }), CODES);
      secretive(() => readTls({ pins: [text] }), CODES);
    },
    0.02,
  ),
];
