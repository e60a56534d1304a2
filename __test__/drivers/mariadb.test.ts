/** mariadb, unmodified, over the Duplex of wintersock/node, beside mariadb over node:net. */
import { afterAll, beforeAll, describe } from 'vitest';
import { available, type MariadbServer, startMariadb } from '../servers/mariadb.mjs';
import { type Outcomes, Surroundings, testRecipe, testWays } from './sql-ways.ts';

const lost = { code: 'ER_SOCKET_UNEXPECTED_CLOSE' };
const closed = { code: 'ER_CMD_CONNECTION_CLOSED' };
const refused = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' };

/** The jobs of mariadb-jobs.mjs, and how they have to end. */
const expected: Outcomes = {
  connection: { value: 'TLSv1.3' },
  plainConnection: { value: '' },
  defaultAuthorities: { value: 'connected' },
  parametersOfManyTypes: { value: { i: 42, t: 'Grüße, 世界', n: null, b: [0, 255, 1] } },
  preparedStatement: { value: { sums: [1, 2, 3, 4, 5], text: 'ab' } },
  batch: { value: { affectedRows: 5_000, sum: 12_497_500, length: 977_500 } },
  largeAnswer: { value: { rows: 10_240, intact: true } },
  largeAnswerInPlain: { value: { rows: 10_240, intact: true } },
  largeAnswerCompressed: { value: { rows: 10_240, intact: true } },
  upload: { value: { length: 4 * 1024 * 1024, intact: true } },
  uploadInPlain: { value: { length: 4 * 1024 * 1024, intact: true } },
  pipeline: { value: true },
  pool: { value: { inOrder: true, several: true } },
  streamedRows: { value: { rows: 20_000, sum: 200_010_000 } },
  load: { value: { rows: 10_000, intact: true } },
  rollback: { value: { duplicate: { code: 'ER_DUP_ENTRY' }, rows: [] } },
  wrongPassword: { value: { code: 'ER_ACCESS_DENIED_ERROR' } },
  killedWhileQuerying: { value: { during: lost, errors: [lost], after: closed } },
  killedWhileIdle: { value: { errors: [lost], after: closed } },
  wrongPort: { value: refused },
  unknownHost: { value: { code: 'ENOTFOUND', syscall: 'getaddrinfo' } },
  unknownAuthority: { value: { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' } },
  wrongName: { value: { code: 'ERR_TLS_CERT_ALTNAME_INVALID' } },
  rightName: { value: 'connected' },
  silentServer: { value: { code: 'ER_CONNECTION_TIMEOUT' } },
};

describe.skipIf(available.skip)(available.skip || 'mariadb', () => {
  let surroundings: Surroundings;
  let server: MariadbServer;
  let misnamed: MariadbServer;
  let env: Record<string, string>;
  const url = ({ user, password, port, database }: MariadbServer) =>
    `mariadb://${user}:${password}@localhost:${port}/${database}`;

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

  testWays('mariadb-jobs.mjs', ['net', 'duplex', 'rust, replaced'], expected, () => ({ surroundings, env }), {
    'rust, replaced': ['rightName'],
  });

  testRecipe('mariadb.mjs', "{ answer: '42', user: 'tester@%', tls: 'TLSv1.3' }", () => ({
    surroundings,
    url: `${url(server)}?ssl=true`,
  }));
});
