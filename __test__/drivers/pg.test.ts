/** pg, unmodified, over connect() and startTls(), by pg-cloudflare. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { Database, type Failure } from './database.ts';

let database: Database;

beforeAll(async () => {
  database = await Database.start('pg-jobs.mjs');
}, 60_000);
afterAll(() => database?.stop(), 60_000);

const timeout = 60_000;

describe('a connection', { timeout }, () => {
  interface Connection {
    localAddress: string;
    remoteAddress: string;
    ssl: boolean;
    version: string;
    client_dn: string | null;
    peer: string;
  }

  test('is encrypted and verified, by name', async () => {
    const connection = await database.succeed<Connection>('connection');
    expect(connection).toMatchObject({ ssl: true, version: 'TLSv1.3', client_dn: null });
    expect(connection.remoteAddress).toBe(`localhost:${database.server.port}`);
    expect(connection.localAddress.replace(/[[\]]/g, '')).toBe(connection.peer);
  });

  test('is encrypted and verified, by IP address', async () => {
    const connection = await database.succeed<Connection>('connection', { PGHOST: '127.0.0.1' });
    expect(connection).toMatchObject({ ssl: true, remoteAddress: `127.0.0.1:${database.server.port}` });
  });

  test('agrees on TLS 1.2 with a server that has nothing newer', async () => {
    await database.during({ settings: { ssl_max_protocol_version: 'TLSv1.2' } }, async () => {
      expect(await database.succeed('connection')).toMatchObject({ ssl: true, version: 'TLSv1.2' });
    });
  });

  test('shows the certificate of the client', async () => {
    const { certPem, keyPem } = await database.authority.issue({
      names: [],
      commonName: 'alice',
      client: true,
    });
    await database.during({ clientAuthority: database.authority.certPem }, async () => {
      const env = { CLIENT_CERT: certPem, CLIENT_KEY: keyPem };
      expect(await database.succeed('connection', env)).toMatchObject({ ssl: true, client_dn: '/CN=alice' });
    });
  });

  test('without TLS gets what the server says to that', async () => {
    const failure = await database.fail('plain');
    expect(failure).toMatchObject({ name: 'DatabaseError', code: '28000' });
    expect(failure.message).toContain('no encryption');
  });
});

describe('queries', { timeout }, () => {
  test('with parameters of many types', async () => {
    expect(await database.succeed('parameters')).toEqual({
      i: 42,
      t: 'Grüße, 世界',
      n: null,
      b: [0, 255, 1],
      j: { deep: [1, { x: 'y' }] },
      a: [1, 2, 3],
      again: 1,
    });
  });

  test('with a result of 10 MB, intact', async () => {
    const result = await database.succeed<{ bytes: number; sha256: string; expected: string }>('largeResult');
    expect(result.bytes).toBe(10 * 1024 * 1024);
    expect(result.sha256).toBe(result.expected);
  });

  test('with a parameter of 8 MB, intact', async () => {
    const result = await database.succeed<{ length: number; sum: string; expected: string }>(
      'largeParameter',
    );
    expect(result.length).toBe(8 * 1024 * 1024);
    expect(result.sum).toBe(result.expected);
  });

  test('in transactions that are rolled back and committed', async () => {
    expect(await database.succeed('transaction')).toEqual({
      inside: 500,
      outside: 0,
      rolledBack: 0,
      committed: 700,
      duplicate: '23505',
    });
  });

  test('in parallel over a pool', async () => {
    expect(await database.succeed('pool')).toEqual({ inOrder: true, connections: 5 });
  });

  test('with LISTEN and NOTIFY', async () => {
    expect(await database.succeed('notify')).toEqual({ channel: 'news', intact: true });
  });
});

describe('the server', { timeout }, () => {
  interface Termination {
    query: Failure;
    errors: Failure[];
  }

  test('refuses a wrong password', async () => {
    const failure = await database.fail('connection', { PGPASSWORD: 'wrong' });
    expect(failure).toMatchObject({ name: 'DatabaseError', code: '28P01' });
  });

  test('ends the connection under a query', async () => {
    const { query, errors } = await database.succeed<Termination>('terminatedWhileQuerying');
    expect(query).toMatchObject({ name: 'DatabaseError', code: '57P01' });
    expect(errors.map(({ message }) => message)).toContain('Connection terminated unexpectedly');
  });

  test('ends an idle connection', async () => {
    const { query, errors } = await database.succeed<Termination>('terminatedWhileIdle');
    expect(errors[0]).toMatchObject({ name: 'DatabaseError', code: '57P01' });
    expect(query.message).toMatch(/not queryable|closed/);
  });

  test('does not listen', async () => {
    const port = String(await closedPort());
    const failure = await database.fail('connection', { PGPORT: port });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'ECONNREFUSED' });
    expect(failure.message).toContain(`localhost:${port}`);
  });

  test('does not exist', async () => {
    const failure = await database.fail('connection', { PGHOST: 'nowhere.invalid' });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'ENOTFOUND' });
    expect(failure.message).toContain('nowhere.invalid');
  });

  test('does not listen, and a pool says so for every query', async () => {
    const env = { PGPORT: String(await closedPort()) };
    const refused = Array(3).fill('ECONNREFUSED');
    expect(await database.succeed('failingPool', env)).toEqual(refused);
  });
});

describe('something that is not PostgreSQL', { timeout }, () => {
  /** Runs a job against `answer`, which gets each connection. */
  async function against(answer: (socket: Socket) => void, job = 'connection'): Promise<Failure> {
    const server = createServer((socket) => answer(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const failure = await database.fail(job, { PGPORT: String((server.address() as AddressInfo).port) });
    server.close();
    await once(server, 'close');
    return failure;
  }

  test('says that it has no TLS', async () => {
    const failure = await against((socket) => socket.once('data', () => socket.write('N')));
    expect(failure.message).toBe('The server does not support SSL connections');
  });

  test('resets the connection instead of a handshake', async () => {
    const failure = await against((socket) => {
      socket.once('data', () => {
        socket.write('S');
        socket.once('data', () => socket.resetAndDestroy());
      });
    });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'ECONNRESET' });
  });

  test('answers the handshake with something else', async () => {
    const failure = await against((socket) => {
      socket.once('data', () => {
        socket.write('S');
        socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
      });
    });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'ERR_TLS_PROTOCOL' });
  });

  test('says nothing, and connectionTimeoutMillis ends the wait and the process', async () => {
    // What the error is called is pg-cloudflare's business: it trips over the end of the stream that it has closed.
    const failure = await against((socket) => socket.resume(), 'impatient');
    expect(failure.message).not.toBe('');
  });
});

describe('a certificate', { timeout }, () => {
  test('of an unknown authority is refused', async () => {
    const { certPem } = await createAuthority({ commonName: 'somebody else' });
    const failure = await database.fail('connection', { DATABASE_CA: certPem });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    expect(failure.message).toMatch(/localhost.*authority|authority.*localhost/s);
  });

  test('of an authority that only bears the same name is refused', async () => {
    const { certPem } = await createAuthority();
    const failure = await database.fail('connection', { DATABASE_CA: certPem });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('that nobody vouches for is refused by default', async () => {
    const failure = await database.fail('connection', { DATABASE_CA: '' });
    expect(failure).toMatchObject({ name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  test('for another name is refused', async () => {
    await database.withCertificate({ names: ['db.example'] }, async () => {
      const failure = await database.fail('connection');
      expect(failure).toMatchObject({ name: 'SocketError', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      expect(failure.message).toContain('localhost');
      expect(failure.message).toContain('db.example');
    });
  });

  test('for a name is refused for an IP address', async () => {
    await database.withCertificate({ names: ['localhost'] }, async () => {
      const failure = await database.fail('connection', { PGHOST: '127.0.0.1' });
      expect(failure).toMatchObject({ name: 'SocketError', code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
      expect(failure.message).toContain('127.0.0.1');
    });
  });

  test('that has expired is refused', async () => {
    const notAfter = new Date(Date.now() - 60_000);
    await database.withCertificate({ ...Database.names, notAfter }, async () => {
      const failure = await database.fail('connection');
      expect(failure).toMatchObject({ name: 'SocketError', code: 'CERT_HAS_EXPIRED' });
      expect(failure.message).toContain('expired');
    });
  });
});
