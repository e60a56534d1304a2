/** pg, unmodified, over the Duplex of wintersock/node, beside pg over node:net. */
import { afterAll, beforeAll } from 'vitest';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.mjs';
import { type Outcomes, Surroundings, testRecipe, testWays } from './sql-ways.ts';

const ways = ['net', 'duplex', 'rust, direct', 'rust, asked for', 'rust, replaced'];

const closed = { message: 'Client has encountered a connection error and is not queryable' };
const unexpectedly = { message: 'Connection terminated unexpectedly' };
const refused = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' };

/** The jobs of pg-duplex-jobs.mjs, and how they have to end. */
const expected: Outcomes = {
  connection: { value: { ssl: true, version: 'TLSv1.3', encrypted: true } },
  defaultAuthorities: { value: 'connected' },
  channelBinding: { value: 'connected' },
  parametersOfManyTypes: {
    value: { i: 42, t: 'Grüße, 世界', n: null, b: [0, 255, 1], j: { deep: [1, { x: 'y' }] } },
  },
  preparedStatement: { value: { sums: [1, 2, 3, 4, 5], names: ['sum'] } },
  largeAnswer: { value: { rows: 10_240, bytes: 10 * 1024 * 1024, intact: true } },
  upload: { value: { length: 8 * 1024 * 1024, intact: true } },
  pipeline: { value: true },
  pool: { value: { inOrder: true, connections: 5 } },
  notify: { value: { channel: true, intact: true } },
  cursor: { value: { first: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], second: 300, last: 310, after: [{ one: 1 }] } },
  queryStream: { value: { rows: 20_000, sum: 200_010_000 } },
  copyBothWays: { value: { rows: 40_000, intact: true, after: 40_000 } },
  rollback: { value: { duplicate: { code: '23505' }, rows: [] } },
  plain: { value: { code: '28000' } },
  wrongPassword: { value: { code: '28P01' } },
  terminatedWhileQuerying: { value: { during: { code: '57P01' }, errors: [unexpectedly], after: closed } },
  terminatedWhileIdle: { value: { errors: [{ code: '57P01' }, unexpectedly], after: closed } },
  wrongPort: { value: refused },
  wrongPortWithPool: { value: Array(3).fill('ECONNREFUSED') },
  unknownHost: { value: { code: 'ENOTFOUND', syscall: 'getaddrinfo' } },
  unknownAuthority: { value: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } },
  wrongName: { value: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } },
  silentServer: { value: { message: 'timeout expired' } },
  idlePool: { value: [{ one: 1 }] },
};

let surroundings: Surroundings;
let server: PostgresServer;
let env: Record<string, string>;

beforeAll(async () => {
  surroundings = await Surroundings.create();
  server = await startPostgres({ credentials: surroundings.credentials });
  env = {
    PGHOST: 'localhost',
    PGPORT: String(server.port),
    PGUSER: server.user,
    PGPASSWORD: server.password,
    PGDATABASE: server.database,
  };
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await surroundings?.[Symbol.asyncDispose]();
}, 60_000);

testWays('pg-duplex-jobs.mjs', ways, expected, () => ({ surroundings, env }), { duplex: ['idlePool'] });

testRecipe('pg.mjs', "{ answer: 42, user: 'postgres', tls: 'TLSv1.3' }", () => {
  const { user, password, port, database } = server;
  return { surroundings, url: `postgres://${user}:${password}@localhost:${port}/${database}` };
});
