/** mysql2, unmodified, over the Duplex of wintersock/node, beside mysql2 over node:net. The server is MariaDB. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { available, type MariadbServer, startMariadb } from '../servers/mariadb.mjs';
import { type Outcomes, Surroundings, testRecipe, testWays } from './sql-ways.ts';

const closed = { message: "Can't add new command when connection is in closed state" };
const refused = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' };
const handshakeFailed = (why: RegExp) => ({
  code: 'HANDSHAKE_SSL_ERROR',
  message: expect.stringMatching(why),
});

/** The jobs of mysql2-jobs.mjs, and how they have to end. */
const expected: Outcomes = {
  connection: { value: { version: 'TLSv1.3', encrypted: true } },
  plainConnection: { value: { version: '' } },
  defaultAuthorities: { value: 'connected' },
  parametersOfManyTypes: { value: { i: 42, t: 'Grüße, 世界', n: null, b: [0, 255, 1] } },
  preparedStatement: { value: { sums: [1, 2, 3, 4, 5], text: 'ab' } },
  largeAnswer: { value: { rows: 10_240, intact: true } },
  largeAnswerInPlain: { value: { rows: 10_240, intact: true } },
  largeAnswerCompressed: { value: { rows: 10_240, intact: true } },
  upload: { value: { length: 4 * 1024 * 1024, intact: true } },
  uploadInPlain: { value: { length: 4 * 1024 * 1024, intact: true } },
  parallelQueries: { value: true },
  pool: { value: { inOrder: true, connections: 5 } },
  streamedRows: { value: { rows: 20_000, sum: 200_010_000 } },
  load: { value: { rows: 10_000, intact: true } },
  severalStatements: { value: [[{ a: 1 }], [{ b: 2 }]] },
  rollback: { value: { duplicate: { code: 'ER_DUP_ENTRY' }, rows: [] } },
  wrongPassword: { value: { code: 'ER_ACCESS_DENIED_ERROR' } },
  killedWhileQuerying: {
    value: { during: { code: 'PROTOCOL_CONNECTION_LOST' }, errors: [], after: closed },
  },
  killedWhileIdle: { value: { errors: [{ code: 'PROTOCOL_CONNECTION_LOST' }], after: closed } },
  wrongPort: { value: refused },
  wrongPortWithPool: { value: Array(3).fill('ECONNREFUSED') },
  unknownHost: { value: { code: 'ENOTFOUND', syscall: 'getaddrinfo' } },
  unknownAuthority: {
    value: handshakeFailed(/unable to verify the first certificate|no trusted authority issued it/),
  },
  wrongName: {
    value: handshakeFailed(/(does not match certificate's altnames|not valid for localhost).*db\.example/),
  },
  silentServer: { value: { code: 'ETIMEDOUT', syscall: 'connect' } },
};

describe.skipIf(available.skip)(available.skip || 'mysql2', () => {
  let surroundings: Surroundings;
  let server: MariadbServer;
  let misnamed: MariadbServer;
  let env: Record<string, string>;
  const url = ({ user, password, port, database }: MariadbServer) =>
    `mysql://${user}:${password}@localhost:${port}/${database}`;

  beforeAll(async () => {
    surroundings = await Surroundings.create();
    const { authority, credentials } = surroundings;
    server = await startMariadb({ credentials });
    misnamed = await startMariadb({ credentials: await authority.issue({ names: ['db.example'] }) });
    env = { DATABASE_URL: url(server), MISNAMED_URL: url(misnamed) };
  }, 60_000);
  afterAll(async () => {
    await misnamed?.stop();
    await server?.stop();
    await surroundings?.[Symbol.asyncDispose]();
  }, 60_000);

  testWays('mysql2-jobs.mjs', ['net', 'duplex', 'rust, replaced'], expected, () => ({ surroundings, env }));

  testRecipe('mysql2.mjs', "{ answer: 42, user: 'tester@%', tls: 'TLSv1.3' }", () => ({
    surroundings,
    url: url(server),
  }));
});
