/**
 * What a user of postgres (porsager/postgres) does, one job a process: `WINTERSOCK_REGISTER=postgres node --import
 * wintersock/register postgres-jobs.mjs <job>`. Prints what the user would see as JSON, and ends by itself. Its
 * build for Workers knows no `ca` and no environment: the authority to trust comes from NODE_EXTRA_CA_CERTS.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import postgres from 'postgres';
import { fetchLargeResult } from '../fixtures/large-result.mjs';

// The proof that nothing goes past connect().
Socket.prototype.connect = () => {
  throw new Error('postgres used node:net');
};

const server = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  password: process.env.PGPASSWORD,
  database: process.env.PGDATABASE,
  // Tries once: not for as long as the server stays away.
  connect_timeout: 10,
  ssl: 'verify-full',
};

const jobs = {
  /** How the server sees the connection. */
  async connection() {
    return withSql(async (sql) => {
      const [row] = await sql`SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
      return row;
    });
  },

  /** Fails: what connecting without TLS says. */
  async plain() {
    return withSql((sql) => sql`SELECT 1`, { ssl: false });
  },

  async parameters() {
    return withSql(async (sql) => {
      const values = [42, 'Grüße, 世界', null, Buffer.from([0, 255, 1]), { deep: [1, { x: 'y' }] }];
      const [i, t, n, b, j] = values;
      const [row] =
        await sql`SELECT ${i}::int AS i, ${t}::text AS t, ${n}::text AS n, ${b}::bytea AS b, ${sql.json(j)}::jsonb AS j,
                         ${[1, 2, 3]}::int[] AS a`;
      return { ...row, b: [...row.b] };
    });
  },

  async largeResult() {
    return withSql((sql) => fetchLargeResult((text, parameters) => sql.unsafe(text, parameters), 10), {
      max: 1,
    });
  },

  async largeParameter() {
    return withSql(async (sql) => {
      const bytes = randomBytes(8 * 1024 * 1024);
      const [row] =
        await sql`SELECT length(b) AS length, encode(sha256(b), 'hex') AS sum FROM (SELECT ${bytes}::bytea AS b) x`;
      return { ...row, expected: createHash('sha256').update(bytes).digest('hex') };
    });
  },

  /** What other connections see after a rollback and after a commit. */
  async transaction() {
    return withSql(async (sql) => {
      const count = async (who) => Number((await who`SELECT count(*) FROM account2`)[0].count);
      const seen = {};
      await sql`CREATE TABLE account2 (id int PRIMARY KEY)`;
      seen.failure = await sql
        .begin(async (transaction) => {
          await transaction`INSERT INTO account2 SELECT generate_series(1, ${500}::int)`;
          seen.inside = await count(transaction);
          seen.outside = await count(sql);
          throw new Error('changed my mind');
        })
        .catch((error) => error.message);
      seen.rolledBack = await count(sql);
      await sql.begin(
        (transaction) => transaction`INSERT INTO account2 SELECT generate_series(1, ${700}::int)`,
      );
      seen.committed = await count(sql);
      await sql`DROP TABLE account2`;
      return seen;
    });
  },

  /** 60 queries over at most 5 connections. */
  async pool() {
    return withSql(
      async (sql) => {
        const numbers = Array.from({ length: 60 }, (_, i) => i);
        const results = await Promise.all(
          numbers.map((i) => sql`SELECT ${i}::int AS i, pg_backend_pid() AS pid, pg_sleep(0.005)`),
        );
        const rows = results.map(([row]) => row);
        return {
          inOrder: rows.every((row, i) => row.i === i),
          connections: new Set(rows.map((row) => row.pid)).size,
        };
      },
      { max: 5 },
    );
  },

  async notify() {
    return withSql(async (sql) => {
      const payload = 'x'.repeat(5000);
      const received = new Promise((resolve) => {
        sql.listen('news', resolve).then(() => sql.notify('news', payload));
      });
      return { intact: (await received) === payload };
    });
  },

  /** The server ends the connection under a running query; the next query gets a new one. */
  async terminated() {
    return withSql(
      async (sql) => {
        const [{ pid }] = await sql`SELECT pg_backend_pid() AS pid`;
        const failure = sql`SELECT pg_sleep(60)`.catch(described);
        await withSql((other) => other`SELECT pg_terminate_backend(${pid})`);
        const query = await failure;
        // The driver may report the end once more, to the query that comes first.
        const again = () => sql`SELECT pg_backend_pid() AS pid`;
        const [next] = await again().catch(again);
        return { query, reconnected: next.pid !== pid };
      },
      { max: 1 },
    );
  },
};

/** Runs `work` with a client and ends it. */
async function withSql(work, options = {}) {
  const sql = postgres({ ...server, ...options });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

function described(error) {
  return { name: error.constructor.name, code: error.code, message: error.message };
}

const unhandled = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason.code ?? reason.message));

const result = await jobs[process.argv[2]]().then(
  (value) => ({ value }),
  (error) => ({ error: described(error) }),
);
// Last of all, so that nothing can come late.
process.once('beforeExit', () => console.log(JSON.stringify({ ...result, unhandled })));
