/** pg and a real PostgreSQL, over a bad line. The queries run in a process of their own, which has to end by itself. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { slowness } from '../../fixtures/environment.mjs';
import { runNode } from '../../fixtures/node-process.mjs';
import { startPostgres } from '../../fixtures/postgres.mjs';
import { addresses } from '../line.mjs';
import { reachable } from './proxies.mjs';

const queries = fileURLToPath(new URL('postgres-queries.mjs', import.meta.url));

/** What a process needs to get at pg over each. */
const imports = { 'connect()': ['--import', 'wintersock/register'], 'wintersock/node': [], 'node:net': [] };

/** One for the life of the peer. @type {Promise<object> | undefined} */
let running;

/** PostgreSQL itself knows the loopback only. */
async function start({ cert, key }) {
  const { port, user, password, database } = await startPostgres({
    credentials: { chainPem: cert, keyPem: key },
  });
  return { PGPORT: String(await reachable(port)), PGUSER: user, PGPASSWORD: password, PGDATABASE: database };
}

export const postgres = [
  {
    name: 'PostgreSQL',
    says: 'pg, TLS, 20 queries one after the other, 20 over a pool of four, and a large result whose hash the server knows',
    on: ['far', 'lossy', 'bad'],
    quick: ['bad'],
    securities: ['starttls'],
    // MiB of the large result.
    size: { full: 4, quick: 1 },
    prepare: (options) => {
      running ??= start(options);
      return running;
    },
    serve: async () => {},
    async run({ api, ca, size, prepared, within }) {
      const env = {
        ...prepared,
        PGHOST: addresses.v4,
        DATABASE_CA: ca,
        ...(process.env.WINTERSOCK_IO ? { WINTERSOCK_IO: process.env.WINTERSOCK_IO } : {}),
      };
      const args = [...imports[api], queries, api, String(size)];
      const ended = await within(runNode(args, { env, deadline: 60_000 * slowness }), 'the queries');
      assert.deepEqual({ code: ended.code, stderr: ended.stderr }, { code: 0, stderr: '' });
      const { answers, together, large, ms } = JSON.parse(ended.stdout);
      assert.deepEqual(
        answers,
        Array.from({ length: 20 }, (_, i) => i * i),
      );
      assert.deepEqual(
        together,
        Array.from({ length: 20 }, (_, i) => `${'x'.repeat(i * 100)}!`),
      );
      assert.equal(large.sha256, large.expected);
      assert.equal(large.bytes, size << 20);
      return { ms };
    },
  },
];
