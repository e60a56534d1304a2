/** worker-mailer, unmodified, over connect() and startTls(), by the alias. Its main module is CommonJS. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import type { Failure } from './database.ts';
import { type Mail, type MailServer, startMailServer } from './worker-mailer-server.mjs';

/** What a job gave its user, and what the package left unhandled. */
interface Outcome {
  value?: unknown;
  error?: Failure;
  unhandled: string[];
}

let server: MailServer;
let directory: string;
let env: Record<string, string>;
let all: ReadonlyMap<string, Outcome>;
/** What the recipe printed, by the scheme of its URL. */
const recipes = new Map<string, string>();

/** Runs a program, which has to end by itself, cleanly and in silence, and returns what it printed. */
async function output(args: string[], more: Record<string, string> = {}): Promise<string> {
  const ending = await runNode(['--import', 'wintersock/register', ...args], { env: { ...env, ...more } });
  expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
  return ending.stdout;
}

async function outcomes(
  jobs: readonly string[] = [],
  more?: Record<string, string>,
): Promise<ReadonlyMap<string, Outcome>> {
  const printed = await output(['__test__/drivers/worker-mailer-jobs.mjs', ...jobs], more);
  const lines = printed.trimEnd().split('\n');
  return new Map(lines.map((line) => JSON.parse(line)));
}

async function recipe(scheme: string, port: number): Promise<void> {
  const url = `${scheme}://${server.user}:${encodeURIComponent(server.password)}@localhost:${port}`;
  const args = ['examples/drivers/worker-mailer.mjs', `${scheme}@server.example`];
  recipes.set(scheme, await output(args, { SMTP_URL: url }));
}

beforeAll(async () => {
  const authority = await createAuthority();
  server = await startMailServer({ credentials: await authority.issue({ names: ['localhost'] }) });
  directory = await mkdtemp(join(tmpdir(), 'wintersock-worker-mailer-'));
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.certPem);
  env = {
    NODE_EXTRA_CA_CERTS: caFile,
    SMTP_PORT: String(server.port),
    SMTP_TLS_PORT: String(server.tlsPort),
    SMTP_USER: server.user,
    SMTP_PASSWORD: server.password,
    CLOSED_PORT: String(await closedPort()),
    // runNode() takes it away.
    ...(process.env['WINTERSOCK_IO'] && { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] }),
  };
  // At the same time: the recipes wait for timers of the package.
  const others = [recipe('smtp', server.port), recipe('smtps', server.tlsPort)];
  all = await outcomes();
  await Promise.all(others);
}, 90_000);
afterAll(async () => {
  await server?.stop();
  if (directory) await rm(directory, { recursive: true });
});

/** What a job gave, leaving nothing unhandled. */
function value(job: string): unknown {
  const { value, error, unhandled } = all.get(job) ?? {};
  expect({ error, unhandled }).toEqual({ unhandled: [] });
  return value;
}

function mailTo(mailbox: string): Mail | undefined {
  const found = server.messages.filter(({ to }) => to.includes(`${mailbox}@server.example`));
  expect(found, mailbox).toHaveLength(1);
  return found[0];
}

describe('a message is sent', () => {
  test.each([
    { job: 'starttls', how: 'with STARTTLS', method: 'PLAIN' },
    { job: 'tls', how: 'with TLS from the start', method: 'PLAIN' },
    { job: 'login', how: 'after another kind of login', method: 'LOGIN' },
  ])('$how', ({ job, method }) => {
    expect(value(job)).toBe('sent');
    expect(mailTo(job)).toMatchObject({ secure: true, method });
    expect(mailTo(job)?.text).toContain('Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=');
  });

  test('by the form for a single one', () => {
    expect(value('oneOff')).toBe('sent');
    expect(mailTo('one-off')).toMatchObject({ secure: true });
  });

  test('with ten megabytes of text, intact', () => {
    expect(value('large')).toBe('sent');
    const text = mailTo('large')?.text.replaceAll('=\r\n', '') ?? '';
    const [sent] = text.match(/(?:winter )+/) ?? [''];
    expect(sent).toBe('winter '.repeat(sent.length / 7));
    expect(sent.length).toBeGreaterThan(10 * 1024 * 1024 - 7);
  });

  test('before others over the same connection', () => {
    expect(value('several')).toBe(3);
    for (const name of ['first', 'second', 'third']) expect(mailTo(name)?.text).toContain(name);
  });

  test('next to others over other connections', () => {
    expect(value('parallel')).toBe(10);
    for (let i = 0; i < 10; i++) expect(mailTo(`parallel-${i}`)?.text).toContain(`parallel-${i}`);
  });
});

describe('it fails', () => {
  test('if the password is wrong', () => {
    const { error, unhandled } = all.get('wrongPassword') ?? {};
    expect(error?.message).toContain('535 wrong user or password');
    expect(unhandled).toEqual([]);
  });

  test.each([
    { job: 'refused', what: 'nobody listens', code: 'ECONNREFUSED' },
    { job: 'unknownName', what: 'the name is not known', code: 'ENOTFOUND' },
    {
      job: 'wrongNameStarttls',
      what: 'after STARTTLS the certificate is for another name',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
    {
      job: 'wrongNameTls',
      what: 'the certificate is for another name',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    },
  ])('if $what', ({ job, code }) => {
    expect(all.get(job)).toMatchObject({ error: { name: 'SocketError', code }, unhandled: [] });
  });

  test('if nobody vouches for the certificate', { timeout: 60_000 }, async () => {
    const untrusting = await outcomes(['starttls', 'tls'], { NODE_EXTRA_CA_CERTS: '' });
    const failure = {
      error: { name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' },
      unhandled: [],
    };
    expect(untrusting.get('starttls')).toMatchObject(failure);
    expect(untrusting.get('tls')).toMatchObject(failure);
  });

  test('without a message for anybody', () => {
    expect(server.messages.filter(({ to }) => to.includes('nobody@server.example'))).toEqual([]);
  });
});

test.each(['smtp', 'smtps'])('the recipe works as it is: %s', (scheme) => {
  expect(recipes.get(scheme)).toBe('sent\n');
  expect(mailTo(scheme)).toMatchObject({ secure: true });
});
