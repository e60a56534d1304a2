/** Members of TlsConfig that cannot be used: each is named at once, wherever it is given. */
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type BindingConfig, connect, createBinding, type StartTlsOptions } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { cert, encrypted, key, PASSPHRASE, stranger, url } from './tls/parties.ts';
import { pinOf } from './tls/server.ts';

/** What is refused, in every place that takes it. */
const mistakes: [title: string, () => object, code: string, says: string][] = [
  [
    'a path',
    () => ({ ca: '/etc/ssl/ca.pem' }),
    'ERR_INVALID_CA',
    '`ca` is not PEM; pass a file: URL for a file',
  ],
  ['a path for more', () => ({ extraCa: 'ca.pem' }), 'ERR_INVALID_CA', '`extraCa` is not PEM'],
  ['a path for cert', () => ({ cert: 'cert.pem', key }), 'ERR_INVALID_CERT', '`cert` is not PEM'],
  ['a path for key', () => ({ cert, key: 'key.pem' }), 'ERR_INVALID_KEY', '`key` is not PEM'],
  [
    'a file that is not there',
    () => ({ ca: url('none.pem') }),
    'ERR_INVALID_CA',
    'none.pem, which cannot be read: ENOENT',
  ],
  [
    'a directory',
    () => ({ cert: url('directory'), key }),
    'ERR_INVALID_CERT',
    'directory, which cannot be read: EISDIR',
  ],
  [
    'a file that is no key',
    () => ({ cert, key: url('cert.pem') }),
    'ERR_INVALID_KEY',
    '`key` holds no usable private key',
  ],
  [
    'another kind of URL',
    () => ({ ca: new URL('https://ca.example/ca.pem') }),
    'ERR_INVALID_CA',
    '`ca` is a URL that begins with https:; pass a file: URL',
  ],
  [
    'a number',
    () => ({ ca: 17 }),
    'ERR_INVALID_OPTION',
    '`ca` must be PEM, bytes or a file: URL, not number',
  ],
  ['no authority at all', () => ({ ca: [] }), 'ERR_INVALID_CA', '`ca` holds no certificate'],
  ['PEM of something else', () => ({ extraCa: key }), 'ERR_INVALID_CA', '`extraCa` holds no certificate'],
  ['a certificate alone', () => ({ cert }), 'ERR_INVALID_OPTION', '`cert` and `key` belong together'],
  ['a key alone', () => ({ key }), 'ERR_INVALID_OPTION', '`cert` and `key` belong together'],
  [
    'the key of another',
    () => ({ cert, key: stranger.keyPem }),
    'ERR_INVALID_KEY',
    '`key` cannot be used with `cert`',
  ],
  [
    'DER that is no key',
    () => ({ cert, key: Buffer.from([0x30, 0x03, 2, 1, 0]) }),
    'ERR_INVALID_KEY',
    '`key` holds no usable private key',
  ],
  [
    'no passphrase',
    () => ({ cert, key: encrypted('pkcs8') }),
    'ERR_INVALID_KEY',
    '`key` is encrypted; pass its `passphrase`',
  ],
  [
    'no passphrase for DER',
    () => ({ cert, key: encrypted('pkcs8', 'der') }),
    'ERR_INVALID_KEY',
    '`key` is encrypted',
  ],
  [
    'no passphrase for an old one',
    () => ({ cert, key: encrypted('sec1') }),
    'ERR_INVALID_KEY',
    '`key` is encrypted',
  ],
  [
    'a wrong passphrase',
    () => ({ cert, key: encrypted('pkcs8'), passphrase: 'x' }),
    'ERR_INVALID_KEY',
    'could not be decrypted with `passphrase`',
  ],
  [
    'a pin that is a hash alone',
    () => ({ pins: [pinOf(cert).slice(7)] }),
    'ERR_INVALID_OPTION',
    '`pins` holds ',
  ],
  [
    'a pin of another length',
    () => ({ pins: [`sha256/${'A'.repeat(40)}`] }),
    'ERR_INVALID_OPTION',
    '`pins` holds ',
  ],
  [
    'a pin with bits too many',
    () => ({ pins: [`sha256/${'A'.repeat(42)}B=`] }),
    'ERR_INVALID_OPTION',
    '`pins` holds ',
  ],
  [
    'a pin in base64url',
    () => ({ pins: [`sha256/${'_'.repeat(43)}=`] }),
    'ERR_INVALID_OPTION',
    '`pins` holds ',
  ],
  ['no list of pins', () => ({ pins: pinOf(cert) }), 'ERR_INVALID_OPTION', '`pins` must be a list'],
  ['an empty list of pins', () => ({ pins: [] }), 'ERR_INVALID_OPTION', '`pins` must be a list'],
  [
    'versions that exclude each other',
    () => ({ minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' }),
    'ERR_INVALID_OPTION',
    '`minVersion` is above `maxVersion`',
  ],
  [
    'resumption by a number',
    () => ({ sessionResumption: 0 }),
    'ERR_INVALID_OPTION',
    '`sessionResumption` must be true or false',
  ],
  [
    'the system by a word',
    () => ({ systemCa: 'yes' }),
    'ERR_INVALID_OPTION',
    '`systemCa` must be true or false',
  ],
  [
    'verification by a word',
    () => ({ verify: 'no' }),
    'ERR_INVALID_OPTION',
    '`verify` must be true or false',
  ],
  ['a log that is a number', () => ({ keyLog: 1 }), 'ERR_INVALID_OPTION', '`keyLog` must be a path'],
  ['a log without a name', () => ({ keyLog: '' }), 'ERR_INVALID_OPTION', '`keyLog` must be a path'],
  [
    'a log elsewhere',
    () => ({ keyLog: new URL('https://x.example/') }),
    'ERR_INVALID_OPTION',
    '`keyLog` must be a path',
  ],
  ['protocols in one word', () => ({ alpn: 'h2' }), 'ERR_INVALID_OPTION', '`alpn` must be an iterable'],
];
/** The same where wintersock/node takes it as Node does. */
const strict: typeof mistakes = [
  [
    'an old version',
    () => ({ minVersion: 'TLSv1.1' }),
    'ERR_INVALID_OPTION',
    "`minVersion` must be 'TLSv1.2' or 'TLSv1.3'",
  ],
  [
    'a version in small letters',
    () => ({ maxVersion: 'tlsv1.3' }),
    'ERR_INVALID_OPTION',
    "`maxVersion` must be 'TLSv1.2' or",
  ],
  [
    'a passphrase of nothing',
    () => ({ passphrase: PASSPHRASE }),
    'ERR_INVALID_OPTION',
    '`passphrase` is that of `key`',
  ],
  [
    'a passphrase that is none',
    () => ({ cert, key, passphrase: 17 }),
    'ERR_INVALID_OPTION',
    '`passphrase` must be a string',
  ],
];

function refusal(code: string, message: string) {
  return expect.objectContaining({ code, message: expect.stringContaining(message) });
}

describe('mistakes are named at once', () => {
  test.each([...mistakes, ...strict])('createBinding(): %s', (_, options, code, says) => {
    expect(() => createBinding(options() as BindingConfig)).toThrow(refusal(code, says));
  });

  test.each([...mistakes, ...strict])('startTls(): %s', async (_, options, code, says) => {
    const socket = connect('localhost:1', { secureTransport: 'starttls' });
    expect(() => socket.startTls(options() as StartTlsOptions)).toThrow(refusal(code, says));
    expect(socket.upgraded).toBe(false);
    await socket.close().catch(() => {});
  });

  test.each(mistakes)('wintersock/node: %s', (_, options, code, says) => {
    const bag = { port: 1, host: 'localhost', secureTransport: 'on', ...options() };
    expect(() => createConnection(bag as object)).toThrow(refusal(code, says));
  });
});

test.each<[what: string, spoil: (pem: string) => string, says: RegExp]>([
  [
    'line feeds that are written out',
    (pem) => pem.replaceAll('\n', '\\n'),
    /`\\n` in the place of line feeds/,
  ],
  ['one line', (pem) => pem.replaceAll('\n', ' '), /a section has no end/],
  ['without an end', (pem) => pem.replace(/-----END.*/s, ''), /a section has no end/],
  ['characters that are none of base64', (pem) => pem.replace(/\n(.)/, '\n!$1'), /not valid base64/],
  ['indented', (pem) => pem.replaceAll(/^/gm, '  '), /begin at its first column/],
])('a key is never quoted: %s', (_, spoil, says) => {
  const spoilt = spoil(key);
  const secret = key.split('\n')[1]?.slice(4, 12) ?? '';
  const bytes = [...Buffer.from(secret)].join(', ');
  expect(secret).toHaveLength(8);
  for (const config of [{ cert, key: spoilt }, { cert: spoilt, key }, { ca: spoilt }]) {
    let message = '';
    try {
      createBinding(config);
    } catch (error) {
      message = `${inspect(error, { depth: null })}`;
    }
    expect(message).toContain('ERR_INVALID_');
    expect(message).not.toContain(secret);
    expect(message).not.toContain(bytes);
    if ('key' in config && config.key === spoilt) expect(message).toMatch(says);
  }
  const held = () => createBinding({ cert, key: new URL(`data:text/plain,${secret}`) });
  expect(held).toThrow(expect.objectContaining({ message: expect.not.stringContaining(secret) }));
});

test('all mistakes of a configuration are named in one error', () => {
  const config = {
    ...{ ca: url('none.pem'), cert: url('no-cert.pem'), key: url('no-key.pem'), minVersion: '1.3' },
    ...{ pins: ['x'], verify: 'no', proxy: { url: 'https://proxy.example', tls: { ca: 'ca.pem' } } },
  };
  const names = ['ca', 'cert', 'key', 'minVersion', 'pins', 'verify', 'proxy.tls.ca'];
  const message = new RegExp(names.map((name) => `- \`${name.replaceAll('.', '\\.')}\` [^\\n]+`).join('\n'));
  expect(() => createBinding(config as object)).toThrow(message);
  expect(() => createBinding(config as object)).toThrow(/: 7 invalid options:/);
});

test('a name that no certificate can have is refused by startTls() itself, wherever it comes from', async () => {
  for (const [host, options] of [
    ['localhost', { sni: 'a..b' }],
    ['a..b', {}],
  ] as const) {
    const socket = connect({ hostname: host, port: 1 }, { secureTransport: 'starttls' });
    expect(() => socket.startTls(options)).toThrow(refusal('ERR_INVALID_SNI', '"a..b"'));
    await socket.close().catch(() => {});
  }
});
