/** redis (node-redis), unmodified, by `register({ replace })`. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, type RedisServer, startRedis } from '../servers/redis.mjs';
import { Replaced } from './replaced.ts';
import type { Twins } from './twins.ts';

describe.skipIf(available.skip)(available.skip || 'redis', () => {
  let replaced: Replaced;
  let server: RedisServer;
  let twins: Twins;

  beforeAll(async () => {
    replaced = await Replaced.prepare('redis');
    server = await startRedis(replaced);
    twins = await replaced.play({ REDIS_URL: server.url, REDIS_TLS_URL: server.tlsUrl });
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await replaced?.remove();
  });

  test('connects and logs in', () => {
    expect(twins.value('plain')).toEqual({ db: 0, user: 'default', pong: 'hello' });
  });

  test('encrypts', () => {
    expect(twins.value('encrypted')).toEqual({ db: 0, user: 'default', pong: 'hello' });
  });

  test('speaks RESP3', () => {
    expect(twins.value('resp3')).toEqual({});
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ set: 'OK', length: 10 * 1024 * 1024, intact: true });
  });

  test('pipelines, and gets the answers in order', () => {
    expect(twins.value('pipeline')).toBe(true);
  });

  test('keeps a pool', () => {
    expect(twins.value('pool')).toBe(10);
  });

  test('commits transactions, and is told of a change meanwhile', () => {
    const expected = { committed: ['OK', 2], refused: 'WatchError', left: '7' };
    expect(twins.value('transaction')).toEqual(expected);
  });

  test('runs scripts', () => {
    expect(twins.value('script')).toBe('winter');
  });

  test('iterates over keys', () => {
    expect(twins.value('scan')).toBe(500);
  });

  test('gets what is published', () => {
    expect(twins.value('subscription')).toEqual(['weather number 498', 'news number 499']);
  });

  test('waits for what another one pushes', () => {
    expect(twins.value('blocking')).toEqual({ key: 'queue', element: 'first' });
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword').message).toMatch(/^WRONGPASS/);
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

  test('connects again when the server has ended the connection', () => {
    const expected = { events: ['error', 'reconnecting', 'ready'], changed: true };
    expect(twins.value('reconnection')).toEqual(expected);
  });

  test('fails what waits for an answer when the server ends the connection', () => {
    const expected = { failed: 'Socket closed unexpectedly', open: false };
    expect(twins.value('killed')).toEqual(expected);
  });

  test('disconnects without a goodbye', () => {
    expect(twins.value('destroyed')).toEqual({ failed: 'Disconnects client', open: false });
  });

  test('runs by its recipe', async () => {
    expect(await replaced.recipe({ REDIS_URL: server.tlsUrl })).toBe('PONG\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
