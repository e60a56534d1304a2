/** The rows about pg: an embedded PostgreSQL, and what an unmodified pg does with it. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pin } from './machine.mjs';

/** Both with and without TLS; the fixture's own rules take TLS only. */
const ACCESS = 'host all all 127.0.0.1/32 scram-sha-256\n';
const RESULT = 'SELECT line FROM large';
const RESULT_ROWS = 10_240;

export class Database {
  #server;

  /** @param {string} scratch A directory for its rules. @param {number | undefined} cpu Where it runs. */
  static async start(scratch, cpu) {
    const { createAuthority } = await import('../__test__/fixtures/pki.mjs');
    const { startPostgres } = await import('../__test__/fixtures/postgres.mjs');
    const database = new Database();
    const authority = await createAuthority();
    const credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
    // PostgreSQL may have to run as another user.
    await chmod(scratch, 0o755);
    const rules = join(scratch, 'pg_hba.conf');
    await writeFile(rules, ACCESS);
    const settings = { hba_file: rules.replaceAll('\\', '/') };
    database.#server = await startPostgres({ credentials, settings });
    pin(database.#server.pid, cpu);
    const { port, user, password, version } = database.#server;
    database.version = version;
    /** What a job has to know. */
    database.access = { port, user, password, database: database.#server.database, ca: authority.certPem };
    return database;
  }

  end() {
    return this.#server.stop();
  }
}

/**
 * Queries with an unmodified pg, one after the other, and then a large result.
 * @param {import('./workloads.mjs').Job} job @param {import('./workloads.mjs').Clock} clock
 * @param {'node:net' | 'connect()' | 'wintersock/node'} through What pg has to use: anything else is an error.
 * @param {object} [options] Options of pg besides.
 */
export async function pgPerformer({ host, tls, seconds, database }, clock, through, options = {}) {
  const { default: pg } = await import('pg');
  const { ca, ...access } = database;
  const client = new pg.Client({ host, ...access, ssl: tls && { ca }, ...options });
  await client.connect();
  try {
    const { stream } = client.connection;
    const ours = typeof stream.startTls === 'function' && !stream._cfSocket;
    const used = stream._cfSocket ? 'connect()' : ours ? 'wintersock/node' : 'node:net';
    if (used !== through) throw new Error(`pg used ${used}`);
    const times = [];
    await query(client, clock, seconds * 0.4, []);
    const before = await clock.usage();
    await query(client, clock, seconds, times);
    const after = await clock.usage();
    times.sort((a, b) => a - b);
    return {
      p50_us: times[times.length >> 1],
      p99_us: times[Math.floor(times.length * 0.99)],
      queries_per_s: times.length / (after.now - before.now),
      result_ms: await largeResult(client, clock),
      cpu_s: after.cpu - before.cpu,
    };
  } finally {
    await client.end();
  }
}

async function query(client, clock, seconds, times) {
  const end = clock.now() + seconds * 1e6;
  for (let last = clock.now(); last < end; ) {
    const { rows } = await client.query('SELECT $1::int + 1 AS answer', [41]);
    if (rows[0].answer !== 42) throw new Error('a wrong answer');
    const now = clock.now();
    times.push(now - last);
    last = now;
  }
}

/** Milliseconds for a result of 10 MB, the best of a few. */
async function largeResult(client, clock) {
  await client.query(
    `CREATE TEMPORARY TABLE large AS
       SELECT repeat(md5(i::text), 32) AS line FROM generate_series(1, ${RESULT_ROWS}) i`,
  );
  const times = [];
  for (let run = 0; run < 4; run += 1) {
    const start = clock.now();
    const { rows } = await client.query(RESULT);
    if (rows.length !== RESULT_ROWS) throw new Error('a result that is not whole');
    times.push((clock.now() - start) / 1000);
  }
  return Math.min(...times);
}
