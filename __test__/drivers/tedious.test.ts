/**
 * tedious, unmodified, over the Duplex of wintersock/node, beside tedious over node:net. No SQL Server can be had here: what answers is a stub that knows pre-login, TLS, login and a
 * few batches.
 */
import { afterAll, beforeAll } from 'vitest';
import { startTdsStub, type TdsStub } from '../servers/tds-stub.mjs';
import { type Outcomes, Surroundings, testRecipe, testWays } from './sql-ways.ts';

/** TDS 7 has TLS within its messages, TDS 8 ("strict") before them. */
const ways = [
  'net, in messages',
  'net, strict',
  'duplex, in messages',
  'duplex, strict',
  'rust, strict',
  'replaced, in messages',
  'rust, replaced, strict',
];

const refused = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1' };
const refusedCertificate = (code: string) => ({ value: { code: 'ESOCKET', cause: { code } } });

/** The jobs of tedious-jobs.mjs, and how they have to end. */
const expected: Outcomes = {
  connection: { value: { encrypted: 1, alpn: true } },
  defaultAuthorities: { value: 'connected' },
  largeAnswer: { value: { rows: 10_240, intact: true } },
  upload: { value: { length: 4 * 1024 * 1024 + 'digest '.length, intact: true } },
  parallelConnections: { value: Array(5).fill(190) },
  cancel: { value: { code: 'ECANCEL', after: 1 } },
  failingRequest: { value: { code: 'EREQUEST' } },
  wrongPassword: { value: { code: 'ELOGIN' } },
  killed: { value: { during: { code: 'ECONNRESET' }, after: { code: 'EINVALIDSTATE' } } },
  wrongPort: { value: { code: 'ESOCKET', cause: [refused] } },
  unknownAuthority: refusedCertificate('UNABLE_TO_VERIFY_LEAF_SIGNATURE'),
  wrongName: refusedCertificate('ERR_TLS_CERT_ALTNAME_INVALID'),
  silentServer: { value: { code: 'ETIMEOUT' } },
};

let surroundings: Surroundings;
let server: TdsStub;
let env: Record<string, string>;

beforeAll(async () => {
  surroundings = await Surroundings.create();
  server = await startTdsStub({ credentials: surroundings.credentials });
  env = {
    TDS_PORT: String(server.port),
    TDS_STRICT_PORT: String(server.strictPort),
    TDS_USER: server.user,
    TDS_PASSWORD: server.password,
  };
}, 60_000);
afterAll(async () => {
  await server?.stop();
  await surroundings?.[Symbol.asyncDispose]();
}, 60_000);

testWays('tedious-jobs.mjs', ways, expected, () => ({ surroundings, env }));

testRecipe('tedious.mjs', '{ answer: 42 }', () => {
  const { user, password, port } = server;
  return { surroundings, url: `mssql://${user}:${password}@localhost:${port}/master` };
});
