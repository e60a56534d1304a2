/** postgres (porsager/postgres), unmodified, over connect() and startTls(), by its build for Workers. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { Database, type Failure } from './database.ts';

let database: Database;
let directory: string;
/** Trusts the database's authority. */
let trusting: { NODE_EXTRA_CA_CERTS: string };

beforeAll(async () => {
  database = await Database.start('postgres-jobs.mjs', { WINTERSOCK_REGISTER: 'postgres' });
  directory = await mkdtemp(join(tmpdir(), 'wintersock-driver-'));
  trusting = { NODE_EXTRA_CA_CERTS: await certificateFile('ca.pem', database.authority.certPem) };
}, 60_000);
afterAll(async () => {
  await database?.stop();
  if (directory) await rm(directory, { recursive: true });
}, 60_000);

async function certificateFile(name: string, pem: string) {
  const path = join(directory, name);
  await writeFile(path, pem);
  return path;
}

const timeout = 60_000;

describe('a connection', { timeout }, () => {
  test('is encrypted and verified, by name', async () => {
    expect(await database.succeed('connection', trusting)).toEqual({ ssl: true, version: 'TLSv1.3' });
  });

  test('is encrypted and verified, by IP address', async () => {
    const env = { ...trusting, PGHOST: '127.0.0.1' };
    expect(await database.succeed('connection', env)).toEqual({ ssl: true, version: 'TLSv1.3' });
  });

  test('without TLS gets what the server says to that', async () => {
    const failure = await database.fail('plain');
    expect(failure).toMatchObject({ name: 'PostgresError', code: '28000' });
    expect(failure.message).toContain('no encryption');
  });
});

describe('queries', { timeout }, () => {
  test('with parameters of many types', async () => {
    expect(await database.succeed('parameters', trusting)).toEqual({
      i: 42,
      t: 'Grüße, 世界',
      n: null,
      b: [0, 255, 1],
      j: { deep: [1, { x: 'y' }] },
      a: [1, 2, 3],
    });
  });

  test('with a result of 10 MB, intact', async () => {
    const result = await database.succeed<{ bytes: number; sha256: string; expected: string }>(
      'largeResult',
      trusting,
    );
    expect(result.bytes).toBe(10 * 1024 * 1024);
    expect(result.sha256).toBe(result.expected);
  });

  test('with a parameter of 8 MB, intact', async () => {
    const result = await database.succeed<{ length: number; sum: string; expected: string }>(
      'largeParameter',
      trusting,
    );
    expect(result.length).toBe(8 * 1024 * 1024);
    expect(result.sum).toBe(result.expected);
  });

  test('in transactions that are rolled back and committed', async () => {
    expect(await database.succeed('transaction', trusting)).toEqual({
      failure: 'changed my mind',
      inside: 500,
      outside: 0,
      rolledBack: 0,
      committed: 700,
    });
  });

  test('in parallel over a pool', async () => {
    expect(await database.succeed('pool', trusting)).toEqual({ inOrder: true, connections: 5 });
  });

  test('with LISTEN and NOTIFY', async () => {
    expect(await database.succeed('notify', trusting)).toEqual({ intact: true });
  });
});

describe('the server', { timeout }, () => {
  test('refuses a wrong password', async () => {
    const failure = await database.fail('connection', { ...trusting, PGPASSWORD: 'wrong' });
    expect(failure).toMatchObject({ name: 'PostgresError', code: '28P01' });
  });

  test('ends the connection under a query, and the next one gets a new connection', async () => {
    const { query, reconnected } = await database.succeed<{ query: Failure; reconnected: boolean }>(
      'terminated',
      trusting,
    );
    expect(query.code).toMatch(/^(57P01|CONNECTION_CLOSED)$/);
    expect(reconnected).toBe(true);
  });

  test('does not listen', async () => {
    const port = String(await closedPort());
    // The driver waits for the server's answer to SSLRequest in a promise that it does not look after (readFirst() in
    // its polyfills): workerd prints such a rejection, Node needs a listener for 'unhandledRejection'.
    const unhandled = ['ECONNREFUSED'];
    const failure = await database.fail('connection', { ...trusting, PGPORT: port }, unhandled);
    expect(failure).toMatchObject({ name: 'SocketError', code: 'ECONNREFUSED' });
    expect(failure.message).toContain(`localhost:${port}`);
  });
});

describe('a certificate', { timeout }, () => {
  test('of an unknown authority is refused', async () => {
    const failure = await database.fail('connection');
    expect(failure).toMatchObject({ name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('of an authority that only bears the same name is refused', async () => {
    const { certPem } = await createAuthority();
    const env = { NODE_EXTRA_CA_CERTS: await certificateFile('namesake.pem', certPem) };
    const failure = await database.fail('connection', env);
    expect(failure).toMatchObject({ name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('for another name is refused', async () => {
    await database.withCertificate({ names: ['db.example'] }, async () => {
      const failure = await database.fail('connection', trusting);
      expect(failure).toMatchObject({ name: 'SocketError', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      expect(failure.message).toContain('db.example');
    });
  });

  test('that has expired is refused', async () => {
    const notAfter = new Date(Date.now() - 60_000);
    await database.withCertificate({ ...Database.names, notAfter }, async () => {
      const failure = await database.fail('connection', trusting);
      expect(failure).toMatchObject({ name: 'SocketError', code: 'CERT_HAS_EXPIRED' });
    });
  });
});
