/** postgres (porsager/postgres), unmodified, over the Duplex of wintersock/node, beside postgres over node:net. */
import { afterAll, beforeAll } from 'vitest';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.mjs';
import { type Outcomes, Surroundings, testRecipe, testWays } from './sql-ways.ts';

const ways = ['net', 'duplex', 'rust, direct', 'rust, asked for', 'rust, replaced'];

/** The jobs of postgres-duplex-jobs.mjs, and how they have to end. */
const expected: Outcomes = {
  connection: { value: { ssl: true, version: 'TLSv1.3' } },
  defaultAuthorities: { value: [{ one: 1 }] },
  parametersOfManyTypes: {
    value: { i: 42, t: 'Grüße, 世界', n: null, b: [0, 255, 1], j: { deep: [1, { x: 'y' }] } },
  },
  preparedStatement: { value: { sums: [1, 2, 3, 4, 5], prepared: 1 } },
  largeAnswer: { value: { rows: 10_240, bytes: 10 * 1024 * 1024, intact: true } },
  upload: { value: { length: 8 * 1024 * 1024, intact: true } },
  pipeline: { value: true },
  pool: { value: { inOrder: true, connections: 5 } },
  notify: { value: { intact: true } },
  cursor: { value: { batches: 11, last: 1050 } },
  copyBothWays: { value: { intact: true, after: 20_000 } },
  rollback: { value: { why: { message: 'changed my mind' }, rows: [] } },
  cancel: { value: { code: '57014' } },
  plain: { value: { code: '28000' } },
  wrongPassword: { value: { code: '28P01' } },
  terminated: { value: { during: true, reconnected: true } },
  wrongPort: { value: { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' } },
  unknownHost: { value: { code: 'ENOTFOUND', syscall: 'getaddrinfo' } },
  unknownAuthority: { value: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } },
  wrongName: { value: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } },
  silentServer: { value: 'CONNECT_TIMEOUT' },
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

testWays('postgres-duplex-jobs.mjs', ways, expected, () => ({ surroundings, env }));

testRecipe('postgres.mjs', "{ answer: 42, user: 'postgres', tls: 'TLSv1.3' }", () => {
  const { user, password, port, database } = server;
  return { surroundings, url: `postgres://${user}:${password}@localhost:${port}/${database}` };
});
