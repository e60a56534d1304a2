/** amqplib, unmodified, by `register({ replace })`, against a stub of the protocol: RabbitMQ is too heavy for a test. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAmqpStub } from '../servers/amqp-stub.mjs';
import { Replaced } from './replaced.ts';
import type { Twins } from './twins.ts';

describe('amqplib', () => {
  const login = { user: 'alice', password: 'secret' };
  const stops: (() => Promise<void>)[] = [];
  let replaced: Replaced;
  let secureUrl: string;
  let twins: Twins;

  beforeAll(async () => {
    replaced = await Replaced.prepare('amqplib');
    stops.unshift(() => replaced.remove());
    const plain = await startAmqpStub(login);
    stops.unshift(plain.stop);
    const secure = await startAmqpStub({ ...login, credentials: replaced.credentials });
    stops.unshift(secure.stop);
    secureUrl = `amqps://alice:secret@localhost:${secure.port}`;
    const plainUrl = `amqp://alice:secret@localhost:${plain.port}`;
    twins = await replaced.play({ AMQP_URL: plainUrl, AMQP_TLS_URL: secureUrl });
  }, 120_000);
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  test('connects and logs in', () => {
    const expected = { encrypted: false, authorized: false, servername: null, remoteAddress: '127.0.0.1' };
    expect(twins.value('plain')).toEqual(expected);
  });

  test('encrypts, and verifies the server', () => {
    const expected = { encrypted: true, authorized: true, servername: 'localhost' };
    expect(twins.value('encrypted')).toMatchObject(expected);
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ bytes: 10 * 1024 * 1024, intact: true });
  });

  test('gets confirms', () => {
    expect(twins.value('confirms')).toBe(2000);
  });

  test('consumes', () => {
    expect(twins.value('consumer')).toEqual(['number 498', 'number 499']);
  });

  test('publishes to many', () => {
    expect(twins.value('fanout')).toEqual(Array(3).fill('flash 7'));
  });

  test('has channels', () => {
    expect(twins.value('channels')).toBe(20);
  });

  test('keeps several connections', () => {
    expect(twins.value('connections')).toBe(10);
  });

  test('has callbacks too', () => {
    expect(twins.value('callbacks')).toBe('closed');
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword').message).toContain('ACCESS-REFUSED');
  });

  test('is told of a port that nobody listens at', () => {
    expect(twins.failure('refused')).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
  });

  test('refuses an unknown authority', () => {
    expect(twins.failure('unknownAuthority').code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('refuses a wrong name', () => {
    expect(twins.failure('wrongName').code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('is told when the server ends the connection', () => {
    expect(twins.value('severed')).toEqual({ errors: ['Unexpected close'], later: 'IllegalOperationError' });
  });

  test('runs by its recipe', async () => {
    expect(await replaced.recipe({ AMQP_URL: secureUrl })).toBe('hello\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
