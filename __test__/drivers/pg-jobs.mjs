/**
 * What a user of pg does, one job a process: `node --import wintersock/register pg-jobs.mjs <job>`. Prints what the
 * user would see as JSON, and ends by itself. PGHOST and so on say where to, DATABASE_CA holds the certificate to
 * trust.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import pg from 'pg';
import { fetchLargeResult } from '../fixtures/large-result.mjs';

// The proof that nothing goes past connect().
Socket.prototype.connect = () => {
  throw new Error('pg used node:net');
};

const ssl = process.env.DATABASE_CA ? { ca: process.env.DATABASE_CA } : true;

const jobs = {
  /** How the server and the client see the connection. */
  async connection() {
    const extra = process.env.CLIENT_CERT && { cert: process.env.CLIENT_CERT, key: process.env.CLIENT_KEY };
    return withClient(
      async (client) => {
        const { localAddress, remoteAddress } = await client.connection.stream._cfSocket.opened;
        const { rows } = await client.query(
          `SELECT s.ssl, s.version, s.client_dn, host(inet_client_addr()) || ':' || inet_client_port() AS peer
             FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()`,
        );
        return { localAddress, remoteAddress, ...rows[0] };
      },
      { ssl: { ...ssl, ...extra } },
    );
  },

  /** Fails: what a user sees whose patience ends. */
  async impatient() {
    return withClient(() => 'connected', { ssl, connectionTimeoutMillis: 200 });
  },

  /** Fails: what connecting without TLS says. */
  async plain() {
    return withClient(() => 'connected', { ssl: false });
  },

  async parameters() {
    return withClient(async (client) => {
      const text =
        'SELECT $1::int AS i, $2::text AS t, $3::text AS n, $4::bytea AS b, $5::jsonb AS j, $6::int[] AS a';
      const values = [
        42,
        'Grüße, 世界',
        null,
        Buffer.from([0, 255, 1]),
        { deep: [1, { x: 'y' }] },
        [1, 2, 3],
      ];
      const { rows } = await client.query({ name: 'types', text, values });
      const again = await client.query({ name: 'types', text, values });
      return { ...rows[0], b: [...rows[0].b], again: again.rows.length };
    });
  },

  async largeResult() {
    return withClient((client) =>
      fetchLargeResult(async (text, values) => (await client.query(text, values)).rows, 10),
    );
  },

  async largeParameter() {
    return withClient(async (client) => {
      const bytes = randomBytes(8 * 1024 * 1024);
      const { rows } = await client.query(
        `SELECT length($1::bytea) AS length, encode(sha256($1::bytea), 'hex') AS sum`,
        [bytes],
      );
      return { ...rows[0], expected: createHash('sha256').update(bytes).digest('hex') };
    });
  },

  /** What a second connection sees after a rollback and after a commit. */
  async transaction() {
    return withClient((client) =>
      withClient(async (observer) => {
        const count = async (who) => Number((await who.query('SELECT count(*) FROM account')).rows[0].count);
        await client.query('CREATE TABLE account (id int PRIMARY KEY)');
        await client.query('BEGIN');
        await client.query('INSERT INTO account SELECT generate_series(1, $1::int)', [500]);
        const seen = { inside: await count(client), outside: await count(observer) };
        await client.query('ROLLBACK');
        seen.rolledBack = await count(observer);
        await client.query('BEGIN');
        await client.query('INSERT INTO account SELECT generate_series(1, $1::int)', [700]);
        const duplicate = await client.query('INSERT INTO account VALUES (1)').catch((error) => error.code);
        await client.query('ROLLBACK');
        await client.query('BEGIN');
        await client.query('INSERT INTO account SELECT generate_series(1, $1::int)', [700]);
        await client.query('COMMIT');
        seen.committed = await count(observer);
        await client.query('DROP TABLE account');
        return { ...seen, duplicate };
      }),
    );
  },

  /** 60 queries over at most 5 connections. */
  async pool() {
    const pool = new pg.Pool({ ssl, max: 5 });
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    const results = await Promise.all(
      numbers.map((i) => pool.query('SELECT $1::int AS i, pg_backend_pid() AS pid, pg_sleep(0.005)', [i])),
    );
    const rows = results.map((result) => result.rows[0]);
    await pool.end();
    return {
      inOrder: rows.every((row, i) => row.i === i),
      connections: new Set(rows.map((row) => row.pid)).size,
    };
  },

  /** What a pool does when its server cannot be reached. */
  async failingPool() {
    const pool = new pg.Pool({ ssl, max: 2 });
    const failures = await Promise.all(
      [1, 2, 3].map(() =>
        pool.query('SELECT 1').then(
          () => 'connected',
          (error) => error.code,
        ),
      ),
    );
    await pool.end();
    return failures;
  },

  async notify() {
    return withClient((listener) =>
      withClient(async (notifier) => {
        await listener.query('LISTEN news');
        const notification = new Promise((resolve) => listener.once('notification', resolve));
        const payload = 'x'.repeat(5000);
        await notifier.query('SELECT pg_notify($1, $2)', ['news', payload]);
        const message = await notification;
        return { channel: message.channel, intact: message.payload === payload };
      }),
    );
  },

  /** The server ends the connection under a running query. */
  async terminatedWhileQuerying() {
    const client = new pg.Client({ ssl });
    const errors = [];
    client.on('error', (error) => errors.push(described(error)));
    const ended = ending(client);
    await client.connect();
    const query = client.query('SELECT pg_sleep(60)').catch(described);
    await terminate(client);
    const failure = await query;
    await ended;
    return { query: failure, errors };
  },

  /** The server ends an idle connection. */
  async terminatedWhileIdle() {
    const client = new pg.Client({ ssl });
    const errors = [];
    client.on('error', (error) => errors.push(described(error)));
    const ended = ending(client);
    await client.connect();
    await terminate(client);
    await ended;
    return { errors, query: await client.query('SELECT 1').catch(described) };
  },
};

/** Runs `work` with a connected client and ends it. */
async function withClient(work, options = { ssl }) {
  const client = new pg.Client(options);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Not events.once(): that one rejects when 'error' comes first. */
function ending(client) {
  return new Promise((resolve) => client.once('end', resolve));
}

function terminate(client) {
  return withClient((other) => other.query('SELECT pg_terminate_backend($1)', [client.processID]));
}

function described(error) {
  return { name: error.constructor.name, code: error.code, message: error.message };
}

const result = await jobs[process.argv[2]]().then(
  (value) => ({ value }),
  (error) => ({ error: described(error) }),
);
console.log(JSON.stringify(result));
