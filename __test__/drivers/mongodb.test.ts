/** MongoDB's driver, unmodified, by `register({ replace })`, against a stub of the protocol: no Debian has the server. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../fixtures/pki.mjs';
import { startMongoStub } from '../servers/mongodb-stub.mjs';
import { Replaced } from './replaced.ts';
import type { Twins } from './twins.ts';

describe('mongodb', () => {
  const login = { user: 'alice', password: 'secret' };
  const stops: (() => Promise<void>)[] = [];
  let replaced: Replaced;
  let secureUrl: string;
  let twins: Twins;

  beforeAll(async () => {
    replaced = await Replaced.prepare('mongodb');
    stops.unshift(() => replaced.remove());
    const directory = await mkdtemp(join(tmpdir(), 'wintersock-mongodb-'));
    stops.unshift(() => rm(directory, { recursive: true, force: true }));
    const stranger = join(directory, 'stranger.pem');
    await writeFile(stranger, (await createAuthority({ commonName: 'a stranger' })).certPem);
    const plain = await startMongoStub(login);
    stops.unshift(plain.stop);
    const secure = await startMongoStub({ ...login, credentials: replaced.credentials });
    stops.unshift(secure.stop);
    secureUrl = `mongodb://alice:secret@localhost:${secure.port}/?tls=true`;
    twins = await replaced.play({
      MONGODB_URL: `mongodb://alice:secret@localhost:${plain.port}/`,
      MONGODB_TLS_URL: secureUrl,
      STRANGER_CA_FILE: stranger,
    });
  }, 120_000);
  afterAll(async () => {
    for (const stop of stops) await stop();
  });

  test.each(['plain', 'encrypted'])('connects and logs in: %s', (job) => {
    expect(twins.value(job)).toEqual({ ok: 1 });
  });

  test('sends and gets ten megabytes', () => {
    expect(twins.value('large')).toEqual({ one: true, ten: true });
  });

  test('follows a cursor', () => {
    expect(twins.value('cursor')).toBe(499_500);
  });

  test('keeps a pool', () => {
    expect(twins.value('pool')).toEqual({ answers: 500, several: true });
  });

  test('is told of a wrong password', () => {
    expect(twins.failure('wrongPassword')).toMatchObject({ name: 'MongoServerError', code: 18 });
  });

  test('is told of a port that nobody listens at', () => {
    const expected = { name: 'MongoServerSelectionError', code: 'ECONNREFUSED' };
    expect(twins.failure('refused')).toMatchObject(expected);
  });

  test('refuses an unknown authority', () => {
    expect(twins.failure('unknownAuthority').code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });

  test('refuses a wrong name', () => {
    expect(twins.failure('wrongName').code).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test.each(['wrongNameAllowed', 'anythingAllowed'])('checks less if it is told to: %s', (job) => {
    expect(twins.value(job)).toEqual({ ok: 1 });
  });

  test('fails what waits for an answer when the server ends the connection, and connects again', () => {
    expect(twins.value('severed')).toEqual({ failed: 'MongoNetworkError', afterwards: { ok: 1 } });
  });

  test('gives up a server that does not answer', () => {
    expect(twins.failure('silence').name).toBe('MongoNetworkTimeoutError');
  });

  test('runs by its recipe', async () => {
    expect(await replaced.recipe({ MONGODB_URL: secureUrl })).toBe('{ ok: 1 }\n');
  });

  test('was looked at in all of its jobs', () => {
    expect(twins.forgotten).toEqual([]);
  });
});
