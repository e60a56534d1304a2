/** basic-ftp, unmodified, by `register({ replace })`, against a stub of the protocol that has its TLS from node:tls. */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFtpStub } from '../servers/ftp-stub.mjs';
import { Replaced } from './replaced.ts';
import type { Twins } from './twins.ts';

describe('basic-ftp', () => {
  const login = { user: 'alice', password: 'secret' };
  const stops: (() => unknown)[] = [];
  let replaced: Replaced;
  let port: number;
  let twins: Twins;

  beforeAll(async () => {
    replaced = await Replaced.prepare('basic-ftp');
    stops.unshift(() => replaced.remove());
    const { credentials } = replaced;
    const explicit = await startFtpStub({ ...login, credentials });
    stops.unshift(explicit.stop);
    const implicit = await startFtpStub({ ...login, credentials, implicit: true });
    stops.unshift(implicit.stop);
    const silent = createServer((socket) => socket.on('error', () => {}).resume());
    stops.unshift(() => silent.close());
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    port = explicit.port;
    twins = await replaced.play({
      FTP_PORT: port,
      FTPS_PORT: implicit.port,
      SILENT_PORT: (silent.address() as AddressInfo).port,
    });
  }, 120_000);
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  const place = { remotePort: 0, at: '/' };

  test('connects and logs in, and is not taken for encrypted', () => {
    expect(twins.value('plain')).toEqual({ hasTls: false, encrypted: false, authorized: false, ...place });
  });

  test('upgrades, and verifies the server', () => {
    expect(twins.value('upgraded')).toEqual({ hasTls: true, encrypted: true, authorized: true, ...place });
  });

  test('begins with TLS', () => {
    const expected = { hasTls: true, encrypted: true, authorized: true, remotePort: 1, at: '/' };
    expect(twins.value('implicit')).toEqual(expected);
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ size: 10 * 1024 * 1024, intact: true });
    expect(twins.value('largeInPlain')).toBe(true);
  });

  test('lists, sends and gets files', () => {
    const texts = Array.from({ length: 10 }, (_, i) => `file ${i}`);
    expect(twins.value('transfers')).toEqual({ sizes: Array(10).fill(6), texts });
  });

  test('goes on with its session in every data connection, with TLS 1.2', () => {
    expect(twins.value('resumption')).toBe('200 20');
  });

  test('appends, and gets the rest of a file', () => {
    expect(twins.value('appending')).toEqual({ whole: 'one, two', rest: 'two' });
  });

  test('works in parallel', () => {
    expect(twins.value('parallel')).toEqual(Array.from({ length: 10 }, (_, i) => `number ${i}`));
  });

  test('connects again', () => {
    expect(twins.value('again')).toEqual({ changed: true, at: '/' });
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword')).toMatchObject({ name: 'FTPError', code: 530 });
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
    const failed = 'Server sent FIN packet unexpectedly, closing connection.';
    expect(twins.value('severed')).toEqual({ failed, closed: true });
  });

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence').message).toBe('Timeout (control socket)');
  });

  test('runs by its recipe', async () => {
    const url = `ftp://alice:secret@localhost:${port}`;
    expect(await replaced.recipe({ FTP_URL: url })).toBe('hello.txt: 5 bytes over TLSv1.2\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
