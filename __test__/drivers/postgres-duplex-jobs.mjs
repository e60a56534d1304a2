/** What a user of postgres (porsager/postgres) does, with the option `socket`. See sql-jobs.mjs. PGHOST and so on say where to. */
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { fetchLargeResult } from '../fixtures/large-result.mjs';
import {
  described,
  env,
  failure,
  importClient,
  lost,
  patternedBytes,
  runJobs,
  sha256,
  way,
  withSilence,
} from './sql-jobs.mjs';

const { default: postgres } = await importClient('postgres');

/** How the client is told to make its socket, with node:tls's options. */
const ways = {
  /** As it is: node:net and node:tls. */
  net: () => (tls) => ({ ssl: tls }),
  /** Over ours, and node:tls over that. The client knows no name for the certificate of such a socket. */
  duplex: async () => {
    const { createConnection } = await import('wintersock/node');
    return (tls, servername) => ({
      ssl: tls && { ...tls, servername },
      socket: ({ host: [host], port: [port] }) => createConnection({ host, port }),
    });
  },
  /** TLS in Rust from the first byte, as PostgreSQL 17 and later have it. */
  'rust, direct': async () => {
    const { createConnection } = await import('wintersock/node');
    const at = (tls) => tls && { ...tls, secureTransport: 'on', ALPNProtocols: ['postgresql'] };
    const make = (host, port, tls) => createConnection({ host, port, ...at(tls) });
    return (tls) => ({ ssl: false, socket: ({ host: [host], port: [port] }) => make(host, port, tls) });
  },
  /** TLS in Rust after the request that PostgreSQL wants. */
  'rust, asked for': async () => {
    const { PostgresSocket, Socket } = await import('wintersock/node');
    const make = (tls) => (tls ? new PostgresSocket(tls) : new Socket());
    const socket = (tls) => (to) => make(tls).connect(to.port[0], to.host[0]);
    return (tls) => ({ ssl: false, socket: socket(tls) });
  },
};

/** The client as it is, with ours in place of node:net and node:tls. */
ways['rust, replaced'] = ways.net;

const socket = await ways[way]();
/** @param {object | false} tls */
const options = (tls = { ca: env.CA }, host = env.PGHOST) => ({ host, ...socket(tls, host) });

/** What a connection is tried with whose failure is the result: once, not for as long as the server stays away. */
const oneAttempt = { max: 1, connect_timeout: 30 };

const jobs = {
  /** How the server sees the connection. */
  async connection() {
    return withSql(async (sql) => {
      const [row] = await sql`SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
      return row;
    });
  },

  /** The authority is one of NODE_EXTRA_CA_CERTS. */
  async defaultAuthorities() {
    return withSql((sql) => sql`SELECT 1 AS one`, options({}));
  },

  async parametersOfManyTypes() {
    return withSql(async (sql) => {
      const [i, t, n, b, j] = [42, 'Grüße, 世界', null, Buffer.from([0, 255, 1]), { deep: [1, { x: 'y' }] }];
      const [row] =
        await sql`SELECT ${i}::int AS i, ${t}::text AS t, ${n}::text AS n, ${b}::bytea AS b, ${sql.json(j)}::jsonb AS j`;
      return { ...row, b: [...row.b] };
    });
  },

  async preparedStatement() {
    return withSql(
      async (sql) => {
        const sums = [];
        for (let i = 0; i < 5; i++) sums.push((await sql`SELECT ${i}::int + ${1}::int AS sum`)[0].sum);
        const statements = await sql.unsafe('SELECT statement FROM pg_prepared_statements');
        return { sums, prepared: statements.filter(({ statement }) => statement.includes('AS sum')).length };
      },
      { max: 1 },
    );
  },

  async largeAnswer() {
    return withSql(
      async (sql) => {
        const query = (text, parameters) => sql.unsafe(text, parameters);
        const { rows, bytes, sha256, expected } = await fetchLargeResult(query, 10);
        return { rows, bytes, intact: sha256 === expected };
      },
      { max: 1 },
    );
  },

  async upload() {
    return withSql(async (sql) => {
      const bytes = patternedBytes(8 * 1024 * 1024);
      const [row] =
        await sql`SELECT length(b) AS length, encode(sha256(b), 'hex') AS sum FROM (SELECT ${bytes}::bytea AS b) x`;
      return { length: row.length, intact: row.sum === sha256(bytes) };
    });
  },

  /** Queries that do not wait for each other's answers. */
  async pipeline() {
    return withSql(
      async (sql) => {
        const numbers = Array.from({ length: 300 }, (_, i) => i);
        const results = await Promise.all(numbers.map((i) => sql`SELECT ${i}::int AS i`));
        return results.every(([row], i) => row.i === i);
      },
      { max: 1 },
    );
  },

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
      // Its own: two processes use the server at a time.
      const [channel, payload] = [`news${process.pid}`, 'x'.repeat(5000)];
      let listening;
      const received = new Promise((resolve) => {
        listening = sql.listen(channel, resolve);
      });
      await listening;
      await sql.notify(channel, payload);
      const intact = (await received) === payload;
      await (await listening).unlisten();
      return { intact };
    });
  },

  async cursor() {
    return withSql(async (sql) => {
      const sizes = [];
      let last;
      for await (const rows of sql`SELECT i FROM generate_series(1, 1050) i`.cursor(100)) {
        sizes.push(rows.length);
        last = rows.at(-1).i;
      }
      return { batches: sizes.length, last };
    });
  },

  /** Into a table and out of it. */
  async copyBothWays() {
    return withSql(
      async (sql) => {
        await sql`CREATE TEMPORARY TABLE copied (id int, line text)`;
        const lines = Array.from({ length: 20_000 }, (_, i) => `${i}\t${'abcdefgh'.repeat(16)}${i}\n`);
        await pipeline(lines, await sql`COPY copied FROM STDIN`.writable());
        // By events: the client, if it paused its socket for the last of the data, never resumes it, over node:net too.
        const chunks = [];
        const out = await sql`COPY copied TO STDOUT`.readable();
        await once(
          out.on('data', (chunk) => chunks.push(chunk)),
          'end',
        );
        const [{ count }] = await sql`SELECT count(*)::int AS count FROM copied`;
        return { intact: sha256(...chunks) === sha256(...lines), after: count };
      },
      { max: 1 },
    );
  },

  async rollback() {
    return withSql(async (sql) => {
      const account = sql(`account${process.pid}`);
      await sql`CREATE TABLE ${account} (id int PRIMARY KEY)`;
      const why = await failure(() =>
        sql.begin(async (transaction) => {
          await transaction`INSERT INTO ${account} VALUES (1)`;
          throw new Error('changed my mind');
        }),
      );
      const rows = await sql`SELECT id FROM ${account}`;
      await sql`DROP TABLE ${account}`;
      return { why, rows };
    });
  },

  /** A request to cancel has a connection of its own. */
  async cancel() {
    return withSql(
      async (sql) => {
        const [{ pid }] = await sql`SELECT pg_backend_pid() AS pid`;
        const query = sql`SELECT pg_sleep(60)`;
        const outcome = failure(() => query);
        await withSql(async (other) => {
          const sleeping = () =>
            other`SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = ${pid}`;
          while ((await sleeping()).length === 0);
        });
        query.cancel();
        return outcome;
      },
      { max: 1 },
    );
  },

  /** What connecting without TLS says: here the server takes no such connection. */
  async plain() {
    return failure(() => withSql((sql) => sql`SELECT 1`, { ...options(false), ...oneAttempt }));
  },

  async wrongPassword() {
    return failure(() => withSql((sql) => sql`SELECT 1`, { ...oneAttempt, password: 'wrong' }));
  },

  /** The server ends the connection under a running query; the next query gets a new one. */
  async terminated() {
    return withSql(
      async (sql) => {
        const [{ pid }] = await sql`SELECT pg_backend_pid() AS pid`;
        const running = failure(() => sql`SELECT pg_sleep(60)`);
        await withSql((other) => other`SELECT pg_terminate_backend(${pid})`);
        const during = await running;
        // The driver may report the end once more, to the query that comes first.
        const again = () => sql`SELECT pg_backend_pid() AS pid`;
        const [next] = await again().catch(again);
        return { during: lost.includes(during.code), reconnected: next.pid !== pid };
      },
      { max: 1 },
    );
  },

  async wrongPort() {
    const where = { ...options({ ca: env.CA }, '127.0.0.1'), port: env.CLOSED_PORT, ...oneAttempt };
    return failure(() => withSql((sql) => sql`SELECT 1`, where));
  },

  async unknownHost() {
    const where = options({ ca: env.CA }, 'nowhere.invalid');
    const lookUp = () => withSql((sql) => sql`SELECT 1`, { ...where, ...oneAttempt });
    const { code, syscall } = await failure(lookUp);
    return { code, syscall };
  },

  async unknownAuthority() {
    const stranger = options({ ca: env.STRANGER_CA });
    return failure(() => withSql((sql) => sql`SELECT 1`, { ...stranger, ...oneAttempt }));
  },

  async wrongName() {
    // By option: for an IP address this client makes node:tls check the name 'localhost'.
    const options = socket({ ca: env.CA, servername: 'db.example' }, 'db.example');
    return failure(() => withSql((sql) => sql`SELECT 1`, { ...options, ...oneAttempt }));
  },

  async silentServer() {
    return withSilence(async (port) => {
      const where = { ...options(undefined, '127.0.0.1'), port, max: 1, connect_timeout: 0.2 };
      // The address in it is what the client has written on its own net.Socket.
      const { code } = await failure(() => withSql((sql) => sql`SELECT 1`, where));
      return code;
    });
  },
};

/** Runs `work` with a client and ends it. */
async function withSql(work, config = {}) {
  const sql = postgres({ ...options(), ...config, onnotice: () => {} });
  try {
    return await work(sql);
  } finally {
    await sql.end();
  }
}

// A promise of the driver's that nobody looks after would end the process; here it is part of the outcome.
process.on('unhandledRejection', (reason) => {
  console.log(JSON.stringify({ job: 'unhandled', error: described(reason) }));
});

await runJobs(jobs);
