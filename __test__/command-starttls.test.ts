/** StartTLS as each protocol has it: with servers that insist on the right words, and with ones that do not offer it. */

import { beforeAll, describe, expect, test } from 'vitest';
import { type Protocol, protocols } from '../lib/command/starttls.ts';
import { greeting, ldapRequest, offered, xmppAnswer, xmppAsk } from './command/scripts.ts';
import { type Step, serve, serveScript } from './command/server.ts';
import { command, file, reportOf } from './command/stage.ts';
import { type Credentials, createAuthority } from './fixtures/pki.mjs';
import { startPostgres } from './fixtures/postgres.mjs';
import { startSmtp } from './fixtures/smtp.mjs';
import { available as mariadb, startMariadb } from './servers/mariadb.mjs';

let credentials: Credentials;
let ca: string;

beforeAll(async () => {
  const authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  ca = await file('authority.pem', authority.certPem);
});

describe('a server that insists on the words of the protocol is upgraded:', () => {
  test.each(protocols)('%s', async (protocol) => {
    const address = await serveScript(offered[protocol as Protocol], credentials);
    const { code, stdout, stderr } = await command([address, '--starttls', protocol, '--ca', ca]);
    expect(stderr).toContain(`StartTLS (${protocol})`);
    expect(stderr).toContain('trusted      yes, as 127.0.0.1');
    expect([code, stdout.toString()]).toEqual([0, 'welcome']);
  });

  // Nothing hangs on how TCP cuts what is said.
  test.each(protocols)('%s, byte by byte', async (protocol) => {
    const steps = offered[protocol as Protocol].flatMap((step): Step[] =>
      'hear' in step ? [step] : [...Buffer.from(step.say)].map((byte) => ({ say: Uint8Array.of(byte) })),
    );
    const address = await serveScript(steps, credentials);
    expect(await reportOf(address, '--starttls', protocol, '--ca', ca)).toMatchObject({ ok: true });
  });

  test('pop3 without CAPA', async () => {
    const steps: Step[] = [
      { say: '+OK\r\n' },
      { hear: 'CAPA\r\n' },
      { say: '-ERR what?\r\n' },
      { hear: 'STLS\r\n' },
      { say: '+OK\r\n' },
    ];
    const address = await serveScript(steps, credentials);
    expect(await reportOf(address, '--starttls', 'pop3', '--ca', ca)).toMatchObject({ ok: true });
  });
});

describe('a server that does not offer it is quoted, and the exit code is 6:', () => {
  const ehlo: Step = { hear: /^EHLO .*\r\n$/ };
  const cases: [Protocol, string, Step[]][] = [
    [
      'smtp',
      'it offers "SIZE 9, HELP"',
      [{ say: '220 x\r\n' }, ehlo, { say: '250-x\r\n250-SIZE 9\r\n250 HELP\r\n' }],
    ],
    [
      'smtp',
      'does not offer STARTTLS; it offers nothing',
      [{ say: '220 x\r\n' }, ehlo, { say: '250 x\r\n' }],
    ],
    ['smtp', 'refused the connection: "554 go away"', [{ say: '554 go away\r\n' }]],
    ['smtp', 'refused EHLO [127.0.0.1]: "502 what?"', [{ say: '220 x\r\n' }, ehlo, { say: '502 what?\r\n' }]],
    ['smtp', 'does not speak SMTP; it said "SSH-2.0-OpenSSH_9"', [{ say: 'SSH-2.0-OpenSSH_9\r\n' }]],
    [
      'smtp',
      'refused STARTTLS: "454 later"',
      [
        { say: '220 x\r\n' },
        ehlo,
        { say: '250-x\r\n250 STARTTLS\r\n' },
        { hear: 'STARTTLS\r\n' },
        { say: '454 later\r\n' },
      ],
    ],
    [
      'imap',
      'it offers "IMAP4rev1, ID"',
      [
        { say: '* OK x\r\n' },
        { hear: 'a1 CAPABILITY\r\n' },
        { say: '* CAPABILITY IMAP4rev1 ID\r\na1 OK\r\n' },
      ],
    ],
    ['imap', 'takes us for logged in', [{ say: '* PREAUTH x\r\n' }]],
    ['imap', 'refused the connection: "* BYE busy"', [{ say: '* BYE busy\r\n' }]],
    [
      'pop3',
      'does not offer STLS; it offers "TOP"',
      [{ say: '+OK\r\n' }, { hear: 'CAPA\r\n' }, { say: '+OK\r\nTOP\r\n.\r\n' }],
    ],
    ['postgres', 'answered N', [{ hear: /^.{8}$/s }, { say: 'N' }]],
    ['postgres', 'said "EFATAL: too many"', [{ hear: /^.{8}$/s }, { say: 'EFATAL: too many' }]],
    ['mysql', 'version "8.4.0-stub", does not offer TLS', [{ say: greeting(0xf7ff) }]],
    [
      'mysql',
      "Host 'x' is blocked.",
      [{ say: Buffer.from("\x17\0\0\0\xff\x15\x04Host 'x' is blocked.", 'latin1') }],
    ],
    [
      'ldap',
      'result 2 (protocolError: it does not know StartTLS), "no."',
      [
        { hear: ldapRequest },
        { say: Buffer.from('0\x0f\x02\x01\x01x\x0a\x0a\x01\x02\x04\0\x04\x03no.', 'latin1') },
      ],
    ],
    ['ldap', 'does not speak LDAP', [{ say: 'HTTP/1.1 400\r\n' }]],
    [
      'ftp',
      'refused AUTH TLS: "502 no such command"',
      [{ say: '220 x\r\n' }, { hear: 'AUTH TLS\r\n' }, { say: '502 no such command\r\n' }],
    ],
    [
      'nntp',
      'refused STARTTLS: "580 not here"',
      [{ say: '200 x\r\n' }, { hear: 'STARTTLS\r\n' }, { say: '580 not here\r\n' }],
    ],
    [
      'sieve',
      'does not offer STARTTLS; it offers ""IMPLEMENTATION" "x""',
      [{ say: '"IMPLEMENTATION" "x"\r\nOK\r\n' }],
    ],
    [
      'xmpp',
      'does not offer STARTTLS',
      [{ hear: /<stream:stream/ }, { say: `${xmppAnswer}<stream:features/>` }],
    ],
    [
      'xmpp',
      'refused starttls: "<failure/>"',
      [
        { hear: /<stream:stream/ },
        { say: `${xmppAnswer}<stream:features><starttls/></stream:features>` },
        { hear: xmppAsk },
        { say: '<failure/></stream:stream>' },
      ],
    ],
  ];
  test.each(cases)('%s: %s', async (protocol, words, steps) => {
    const address = await serveScript(steps);
    const { exitCode, error, hints } = await reportOf(address, '--starttls', protocol);
    expect(error?.message).toContain(words);
    expect([error?.code, exitCode, hints]).toEqual(['ERR_STARTTLS', 6, []]);
  });
});

describe('in the time before TLS', () => {
  test('what is said in plain text after the agreement is refused: it would pass for encrypted', async () => {
    const [...steps] = offered.smtp;
    steps[steps.length - 1] = { say: '220 go ahead\r\n250 injected\r\n' };
    const address = await serveScript(steps, credentials);
    const { error } = await reportOf(address, '--starttls', 'smtp', '--ca', ca);
    expect(error?.code).toBe('ERR_STARTTLS');
    expect(error?.message).toContain('sent more in plain text after agreeing to TLS: "250 injected"');
  });

  test('a server that closes is quoted', async () => {
    const address = await serve((socket) => void socket.end('220-hold on\r\n'));
    const { error, hints } = await reportOf(address, '--starttls', 'smtp');
    expect(hints).toEqual([]);
    expect(error?.message).toContain('closed the connection and had said only "220-hold on"');
  });

  test('a server that is silent is given up after the time limit, and the exit code is 4', async () => {
    const address = await serve(() => {});
    const { error, exitCode, hints } = await reportOf(
      address,
      '--starttls',
      'imap',
      '--connect-timeout',
      '300',
    );
    expect(hints).toEqual(['if it speaks TLS from the first byte, use --tls']);
    expect([error?.code, exitCode]).toEqual(['ETIMEDOUT', 4]);
    expect(error?.message).toContain('had said nothing after 300 ms');
  });

  test.each([
    ['in a line', '220-'.padEnd(200_000, 'x')],
    ['in lines', '220-x\r\n'.repeat(50_000)],
  ])('a server that never ends its answer is given up: %s', async (_, answer) => {
    const address = await serve((socket) => void socket.write(answer));
    const { error } = await reportOf(address, '--starttls', 'smtp');
    expect(error?.message).toContain('the answer is too long');
  });

  test('a server that speaks TLS from the first byte is recognised', async () => {
    const alert = Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70);
    const address = await serve((socket) => void socket.once('data', () => socket.end(alert)));
    const { error, hints } = await reportOf(address, '--starttls', 'postgres');
    expect(error?.message).toContain('speaks TLS from the first byte');
    expect(hints).toEqual(['try --tls in place of --starttls']);
  });

  test('control characters of the server do not reach the terminal', async () => {
    const address = await serve((socket) => void socket.end('\x1b]0;title\x07\u009b31m\u202eevil\r\n'));
    const { stderr } = await command([address, '--starttls', 'smtp', '--verbose']);
    expect(stderr).toContain('\\u{1b}]0;title');
    expect(stderr).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
  });

  test('--verbose shows what is said', async () => {
    const address = await serveScript(offered.smtp, credentials);
    const { stderr } = await command([address, '--starttls', 'smtp', '--ca', ca, '--verbose'], { input: '' });
    expect(stderr).toContain('> STARTTLS\n< 220 go ahead\n');
  });
});

describe('a real server is upgraded:', () => {
  test('PostgreSQL', { timeout: 60_000 }, async () => {
    await using server = await startPostgres({ credentials });
    const report = await reportOf(`localhost:${server.port}`, '--starttls', 'postgres', '--ca', ca);
    expect(report).toMatchObject({
      ok: true,
      starttls: 'postgres',
      tls: { version: 'TLSv1.3', trusted: true },
    });
  });

  test('smtp-server', async () => {
    const server = await startSmtp({ credentials });
    try {
      const input = 'EHLO me\r\nQUIT\r\n';
      const argv = [`localhost:${server.port}`, '--starttls', 'smtp', '--ca', ca];
      const { code, stdout } = await command(argv, { input });
      expect(stdout.toString()).toContain('AUTH PLAIN');
      expect(stdout.toString()).not.toContain('STARTTLS');
      expect(code).toBe(0);
    } finally {
      await server.stop();
    }
  });

  test.skipIf(mariadb.skip)(mariadb.skip || 'MariaDB', { timeout: 60_000 }, async () => {
    await using server = await startMariadb({ credentials });
    const report = await reportOf(`localhost:${server.port}`, '--starttls', 'mysql', '--ca', ca);
    expect(report).toMatchObject({ ok: true, starttls: 'mysql', tls: { trusted: true } });
  });
});
