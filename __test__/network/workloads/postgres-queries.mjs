/** The process of postgres.mjs: `node postgres-queries.mjs <api> <MiB>`. PGHOST and so on say where to. */
import pg from 'pg';
import { fetchLargeResult } from '../../fixtures/large-result.mjs';

const [, , api, megabytes] = process.argv;
const tls = { ca: process.env.DATABASE_CA };

/** How pg is told to make its socket. */
const options = {
  'connect()': async () => ({ ssl: tls }),
  'node:net': async () => ({ ssl: tls }),
  'wintersock/node': async () => {
    const { PostgresSocket } = await import('wintersock/node');
    return { ssl: false, stream: () => new PostgresSocket(tls) };
  },
};

// If whoever waits for this is gone, so may be the line. It keeps nothing alive.
setTimeout(() => process.exit(3), 90_000 * Number(process.env.WINTERSOCK_SLOWNESS || 1)).unref();

const begun = performance.now();
const settings = await options[api]();
const client = new pg.Client(settings);
await client.connect();
const answers = [];
for (let i = 0; i < 20; i += 1) {
  const { rows } = await client.query('SELECT $1::int * $1::int AS square', [i]);
  answers.push(rows[0].square);
}
const query = async (text, values) => (await client.query(text, values)).rows;
const large = await fetchLargeResult(query, Number(megabytes));
await client.end();
const pool = new pg.Pool({ ...settings, max: 4 });
const together = await Promise.all(
  Array.from({ length: 20 }, async (_, i) => {
    const { rows } = await pool.query("SELECT $1::text || '!' AS said", ['x'.repeat(i * 100)]);
    return rows[0].said;
  }),
);
await pool.end();
console.log(JSON.stringify({ answers, together, large, ms: performance.now() - begun }));
