/** The command line: what it takes, and in which words it complains. */

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { exit } from '../lib/command/failure.ts';
import { type Option, options } from '../lib/command/options.ts';
import { preambles } from '../lib/command/starttls.ts';
import { serve } from './command/server.ts';
import { command, file } from './command/stage.ts';

test('--help goes to stdout, and has every option and every protocol', async () => {
  const { code, stdout, stderr } = await command(['--help']);
  expect([code, stderr]).toEqual([0, '']);
  for (const name of Object.keys(options)) expect(stdout.toString()).toContain(`--${name}`);
  for (const name of Object.keys(preambles)) expect(stdout.toString()).toMatch(new RegExp(` ${name}[,.]`));
});

test('the options, the protocols and the exit codes are in docs/command.md', async () => {
  const page = await readFile(new URL('../docs/command.md', import.meta.url), 'utf8');
  const cells = [...page.matchAll(/^\| (.+?) \|/gm)].map(([, cell = '']) => cell);
  const listed = cells.flatMap((cell) => [...cell.matchAll(/`--([\w-]+)/g)].map(([, name]) => name));
  expect(listed.toSorted()).toEqual(Object.keys(options).toSorted());
  const spoken = cells.flatMap((cell) => [...cell.matchAll(/`([a-z\d-]+)`/g)].map(([, name = '']) => name));
  expect(Object.keys(preambles).filter((name) => !spoken.includes(name))).toEqual([]);
  const codes = cells.filter((cell) => /^\d$/.test(cell)).map(Number);
  expect(codes).toEqual(Object.values(exit));
});

test('--version is that of the package', async () => {
  const { code, stdout } = await command(['--version']);
  expect([code, stdout.toString()]).toEqual([0, '1.2.3\n']);
});

describe('a mistake ends with 2, says what is meant, and leaves stdout alone:', () => {
  test.each([
    [[], 'where to?'],
    [['localhost:1', '--startls', 'smtp'], 'no option --startls; did you mean --starttls?'],
    [['localhost:1', '--insecur'], 'did you mean --insecure?'],
    [['localhost:1', '--extraca', 'x'], 'did you mean --extra-ca?'],
    [['localhost:1', '--xyzzy'], 'there is no option --xyzzy\n'],
    [['localhost:1', '-z'], 'there is no option -z\n'],
    [['localhost:1', '--starttls', 'postgre'], 'did you mean postgres?'],
    [['localhost:1', '--starttls', 'gopher'], 'it takes smtp, lmtp'],
    [['localhost:1', '--starttls'], '--starttls needs a value: --starttls protocol'],
    [['localhost:1', '--ca', '--tls'], '--ca needs a value, and --tls looks like an option'],
    [['localhost:1', '--ca='], '--ca needs a value'],
    [['localhost:1', '--tls=yes'], '--tls takes no value'],
    [['localhost:1', '--tls', '--starttls', 'smtp'], '--tls and --starttls exclude each other'],
    [['localhost:1', '--quiet', '--verbose'], '--quiet and --verbose exclude each other'],
    [['localhost:1', '--check', '--half-open'], '--check and --half-open exclude each other'],
    [['localhost:1', '--tls', '--sni', 'a', '--sni', 'b'], '--sni is given more than once'],
    [['localhost:1', '--tls', '--cert', 'x'], '--cert and --key need each other'],
    [['localhost:1', '--tls', '--passphrase-file', 'x'], '--passphrase-file needs --key'],
    [['localhost:1', '--alpn', 'h2'], '--alpn needs --tls or --starttls'],
    [['localhost:1', '--ca', 'x'], '--ca needs --tls or --starttls'],
    [
      ['localhost:1', '--tls', '--min-version', '1.1'],
      '--min-version does not know "1.1"; did you mean 1.2?',
    ],
    [['localhost:1', '--connect-timeout', '5s'], '--connect-timeout takes whole milliseconds'],
    [['localhost', '5432'], 'write localhost:5432'],
    [['localhost:1', 'localhost:2'], 'one address is enough'],
    [['https://example.com/a'], 'a URL is not an address; write example.com:443 --tls'],
    [['http://example.com:8080', '--check'], 'write example.com:8080\n'],
    [['postgres://me:secret@db.example/x'], 'write db.example:5432\n'],
  ])('%j', async (argv, words) => {
    const { code, stdout, stderr } = await command(argv, { input: '' });
    expect(stderr).toContain(words);
    expect(stderr).not.toContain('secret');
    expect([code, stdout.length]).toEqual([2, 0]);
  });

  // What only the package finds out has the words and the code of its error.
  test.each([
    [['localhost'], 'ERR_INVALID_ADDRESS'],
    [['localhost:0'], 'ERR_INVALID_ADDRESS'],
    [['localhost:1', '--tls', '--ca', '/nonexistent/ca.pem'], 'ERR_INVALID_CA'],
    [['localhost:1', '--deny', '300.0.0.0/8'], 'ERR_INVALID_OPTION'],
    [['localhost:1', '--tls', '--pin', 'sha256/short'], 'ERR_INVALID_OPTION'],
    [['localhost:1', '--proxy', 'gopher://x'], 'ERR_INVALID_OPTION'],
  ])('%j', async (argv, reason) => {
    const { code, stderr } = await command(argv, { input: '' });
    expect(stderr).toContain(`(${reason})`);
    expect(code).toBe(2);
  });
});

// Somebody who has mixed up the arguments: the messages end up in logs.
test.each(
  Object.entries<Option>(options)
    .filter(([, { value }]) => value !== undefined)
    .map(([name]) => name),
)(
  'a password in the value of --%s is not repeated',
  async (name) => {
    const url = 'postgres://me:secret@db.example/x';
    const others = {
      cert: ['--key', 'k'],
      key: ['--cert', 'c'],
      'passphrase-file': ['--cert', 'c', '--key', 'k'],
    };
    const more = Object.hasOwn(others, name) ? others[name as keyof typeof others] : [];
    const secure = name === 'starttls' || name === 'proxy' ? [] : ['--tls'];
    const { code, stderr } = await command(['127.0.0.1:1', `--${name}`, url, ...secure, ...more], {
      input: '',
    });
    expect(stderr).not.toContain('secret');
    // Any text is a name of a protocol.
    expect(code).toBe(name === 'alpn' ? 1 : 2);
  },
  15_000,
);

test('several mistakes are a list, one in each line', async () => {
  const { code, stderr } = await command(['localhost:1', '--tls', '--pin', 'x', '--deny', '300.0.0.0/8']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/^error +2 invalid options:\n +- `pins` .*\n +- .*300\.0\.0\.0.*\n$/m);
});

test('a key that does not go with the certificate is refused before anything is sent', async () => {
  let connections = 0;
  const address = await serve(() => {
    connections += 1;
  });
  const empty = await file('empty.pem', '');
  const { code, stderr } = await command([address, '--tls', '--cert', empty, '--key', empty, '--check']);
  expect(stderr).toMatch(/ERR_INVALID_(?:CERT|KEY)/);
  expect([code, connections]).toEqual([2, 0]);
});

test('options of TLS are for an https:// proxy, too', async () => {
  const { stderr } = await command([
    'localhost:1',
    '--proxy',
    'https://127.0.0.1:1',
    '--ca',
    'none.pem',
    '--check',
  ]);
  expect(stderr).toContain('(ERR_INVALID_CA)');
});
