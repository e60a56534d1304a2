/** ws, unmodified, whose sockets are ours. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWeb, type WebServer } from '../servers/web.mjs';
import { Stage, type Twins } from './twins.ts';

describe('ws', () => {
  let stage: Stage;
  let server: WebServer;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startWeb(stage);
    const { port, tlsPort, user, password } = server;
    const env = { WEB_PORT: port, WEB_TLS_PORT: tlsPort, WEB_USER: user, WEB_PASSWORD: password };
    twins = await stage.play('ws', env);
  }, 120_000);
  afterAll(async () => {
    await server?.stop();
    await stage?.strike();
  });

  test('connects', () => {
    expect(twins.value('plain')).toEqual({ echo: 'hello', encrypted: false, authorized: false });
  });

  test('encrypts, and verifies the server', () => {
    expect(twins.value('encrypted')).toEqual({ echo: 'hello', encrypted: true, authorized: true });
  });

  test('gets ten megabytes', () => {
    expect(twins.value('download')).toEqual({ length: 10 * 1024 * 1024, intact: true });
  });

  test('sends ten megabytes', () => {
    expect(twins.value('upload')).toBe(true);
  });

  test('gets the answers to many messages in order', () => {
    expect(twins.value('parallel')).toBe(true);
  });

  test('keeps many sockets', () => {
    expect(twins.value('many')).toEqual(Array.from({ length: 20 }, (_, i) => `socket ${i}`));
  });

  test('compresses', () => {
    const extensions = 'permessage-deflate';
    expect(twins.value('deflated')).toEqual({ intact: true, extensions, small: true });
  });

  test('answers pings', () => {
    expect(twins.value('pings')).toEqual({ theirs: 'hello', ours: 'pong are you there' });
  });

  test('streams', () => {
    expect(twins.value('stream')).toBe(true);
  });

  test('is told why the server closes', () => {
    expect(twins.value('closedByServer')).toBe('4321 as you wish');
  });

  test('is told when the connection ends without a goodbye', () => {
    expect(twins.value('killed')).toBe(1006);
    expect(twins.value('terminated')).toBe(1006);
  });

  test('is told that there is no such socket', () => {
    expect(twins.failure('notFound').message).toBe('Unexpected server response: 404');
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
    expect(twins.failure('silence').message).toBe('Opening handshake has timed out');
  });

  test('runs by its recipe', async () => {
    const output = await stage.recipe('ws', { URL: `wss://localhost:${server.tlsPort}/socket` });
    expect(output).toBe('hello\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
