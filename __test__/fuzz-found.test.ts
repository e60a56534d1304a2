/** What fuzzing has found, one by one. The native half's are in fuzz/corpus/ and beside the code. */

import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { readArguments as readCommand } from '../lib/command/arguments.ts';
import { describe as described } from '../lib/command/certificate.ts';
import { diagnose } from '../lib/command/chain.ts';
import { bindingOf } from '../lib/command/config.ts';
import { connect, createBinding } from '../lib/connect.ts';
import { readArguments } from '../lib/duplex/arguments.ts';
import { readSecurity } from '../lib/duplex/security.ts';
import { readKey } from '../lib/pem.ts';
import { createAuthority } from './fixtures/pki.mjs';

const authority = await createAuthority();
const { certPem } = await authority.issue({ names: ['localhost'] });
const { raw } = new X509Certificate(certPem);

/** The same with some bytes replaced. */
function changed(from: Buffer, to: Buffer): X509Certificate {
  const at = raw.indexOf(from);
  expect(at).toBeGreaterThan(0);
  return new X509Certificate(Buffer.concat([raw.subarray(0, at), to, raw.subarray(at + to.length)]));
}

test('a certificate whose dates cannot be read is described all the same', () => {
  const utcTime = Buffer.from([0x17, 0x0d]);
  const certificate = changed(utcTime, Buffer.from([0x17, 0x0d, 0x39, 0x39, 0x39, 0x39]));
  expect(certificate.validFrom).toMatch(/Bad time/);
  expect(described(certificate, Date.now())).toMatchObject({
    validFrom: 'unknown',
    validTo: 'unknown',
    daysLeft: 0,
  });
  const { problems } = diagnose([certificate], { host: 'localhost', now: Date.now(), reason: null });
  expect(problems.flat()).toContain('valid from or until a time that cannot be read');
});

test('a certificate whose names cannot be read is described all the same', () => {
  const subjectAltName = Buffer.from([0x06, 0x03, 0x55, 0x1d, 0x11]);
  const at = raw.indexOf(subjectAltName) + subjectAltName.length;
  const broken = Buffer.from(raw);
  // What is within the OCTET STRING is no sequence any more.
  broken[broken.indexOf(0x30, at)] = 0x31;
  const certificate = new X509Certificate(broken);
  expect(described(certificate, Date.now()).names).toEqual([]);
});

test('text of many sections that never end is read in no time', () => {
  const text = '-----BEGIN PRIVATE KEY-----\n'.repeat(200_000);
  const start = performance.now();
  expect(readKey([Buffer.from(text)], undefined, 'key')).toHaveLength(text.length);
  // It was hours.
  expect(performance.now() - start).toBeLessThan(10_000);
});

test('a line before the certificate may begin with any digit', () => {
  for (const line of ['1 s:CN = x\n', '0 s:CN = x\n']) createBinding({ ca: line + authority.certPem });
});

test.each([
  [['']],
  [['x'.repeat(256)]],
  [Buffer.from([0, 1])],
  [[{}]],
  [7],
  [Array<string>(5000).fill('protocol')],
])('ALPNProtocols that cannot be offered are refused: %#', (ALPNProtocols) => {
  expect(() => readSecurity({ ALPNProtocols } as never, 'localhost')).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_OPTION',
      message: expect.stringContaining('`ALPNProtocols`'),
    }),
  );
});

test('a text in a message steers no terminal', () => {
  for (const character of ['\u009b', '\u007f', '\u202e', '\u2028']) {
    for (const call of [
      () => connect(`a${character}b:1`),
      () => createBinding({ proxy: `http://${character}` }),
      () => createBinding({ [character]: 1 } as never),
      () => connect('a:1', { sni: `a${character}` }),
    ]) {
      expect(call).toThrow(`\\u{${character.codePointAt(0)?.toString(16)}}`);
      expect(call).not.toThrow(character);
    }
  }
});

test('what is a number in any way is a port, as in node:net', () => {
  const read = (first: string) => readArguments([first])[0];
  for (const port of ['', ' 80 ', '1e3', '0b1', '1.5', 'Infinity']) expect(read(port)).toEqual({ port });
  for (const path of ['-1', '/run/x', '1,5', 'x']) expect(read(path)).toEqual({ path });
});

test.each([
  ['--http://me:secret@h/', 'there is no option --http://h/'],
  ['--starttls=http://me:secret@h/', 'does not know "http://h/"'],
  ['--starttls', '-http://me:secret@h/', 'write --starttls=-http://h/'],
  ['--starttls=me:se@secret@h', 'does not know "h"'],
])('a URL with a password is not repeated as an option or its value: %s', (...argv) => {
  const said = argv.pop() as string;
  expect(() => readCommand([...argv, 'h:1'], [])).toThrow(said);
  expect(() => readCommand([...argv, 'h:1'], [])).not.toThrow(/secret/);
});

test.each(['connect-timeout', 'idle-timeout', 'min-version', 'passphrase-file'])(
  'nor as the value of --%s',
  (name) => {
    const given = readCommand([`--${name}=http://me:secret@h/`, '--tls', '--key=k', '--cert=c', 'h:1'], []);
    expect(() => bindingOf(given, async () => [])).toThrow(/http:\/\/h\//);
    expect(() => bindingOf(given, async () => [])).not.toThrow(/secret/);
  },
);

test('a URL with a password is not repeated where there is one argument too many', () => {
  const url = 'https://me:secret@db.example/';
  for (const argv of [
    ['db.example:1', url],
    [url, '443'],
  ]) {
    expect(() => readCommand(argv, [])).toThrow(/another argument/);
    expect(() => readCommand(argv, [])).not.toThrow(/secret/);
  }
});
