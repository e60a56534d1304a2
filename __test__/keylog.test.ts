/** Key logs: what is written, for whom, and that the process is told of it. */
import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { createBinding, type StartTlsOptions } from 'wintersock';
import { temporaryDirectory } from './behaviour/trust.ts';
import { runNode } from './fixtures/node-process.mjs';
import { type Authority, type Credentials, createAuthority } from './fixtures/pki.mjs';
import { greeting, secured, serve } from './tls/server.ts';

let authority: Authority;
let credentials: Credentials;
let directory: string;
beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost'] });
  directory = await temporaryDirectory();
});

const path = (name: string) => join(directory, name);
const linesOf = async (file: string) => (await readFile(file, 'utf8')).split(/(?<=\n)/);

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', (version) => {
  test('the secrets are those that the server knows', async () => {
    await using server = await serve(credentials, { minVersion: version, maxVersion: version });
    const keyLog = path(`${version}.log`);
    const options = { ca: authority.certPem, keyLog, sessionResumption: false };
    expect(await greeting(secured(server, options))).toBe('hello');
    const lines = await linesOf(keyLog);
    expect(lines.toSorted()).toEqual(server.keys.toSorted());
    expect(lines.join('')).toMatch(version === 'TLSv1.2' ? /^CLIENT_RANDOM / : /^CLIENT_TRAFFIC_SECRET_0 /m);
    if (process.platform !== 'win32') expect((await stat(keyLog)).mode & 0o777).toBe(0o600);
    // Appended to, from another configuration.
    expect(await greeting(secured(server, { ...options, alpn: ['x'] }))).toBe('hello');
    expect((await linesOf(keyLog)).toSorted()).toEqual(server.keys.toSorted());
  });
});

test('a file: URL is a path, and many connections write whole lines into it', async () => {
  await using server = await serve(credentials);
  const keyLog = pathToFileURL(path('many.log'));
  const { connect } = createBinding({ ca: authority.certPem, keyLog });
  const heard = Array.from({ length: 8 }, () => greeting(secured(server, {}, { connect })));
  expect(await Promise.all(heard)).toEqual(Array(8).fill('hello'));
  const lines = await linesOf(path('many.log'));
  expect(lines.toSorted()).toEqual(server.keys.toSorted());
  expect(lines.filter((line) => !/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]{64,}\n$/.test(line))).toEqual([]);
});

test('a file that cannot be opened is an error at once, and is named', async () => {
  await mkdir(path('directory'));
  for (const keyLog of [path('directory'), path('missing/keys.log')]) {
    const message = expect.stringContaining(`\`keyLog\` names ${keyLog}, which cannot be opened: `);
    const wanted = expect.objectContaining({ code: 'ERR_INVALID_OPTION', message });
    expect(() => createBinding({ keyLog })).toThrow(wanted);
  }
});

/** Connects in a process of its own. */
const program = `
  import { connect } from 'wintersock';
  const { port, options } = JSON.parse(process.argv[1]);
  process.on('warning', ({ code, message }) => console.log(JSON.stringify({ code, message })));
  for (let round = 0; round < 2; round += 1) {
    const plain = connect({ hostname: 'localhost', port }, { secureTransport: 'starttls' });
    const socket = plain.startTls(options);
    const { value } = await socket.readable.getReader().read();
    await socket.close();
    console.log(JSON.stringify({ heard: Buffer.from(value).toString() }));
  }
`;

async function apart(options: StartTlsOptions, env: Record<string, string>) {
  await using server = await serve(credentials);
  const given = JSON.stringify({ port: server.port, options: { ca: authority.certPem, ...options } });
  const { stdout } = await runNode(['--input-type=module', '--eval', program, given], { env });
  const told = stdout.trim().split('\n');
  const warnings = told.map((line) => JSON.parse(line)).filter(({ code }) => code !== undefined);
  expect(told.filter((line) => line.includes('hello'))).toHaveLength(2);
  return { warnings, keys: server.keys };
}

describe('SSLKEYLOGFILE', () => {
  test.concurrent('is honoured, and the process is warned once', async () => {
    const file = path('environment.log');
    const { warnings, keys } = await apart({}, { SSLKEYLOGFILE: file });
    expect((await linesOf(file)).toSorted()).toEqual(keys.toSorted());
    expect(warnings).toEqual([
      { code: 'WINTERSOCK_KEYLOG', message: expect.stringContaining(`appended to ${file}`) },
    ]);
  });

  test.concurrent('is what `true` means, and `false` turns it off', async () => {
    const file = path('false.log');
    const { keys } = await apart({ keyLog: false }, { SSLKEYLOGFILE: file });
    expect(keys.length).toBeGreaterThan(0);
    await expect(readFile(file)).rejects.toMatchObject({ code: 'ENOENT' });
    const other = path('true.log');
    const { keys: written } = await apart({ keyLog: true }, { SSLKEYLOGFILE: other });
    expect((await linesOf(other)).toSorted()).toEqual(written.toSorted());
  });

  test.concurrent('that cannot be opened is warned of, and no connection fails', async () => {
    const { warnings } = await apart({}, { SSLKEYLOGFILE: path('nowhere/keys.log') });
    const message = expect.stringMatching(
      /SSLKEYLOGFILE names .*keys\.log, which cannot be opened \(ENOENT\)/,
    );
    expect(warnings).toEqual([{ code: 'WINTERSOCK_KEYLOG', message }]);
  });

  test.concurrent('is needed for `true`', () => {
    expect(process.env['SSLKEYLOGFILE']).toBeUndefined();
    expect(() => createBinding({ keyLog: true })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('SSLKEYLOGFILE') }),
    );
  });
});
