/** ioredis, unmodified, whose sockets are ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, type RedisServer, startRedis } from '../servers/redis.mjs';
import { Stage, type Twins } from './twins.ts';

describe.skipIf(available.skip)(available.skip || 'ioredis', () => {
  let stage: Stage;
  let server: RedisServer;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startRedis(stage);
    const env = { REDIS_PORT: server.port, REDIS_TLS_PORT: server.tlsPort, REDIS_PASSWORD: server.password };
    // Of what a monitor sees, ioredis takes what comes with the first answer for an answer.
    twins = await stage.play('ioredis', env, { inTurn: true });
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await stage?.strike();
  });

  test('connects and logs in', () => {
    expect(twins.value('plain')).toEqual({
      pong: 'hello',
      seenByServer: true,
      remotePort: server.port,
      encrypted: false,
      authorized: false,
    });
  });

  test('encrypts, and verifies the server', () => {
    expect(twins.value('encrypted')).toEqual({
      pong: 'hello',
      seenByServer: true,
      remotePort: server.tlsPort,
      encrypted: true,
      authorized: true,
    });
  });

  test('speaks RESP3', () => {
    expect(twins.value('resp3')).toBe('three');
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ set: 'OK', length: 10 * 1024 * 1024, intact: true });
  });

  test('gets the answers to parallel commands in order', () => {
    expect(twins.value('parallel')).toBe(true);
  });

  test('keeps several connections', () => {
    expect(twins.value('connections')).toBe(11);
  });

  test('pipelines', () => {
    expect(twins.value('pipeline')).toBe(true);
    expect(twins.value('autoPipelining')).toBe(1);
  });

  test('commits transactions, and is told of a change meanwhile', () => {
    const committed = [
      [null, 'OK'],
      [null, 2],
    ];
    expect(twins.value('transaction')).toEqual({ committed, refused: null, left: '7' });
  });

  test('runs scripts', () => {
    expect(twins.value('script')).toBe('winter');
  });

  test('iterates over keys', () => {
    expect(twins.value('scan')).toBe(500);
  });

  test('gets what is published', () => {
    const messages = ['weather number 498', 'news number 499'];
    expect(twins.value('subscription')).toEqual({ count: 2, messages, left: 0 });
  });

  test('waits for what another one pushes', () => {
    expect(twins.value('blocking')).toEqual(['queue', 'first']);
  });

  test('watches commands, though it takes its listeners off the socket for that', () => {
    expect(twins.value('monitor')).toEqual(['echo', 'watch me']);
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword')).toMatchObject({ name: 'ReplyError' });
    expect(twins.failure('wrongPassword').message).toMatch(/^(WRONGPASS|NOAUTH)/);
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

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence').code).toBe('ETIMEDOUT');
  });

  test('connects again when the server has ended the connection', () => {
    expect(twins.value('reconnection')).toEqual({
      events: ['close', 'reconnecting', 'ready'],
      changed: true,
    });
  });

  test('fails what waits for an answer when the server ends the connection', () => {
    expect(twins.value('killed')).toEqual({ failed: 'Connection is closed.', status: 'end' });
  });

  test('disconnects', () => {
    expect(twins.value('disconnected')).toEqual({ status: 'end', destroyed: true });
  });

  test('runs by its recipe', async () => {
    const output = await stage.recipe('ioredis', { REDIS_URL: server.tlsUrl });
    expect(output).toBe('PONG\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
