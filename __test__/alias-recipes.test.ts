/** The recipes for PostgreSQL by the alias, run as they are. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Ending, runNode } from './fixtures/node-process.mjs';
import { createAuthority } from './fixtures/pki.mjs';
import { type PostgresServer, startPostgres } from './fixtures/postgres.mjs';

let server: PostgresServer;
let directory: string;
let env: Record<string, string>;

beforeAll(async () => {
  const authority = await createAuthority();
  server = await startPostgres({ credentials: await authority.issue({ names: ['localhost'] }) });
  directory = await mkdtemp(join(tmpdir(), 'wintersock-alias-recipes-'));
  const caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.certPem);
  const { user, password, port, database } = server;
  env = {
    NODE_EXTRA_CA_CERTS: caFile,
    DATABASE_URL: `postgres://${user}:${password}@localhost:${port}/${database}`,
  };
}, 60_000);
afterAll(async () => {
  await server?.stop();
  if (directory) await rm(directory, { recursive: true });
}, 60_000);

/** The proof that nothing goes past connect(): loaded before the recipe. */
const guard = `data:text/javascript,${encodeURIComponent(`
  import { Socket } from 'node:net';
  Socket.prototype.connect = () => { throw new Error('it used node:net'); };`)}`;

const recipes = [
  { name: 'pg', args: ['--import', 'wintersock/register', 'examples/drivers/pg-alias.mjs'] },
  { name: 'postgres', args: ['examples/drivers/postgres-alias.mjs'] },
];

describe.each(recipes)('$name', { timeout: 60_000 }, ({ args }) => {
  const run = (more: Record<string, string> = {}): Promise<Ending> =>
    runNode(['--import', guard, ...args], { env: { ...env, ...more } });

  test('gets an answer over TLS that is verified', async () => {
    const ending = await run();
    expect(ending).toEqual({
      code: 0,
      signal: null,
      stderr: '',
      stdout: `{ ssl: true, version: 'TLSv1.3' }\n`,
    });
  });

  test('refuses a server that nobody vouches for', async () => {
    const { code, stderr } = await run({ NODE_EXTRA_CA_CERTS: '' });
    expect(code).toBe(1);
    expect(stderr).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
  });
});
