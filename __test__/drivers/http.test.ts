/** node:http and node:https, whose agents' sockets are ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWeb, type WebServer } from '../servers/web.mjs';
import { Stage, type Twins } from './twins.ts';

describe('node:http', () => {
  let stage: Stage;
  let server: WebServer;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startWeb(stage);
    const { port, tlsPort, http2Port, user, password } = server;
    const ports = { WEB_PORT: port, WEB_TLS_PORT: tlsPort, WEB_HTTP2_PORT: http2Port };
    const env = { ...ports, WEB_USER: user, WEB_PASSWORD: password };
    twins = await stage.play('http', env);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await stage?.strike();
  });

  test('connects', () => {
    expect(twins.value('plain')).toEqual({ encrypted: false });
  });

  test('encrypts, and verifies the server', () => {
    const client = { encrypted: true, authorized: true };
    expect(twins.value('encrypted')).toEqual({ server: true, client });
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

  test('sends and gets at the same time', () => {
    expect(twins.value('bothWays')).toBe(true);
  });

  test('waits for the word to go on', () => {
    expect(twins.value('expectation')).toBe('ok');
  });

  test('uses a connection again', () => {
    const reused = [false, true, true, true, true];
    expect(twins.value('keepAlive')).toEqual({ connections: 1, reused });
  });

  test('shares a pool among parallel requests', () => {
    expect(twins.value('pool')).toEqual({ connections: 3, free: 3 });
  });

  test('tells a socket that it is idle, and that it is given away', () => {
    const events = ['free', 'agentRemove'];
    expect(twins.value('agentEvents')).toEqual({ events, status: 101, reused: true });
  });

  test('drops an idle connection that the server ends', () => {
    expect(twins.value('idleEnd')).toEqual({ left: 0, reused: false });
  });

  test('tells when an answer is late', () => {
    expect(twins.value('timeout')).toBe('too slow');
  });

  test('drops a connection that is idle for too long', () => {
    expect(twins.value('idleTimeout')).toBe(0);
  });

  test('can be aborted, also in the handshake', () => {
    expect(twins.failure('abort')).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    expect(twins.failure('silence')).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
  });

  test('speaks HTTP/2', () => {
    expect(twins.value('http2')).toEqual({ alpnProtocol: 'h2', down: true, up: true, parallel: true });
  });

  test('is told when the server ends the connection', () => {
    expect(twins.failure('killed')).toMatchObject({ code: 'ECONNRESET', message: 'socket hang up' });
    expect(twins.failure('broken')).toMatchObject({ code: 'ECONNRESET', message: 'aborted' });
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
    const output = await stage.recipe('http', { URL: `https://localhost:${server.tlsPort}/connection` });
    expect(output).toMatch(/^200: \d+ characters\n$/);
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
