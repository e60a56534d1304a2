/** nodemailer, unmodified, whose sockets are ours. It gives errors of its sockets codes of its own. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type MailServer, startMail } from './nodemailer-server.mjs';
import { Stage, type Twins } from './twins.ts';

describe('nodemailer', () => {
  let stage: Stage;
  let server: MailServer;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startMail(stage);
    const { port, tlsPort, user, password } = server;
    const env = { MAIL_PORT: port, MAIL_TLS_PORT: tlsPort, MAIL_USER: user, MAIL_PASSWORD: password };
    twins = await stage.play('nodemailer', env);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await stage?.strike();
  });

  test('logs in over TLS and sends a message', () => {
    expect(twins.value('secure')).toEqual({ to: ['bob@example.org'], secure: true });
    expect(twins.value('verified')).toBe(true);
  });

  test('upgrades with STARTTLS, by node:tls over our socket', () => {
    expect(twins.value('startTls')).toEqual({ to: ['bob@example.org'], secure: true });
  });

  test('sends megabytes', () => {
    expect(twins.value('upload')).toBe(true);
    expect(twins.value('uploadOverStartTls')).toBe(true);
  });

  test('sends messages in parallel', () => {
    const to = [0, 1, 2, 3, 4].map((i) => `reader-${i}@example.org`);
    expect(twins.value('parallel')).toEqual({ to, connections: 5 });
  });

  test('sends many messages over a pool', () => {
    expect(twins.value('pool')).toEqual({ complete: 30, connections: 3 });
  });

  test('takes another connection when the server has ended one of the pool', () => {
    expect(twins.value('reconnection')).toBe(true);
  });

  test('is told of a recipient that is refused', () => {
    expect(twins.failure('refusedRecipient').code).toBe('EENVELOPE');
  });

  test('is told when the server ends the connection', () => {
    expect(twins.failure('killed').code).toBe('ECONNECTION');
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword').code).toBe('EAUTH');
  });

  test('is told of a port that nobody listens at', () => {
    const failure = twins.failure('refused');
    expect(failure).toMatchObject({ code: 'ESOCKET', syscall: 'connect' });
    expect(failure.message).toMatch(/ECONNREFUSED/);
  });

  test('refuses an unknown authority', () => {
    expect(twins.failure('unknownAuthority').message).toMatch(/certificate of localhost.* was refused/);
    expect(twins.failure('unknownAuthorityOfStartTls').message).toMatch(/unable to verify/);
  });

  test('refuses a wrong name', () => {
    expect(twins.failure('wrongName').message).toMatch(/it is not valid for 127\.0\.0\.1/);
  });

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence')).toMatchObject({ code: 'ETIMEDOUT', message: 'Greeting never received' });
  });

  test('runs by its recipe', async () => {
    const { tlsPort, user, password } = server;
    const url = `smtps://${user}:${encodeURIComponent(password)}@localhost:${tlsPort}`;
    expect(await stage.recipe('nodemailer', { SMTP_URL: url })).toBe('sent to bob@example.org\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
