/** What the command says of a connection: to people and to scripts. */

import { createHash, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { farewell, serve, serveTls, shown } from './command/server.ts';
import { command, file, reportOf } from './command/stage.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { type Authority, type Credentials, createAuthority } from './fixtures/pki.mjs';

let authority: Authority;
let credentials: Credentials;
let client: Credentials;
let ca: string;

const day = 86_400_000;

beforeAll(async () => {
  authority = await createAuthority({ commonName: 'the test authority' });
  credentials = await authority.issue({
    names: ['localhost', '127.0.0.1'],
    notAfter: new Date(Date.now() + 90.5 * day),
  });
  client = await authority.issue({ names: [], commonName: 'alice', client: true });
  ca = await file('authority.pem', authority.certPem);
});

describe('for scripts', () => {
  test('--check --json prints one object on stdout, of a documented shape', async () => {
    const address = await serveTls({ ...shown(credentials), ALPNProtocols: ['h2'] });
    const { code, stdout, stderr } = await command([
      address,
      '--tls',
      '--ca',
      ca,
      '--alpn',
      'h2,x',
      '--check',
      '--json',
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.toString()).toMatch(/^\{.*\}\n$/);
    const leaf = new X509Certificate(credentials.certPem);
    const spki = leaf.publicKey.export({ type: 'spki', format: 'der' });
    const time = expect.any(Number);
    expect(JSON.parse(stdout.toString())).toEqual({
      ok: true,
      exitCode: 0,
      address,
      addresses: expect.arrayContaining(['127.0.0.1']),
      starttls: null,
      proxy: null,
      remoteAddress: address,
      localAddress: expect.stringMatching(/^(?:127\.0\.0\.1|\[::1\]):\d+$/),
      timings: { wait: null, lookup: time, connect: time, proxy: null, tls: time },
      roundTrip: expect.toSatisfy((value) => value === null || value > 0),
      bytesRead: time,
      bytesWritten: time,
      tls: {
        version: 'TLSv1.3',
        cipher: expect.stringMatching(/^TLS_|^TLS13_/),
        group: expect.any(String),
        alpn: 'h2',
        resumed: false,
        serverName: 'localhost',
        trusted: true,
        reason: null,
        root: 'CN=the test authority',
        missingIssuer: null,
        issuerUrl: null,
      },
      certificates: [
        {
          subject: 'CN=localhost',
          issuer: 'CN=the test authority',
          names: ['localhost', '127.0.0.1'],
          validFrom: new Date(leaf.validFrom).toISOString(),
          validTo: new Date(leaf.validTo).toISOString(),
          daysLeft: 90,
          serialNumber: leaf.serialNumber,
          key: 'EC P-256',
          fingerprint256: leaf.fingerprint256,
          pin: `sha256/${createHash('sha256').update(spki).digest('base64')}`,
          authority: false,
          problems: [],
        },
      ],
      warnings: [],
      error: null,
      hints: [],
    });
  });

  test('its members are in docs/command.md', async () => {
    const page = await readFile(new URL('../docs/command.md', import.meta.url), 'utf8');
    const rows = [...page.slice(page.indexOf('## JSON')).matchAll(/^\| (`.+?) \|/gm)].flatMap(
      ([, cell = '']) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name),
    );
    const report = await reportOf(await serveTls(shown(credentials)), '--tls', '--ca', ca);
    const members = [report, report.tls ?? {}, report.certificates[0] ?? {}].flatMap(Object.keys);
    expect(rows).toEqual(members);
  });

  test('without TLS there is none in it', async () => {
    const address = await serve((socket) => farewell(socket));
    expect(await reportOf(address)).toMatchObject({
      ok: true,
      tls: null,
      certificates: [],
      timings: { tls: null },
    });
  });

  test('without --check it is one line on stderr, at the end, and stdout is the data', async () => {
    const address = await serve((socket) => farewell(socket, 'data'));
    const { code, stdout, stderr } = await command([address, '--json'], { input: 'to the server' });
    expect([code, stdout.toString()]).toEqual([0, 'data']);
    expect(stderr).toMatch(/^\{.*\}\n$/);
    expect(JSON.parse(stderr)).toMatchObject({ ok: true, bytesRead: 4, bytesWritten: 13 });
  });

  test('a configuration that cannot be used is told in it, too', async () => {
    const { exitCode, error } = await reportOf('localhost:1', '--tls', '--ca', '/nonexistent.pem');
    expect([exitCode, error?.code]).toEqual([2, 'ERR_INVALID_CA']);
  });
});

describe('for people', () => {
  test('--check says all that is known', async () => {
    const address = await serveTls(shown(credentials));
    const { code, stdout, stderr } = await command([address, '--tls', '--ca', ca, '--check']);
    expect([code, stdout.length]).toEqual([0, 0]);
    expect(stderr).toMatch(/^connected {4}localhost:\d+ \(.*\b127\.0\.0\.1\b.*\) from 127\.0\.0\.1:\d+$/m);
    expect(stderr).toMatch(/^times {8}lookup [\d.]+ ms, TCP [\d.]+ ms, TLS [\d.]+ ms/m);
    expect(stderr).toMatch(/^TLS {10}TLSv1\.3, TLS\w+, \w+, no ALPN, new session$/m);
    expect(stderr).toContain(
      'certificate 1\n  subject    CN=localhost\n  issuer     CN=the test authority\n',
    );
    expect(stderr).toMatch(/^ {2}pin {8}sha256\/[\w+/]{43}=$/m);
    expect(stderr).toContain('trusted      yes, as localhost, by CN=the test authority\n');
  });

  test('without --check it is short, with --quiet nothing, with --verbose all', async () => {
    const address = await serveTls(shown(credentials), (socket) => farewell(socket));
    const argv = [address, '--tls', '--ca', ca];
    const texts = await Promise.all(
      [[], ['--quiet'], ['--verbose']].map(
        async (more) => (await command([...argv, ...more], { input: '' })).stderr,
      ),
    );
    expect(texts[0]?.split('\n').map((line) => line.slice(0, 9).trim())).toEqual([
      'connected',
      'TLS',
      'trusted',
      '',
    ]);
    expect(texts[1]).toBe('');
    expect(texts[2]).toContain('certificate 1');
  });

  test('no colours', async () => {
    const address = await serveTls(shown(credentials));
    const { stderr } = await command([address, '--tls', '--check']);
    expect(stderr).not.toMatch(/[^\P{Cc}\n]/u);
  });
});

describe('what is not there, or not there in time', () => {
  test('a refused connection: 1', async () => {
    const { code, stderr } = await command([`127.0.0.1:${await closedPort()}`, '--check']);
    expect(stderr).toMatch(/^error {8}connect ECONNREFUSED .*\(ECONNREFUSED\)$/m);
    expect(code).toBe(1);
  });

  test('an unknown host: 1', async () => {
    const { exitCode, error } = await reportOf('nobody.invalid:1');
    expect(error?.code).toMatch(/^(?:ENOTFOUND|EAI_AGAIN)$/);
    expect(exitCode).toBe(1);
  });

  test('a handshake that takes too long: 4, with what it waited for', async () => {
    const address = await serve(() => {});
    const { exitCode, error, timings } = await reportOf(address, '--tls', '--connect-timeout', '300');
    expect([exitCode, error?.code]).toEqual([4, 'ETIMEDOUT']);
    expect(error?.message).toContain('in the TLS handshake');
    expect(timings?.['tls']).toBeGreaterThan(0);
  });

  test('silence after it has connected, with --idle-timeout: 4', async () => {
    const address = await serve(() => {});
    const { code, stderr } = await command([address, '--idle-timeout', '300']);
    expect(stderr).toContain('(ERR_IDLE_TIMEOUT)');
    expect(code).toBe(4);
  });

  test('a rule that denies it: 5, with the rule', async () => {
    const address = await serve(() => {});
    const { exitCode, error } = await reportOf(address, '--deny', '127.0.0.0/8');
    expect([exitCode, error?.code]).toEqual([5, 'ERR_ACCESS_DENIED']);
    expect(error?.message).toContain('127.0.0.0/8');
  });

  test('a proxy that does not let it through: 5, without the password', async () => {
    const proxy = await serve(
      (socket) => void socket.once('data', () => socket.end('HTTP/1.1 403 Forbidden\r\n\r\n')),
    );
    const argv = ['example.com:443', '--tls', '--proxy', `http://me:secret@${proxy}`, '--check'];
    const report = await reportOf(...argv.slice(0, -1));
    expect(report).toMatchObject({ exitCode: 5, proxy: `http://${proxy}`, error: { code: /^ERR_PROXY/ } });
    expect(JSON.stringify(report)).not.toContain('secret');
  });
});

describe('plain text where TLS was expected: 6, and what the server speaks', () => {
  test.each([
    ['220 mail.example ESMTP\r\n', /says "220 mail.example ESMTP"; try --starttls smtp$/],
    ['220 files.example\r\n', /; try --starttls ftp$/],
    ['* OK [CAPABILITY IMAP4rev1] ready\r\n', /; try --starttls imap$/],
    ['+OK ready\r\n', /; try --starttls pop3$/],
    ['J\0\0\0\n8.4.0\0', /; try --starttls mysql$/],
    ['SSH-2.0-OpenSSH_9.9\r\n', /says "SSH-2.0-OpenSSH_9.9"; try without --tls$/],
  ])('%j', async (greeting, hint) => {
    const address = await serve((socket) => void socket.write(greeting));
    const { exitCode, error, hints } = await reportOf(address, '--tls');
    expect([exitCode, error?.code]).toEqual([6, 'ERR_TLS_PROTOCOL']);
    expect(hints).toEqual([expect.stringMatching(hint)]);
  });

  test('a server that waits and then closes', async () => {
    const address = await serve((socket) => void socket.once('data', () => socket.end()));
    const { exitCode, hints } = await reportOf(address, '--tls');
    expect(exitCode).toBe(6);
    expect(hints).toEqual([expect.stringContaining('in plain text it says nothing at once')]);
  });
});

test('TLS where plain text was expected: a hint', async () => {
  const address = await serve((socket) => {
    socket.once('data', () => socket.end(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70)));
  });
  const { stderr } = await command([address], { input: 'GET / HTTP/1.0\r\n\r\n' });
  expect(stderr).toContain('hint         what came looks like TLS; try --tls\n');
});

describe('a server that wants a certificate', () => {
  const serving = async () =>
    serveTls(
      { ...shown(credentials), requestCert: true, rejectUnauthorized: true, ca: authority.certPem },
      (socket) => {
        farewell(socket, 'welcome');
      },
    );

  test('refuses who has none, with TLS 1.3 after the handshake: 6, and a hint', async () => {
    const { code, stderr } = await command([await serving(), '--tls', '--ca', ca]);
    expect(stderr).toContain(
      'hint         if the server wants to know who we are, pass --cert file and --key file\n',
    );
    expect(code).toBe(6);
  });

  // A process that stands still for longer than the command waits is no reason to fail.
  test('and --check waits for that', { retry: 3 }, async () => {
    expect(await reportOf(await serving(), '--tls', '--ca', ca)).toMatchObject({
      exitCode: 6,
      error: { code: 'ERR_TLS_ALERT' },
      tls: { trusted: true },
    });
  });

  test('takes who has one', async () => {
    const cert = await file('client.pem', client.chainPem);
    const key = await file('client.key', client.keyPem);
    const { code, stdout } = await command([
      await serving(),
      '--tls',
      '--ca',
      ca,
      '--cert',
      cert,
      '--key',
      key,
    ]);
    expect([code, stdout.toString()]).toEqual([0, 'welcome']);
  });
});
