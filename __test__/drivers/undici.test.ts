/** undici, unmodified, whose sockets are ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWeb, type WebServer } from '../servers/web.mjs';
import { Stage, type Twins } from './twins.ts';

describe('undici', () => {
  let stage: Stage;
  let server: WebServer;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startWeb(stage);
    const { port, tlsPort, http2Port, user, password } = server;
    const ports = { WEB_PORT: port, WEB_TLS_PORT: tlsPort, WEB_HTTP2_PORT: http2Port };
    const env = { ...ports, WEB_USER: user, WEB_PASSWORD: password };
    twins = await stage.play('undici', env);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await stage?.strike();
  });

  test('connects', () => {
    expect(twins.value('plain')).toBe(false);
  });

  test('encrypts', () => {
    expect(twins.value('encrypted')).toBe(true);
  });

  test('logs in, and is told of a wrong password', () => {
    expect(twins.value('login')).toBe(200);
    expect(twins.value('wrongPassword')).toBe(401);
  });

  test('downloads ten megabytes', () => {
    expect(twins.value('download')).toEqual({ length: 10 * 1024 * 1024, intact: true });
  });

  test('uploads ten megabytes', () => {
    expect(twins.value('upload')).toEqual({ length: 10 * 1024 * 1024, intact: true });
  });

  test('streams up and down', () => {
    expect(twins.value('streams')).toBe(true);
  });

  test('fetches', () => {
    expect(twins.value('fetch')).toEqual({ status: 200, text: 'Grüße' });
  });

  test('uses a connection again', () => {
    expect(twins.value('keepAlive')).toBe(1);
  });

  test('shares a pool among parallel requests', () => {
    expect(twins.value('pool')).toBe(3);
  });

  test('sends requests before the answer to the last one', () => {
    expect(twins.value('pipelining')).toBe(1);
  });

  test('speaks HTTP/2 where the server does', () => {
    expect(twins.value('http2')).toEqual({ length: 10 * 1024 * 1024, intact: true, connections: 1 });
  });

  test('gives a socket away for another protocol', () => {
    expect(twins.value('upgrade')).toEqual([0x81, 0]);
  });

  test('connects again when the server has ended an idle connection', () => {
    expect(twins.value('idleEnd')).toBe(200);
  });

  test('gives up an answer that is late', () => {
    expect(twins.failure('headersTimeout').code).toBe('UND_ERR_HEADERS_TIMEOUT');
    expect(twins.failure('abort').name).toBe('TimeoutError');
  });

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence').message).toBe('too slow');
  });

  test('is told when the server ends the connection', () => {
    expect(twins.failure('killed')).toMatchObject({ code: 'UND_ERR_SOCKET', message: 'other side closed' });
    expect(twins.failure('broken')).toMatchObject({ code: 'UND_ERR_SOCKET', message: 'other side closed' });
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

  test('does not keep the process for an idle connection', () => {
    expect(twins.value('forgotten')).toBe('still connected');
  });

  test('runs by its recipe', async () => {
    const output = await stage.recipe('undici', { URL: `https://localhost:${server.tlsPort}/connection` });
    expect(output).toMatch(/^200: \d+ characters\n$/);
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
