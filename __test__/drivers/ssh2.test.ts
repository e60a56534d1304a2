/** ssh2, unmodified, whose socket is ours. */
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available, type OpensshServer, startOpenssh } from '../servers/openssh.mjs';
import { Stage, type Twins } from './twins.ts';

describe.skipIf(available.skip)(available.skip || 'ssh2', () => {
  let stage: Stage;
  let server: OpensshServer;
  let echo: Server;
  let twins: Twins;

  beforeAll(async () => {
    stage = await Stage.set();
    server = await startOpenssh();
    echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket));
    await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
    twins = await stage.play('ssh2', {
      SSH_PORT: server.port,
      SSH_USER: server.user,
      SSH_KEY: server.privateKey,
      SSH_FINGERPRINT: server.fingerprint,
      SSH_DIRECTORY: server.directory,
      ECHO_PORT: (echo.address() as AddressInfo).port,
    });
  }, 120_000);
  afterAll(async () => {
    echo?.close();
    await server?.stop();
    await stage?.strike();
  });

  test('logs in and runs a command', () => {
    expect(twins.value('exec')).toEqual({ code: 3, stdout: 'what came in', stderr: 'sorry\n' });
  });

  test('knows the addresses of its connection', () => {
    expect(twins.value('environment')).toEqual({ port: true, remotePort: true });
  });

  test('sends ten megabytes to a command', () => {
    expect(twins.value('upload')).toBe(true);
  });

  test('writes and reads a file of ten megabytes', () => {
    expect(twins.value('sftp')).toEqual({ size: 10 * 1024 * 1024, intact: true, missing: 2 });
  });

  test('runs commands in parallel', () => {
    const results = ['1 1', '2 2', '3 3', '4 4', '5 5', '6 6', '7 7', '8 8'];
    expect(twins.value('parallel')).toEqual(results);
  });

  test('keeps several connections', () => {
    expect(twins.value('connections')).toEqual([1, 2, 3]);
  });

  test('has a shell', () => {
    expect(twins.value('shell')).toBe('the answer is 42\n');
  });

  test('forwards to a port behind the server', () => {
    expect(twins.value('forwardOut')).toBe(true);
    expect(twins.failure('forwardOutRefused').message).toMatch(/Connection refused/);
  });

  test('forwards from a port of the server', () => {
    expect(twins.value('forwardIn')).toBe('you said hello\n');
  });

  test('keeps the connection alive', () => {
    expect(twins.value('keepalive')).toBe(7);
  });

  test('is told when the server ends the connection', () => {
    expect(twins.failure('killed').message).toBe('Not connected');
  });

  test('is told of a wrong key and of a wrong password', () => {
    const message = 'All configured authentication methods failed';
    expect(twins.failure('wrongKey').message).toBe(message);
    expect(twins.failure('wrongPassword').message).toBe(message);
  });

  test('refuses a host that it does not know', () => {
    expect(twins.failure('unknownHost').message).toBe('Host denied (verification failed)');
  });

  test('is told of a port that nobody listens at', () => {
    expect(twins.failure('refused')).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' });
  });

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence').message).toBe('Timed out while waiting for handshake');
  });

  test('runs by its recipe', async () => {
    const output = await stage.recipe('ssh2', {
      SSH_HOST: 'localhost',
      SSH_PORT: server.port,
      SSH_USER: server.user,
      SSH_KEY: server.keyFile,
      SSH_FINGERPRINT: server.fingerprint,
    });
    expect(output).toBe('hello from the other side\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
