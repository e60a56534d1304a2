/** What a user of pg does, with the option `stream`. See sql-jobs.mjs. PGHOST and so on say where to. */
import { pipeline } from 'node:stream/promises';
import copy from 'pg-copy-streams';
import Cursor from 'pg-cursor';
import QueryStream from 'pg-query-stream';
import { fetchLargeResult } from '../fixtures/large-result.mjs';
import {
  described,
  env,
  failure,
  importClient,
  patternedBytes,
  runJobs,
  sha256,
  way,
  withSilence,
} from './sql-jobs.mjs';

const { default: pg } = await importClient('pg');

/** How the client is told to make its socket, with node:tls's options. */
const ways = {
  /** As it is: node:net and node:tls. */
  net: () => (tls) => ({ ssl: tls }),
  /** Over ours, and node:tls over that. */
  duplex: async () => {
    const { createConnection } = await import('wintersock/node');
    return (tls) => ({ ssl: tls, stream: () => createConnection() });
  },
  /** TLS in Rust from the first byte, as PostgreSQL 17 and later have it. */
  'rust, direct': async () => {
    const { Socket } = await import('wintersock/node');
    class DirectTls extends Socket {
      constructor(tls) {
        super();
        this.tls = tls;
      }
      connect(port, host) {
        const tls = { secureTransport: 'on', ALPNProtocols: ['postgresql'], ...this.tls };
        return super.connect({ port, host, ...tls });
      }
    }
    return (tls) => ({ ssl: false, stream: () => (tls ? new DirectTls(tls) : new Socket()) });
  },
};

/** TLS in Rust after the request that PostgreSQL wants. */
ways['rust, asked for'] = async () => {
  const { PostgresSocket, Socket } = await import('wintersock/node');
  return (tls) => ({ ssl: false, stream: () => (tls ? new PostgresSocket(tls) : new Socket()) });
};
/** The client as it is, with ours in place of node:net and node:tls. */
ways['rust, replaced'] = ways.net;

const socket = await ways[way]();
/** @param {object | false} tls */
const options = (tls = { ca: env.CA }) => ({ ...socket(tls), keepAlive: true });

const jobs = {
  /** How the server sees the connection. */
  async connection() {
    return withClient(async (client) => {
      const { rows } = await client.query(
        'SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()',
      );
      return { ...rows[0], encrypted: client.connection.stream.encrypted };
    });
  },

  /** The authority is one of NODE_EXTRA_CA_CERTS. */
  async defaultAuthorities() {
    return withClient(() => 'connected', options({}));
  },

  async channelBinding() {
    return withClient(() => 'connected', { ...options(), enableChannelBinding: true });
  },

  async parametersOfManyTypes() {
    return withClient(async (client) => {
      const text = 'SELECT $1::int AS i, $2::text AS t, $3::text AS n, $4::bytea AS b, $5::jsonb AS j';
      const values = [42, 'Grüße, 世界', null, Buffer.from([0, 255, 1]), { deep: [1, { x: 'y' }] }];
      const { rows } = await client.query(text, values);
      return { ...rows[0], b: [...rows[0].b] };
    });
  },

  async preparedStatement() {
    return withClient(async (client) => {
      const sums = [];
      for (let i = 0; i < 5; i++) {
        const query = { name: 'sum', text: 'SELECT $1::int + $2::int AS sum', values: [i, 1] };
        sums.push((await client.query(query)).rows[0].sum);
      }
      const { rows } = await client.query('SELECT name FROM pg_prepared_statements');
      return { sums, names: rows.map((row) => row.name) };
    });
  },

  async largeAnswer() {
    return withClient(async (client) => {
      const query = async (text, values) => (await client.query(text, values)).rows;
      const { rows, bytes, sha256, expected } = await fetchLargeResult(query, 10);
      return { rows, bytes, intact: sha256 === expected };
    });
  },

  async upload() {
    return withClient(async (client) => {
      const bytes = patternedBytes(8 * 1024 * 1024);
      const text = `SELECT length($1::bytea) AS length, encode(sha256($1::bytea), 'hex') AS sum`;
      const { rows } = await client.query(text, [bytes]);
      return { length: rows[0].length, intact: rows[0].sum === sha256(bytes) };
    });
  },

  /** Queries that do not wait for each other's answers. */
  async pipeline() {
    return withClient(
      async (client) => {
        const numbers = Array.from({ length: 300 }, (_, i) => i);
        const results = await Promise.all(numbers.map((i) => client.query('SELECT $1::int AS i', [i])));
        return results.every(({ rows }, i) => rows[0].i === i);
      },
      { ...options(), pipeline: true },
    );
  },

  async pool() {
    const pool = new pg.Pool({ ...options(), max: 5 });
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    const text = 'SELECT $1::int AS i, pg_backend_pid() AS pid, pg_sleep(0.002)';
    const results = await Promise.all(numbers.map((i) => pool.query(text, [i])));
    const rows = results.map((result) => result.rows[0]);
    await pool.end();
    return {
      inOrder: rows.every((row, i) => row.i === i),
      connections: new Set(rows.map((row) => row.pid)).size,
    };
  },

  async notify() {
    return withClient((listener) =>
      withClient(async (notifier) => {
        // Its own: two processes use the server at a time.
        const channel = `news${process.pid}`;
        await listener.query(`LISTEN ${channel}`);
        const notification = new Promise((resolve) => listener.once('notification', resolve));
        const payload = 'x'.repeat(5000);
        await notifier.query('SELECT pg_notify($1, $2)', [channel, payload]);
        const message = await notification;
        return { channel: message.channel === channel, intact: message.payload === payload };
      }),
    );
  },

  /** Reads a part through a cursor, and goes on with the same connection. */
  async cursor() {
    return withClient(async (client) => {
      const cursor = client.query(new Cursor('SELECT i FROM generate_series(1, $1::int) i', [1000]));
      const first = await cursor.read(10);
      const second = await cursor.read(300);
      await cursor.close();
      const { rows } = await client.query('SELECT 1 AS one');
      return { first: first.map(({ i }) => i), second: second.length, last: second.at(-1).i, after: rows };
    });
  },

  async queryStream() {
    return withClient(async (client) => {
      const text = 'SELECT i FROM generate_series(1, $1::int) i';
      const stream = client.query(new QueryStream(text, [20_000], { batchSize: 500 }));
      let [rows, sum] = [0, 0];
      for await (const { i } of stream) {
        rows += 1;
        sum += i;
      }
      return { rows, sum };
    });
  },

  /** Into a table and out of it. */
  async copyBothWays() {
    return withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE copied (id int, line text)');
      const lines = Array.from({ length: 40_000 }, (_, i) => `${i}\t${'abcdefgh'.repeat(16)}${i}\n`);
      const into = client.query(copy.from('COPY copied FROM STDIN'));
      await pipeline(lines, into);
      const out = client.query(copy.to('COPY copied TO STDOUT'));
      const chunks = await out.toArray();
      const { rows } = await client.query('SELECT count(*)::int AS count FROM copied');
      return { rows: into.rowCount, intact: sha256(...chunks) === sha256(...lines), after: rows[0].count };
    });
  },

  async rollback() {
    return withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE account (id int PRIMARY KEY)');
      await client.query('BEGIN');
      await client.query('INSERT INTO account VALUES (1)');
      const duplicate = await failure(() => client.query('INSERT INTO account VALUES (1)'));
      await client.query('ROLLBACK');
      return { duplicate, rows: (await client.query('SELECT id FROM account')).rows };
    });
  },

  /** What connecting without TLS says: here the server takes no such connection. */
  async plain() {
    return failure(() => withClient(() => 'connected', options(false)));
  },

  async wrongPassword() {
    return failure(() => withClient(() => 'connected', { ...options(), password: 'wrong' }));
  },

  async terminatedWhileQuerying() {
    return terminated((client) => client.query('SELECT pg_sleep(60)').catch(described));
  },

  async terminatedWhileIdle() {
    return terminated(() => undefined);
  },

  async wrongPort() {
    const where = { host: '127.0.0.1', port: env.CLOSED_PORT };
    return failure(() => withClient(() => 'connected', { ...options(), ...where }));
  },

  async wrongPortWithPool() {
    const pool = new pg.Pool({ ...options(), host: '127.0.0.1', port: env.CLOSED_PORT, max: 2 });
    const failures = await Promise.all([1, 2, 3].map(() => failure(() => pool.query('SELECT 1'))));
    await pool.end();
    return failures.map(({ code }) => code);
  },

  async unknownHost() {
    const { code, syscall } = await failure(() =>
      withClient(() => 'connected', { ...options(), host: 'nowhere.invalid' }),
    );
    return { code, syscall };
  },

  async unknownAuthority() {
    return failure(() => withClient(() => 'connected', options({ ca: env.STRANGER_CA })));
  },

  async wrongName() {
    return failure(() => withClient(() => 'connected', { ...options(), host: '127.0.0.1' }));
  },

  async silentServer() {
    return withSilence((port) => {
      const where = { host: '127.0.0.1', port, connectionTimeoutMillis: 200 };
      return failure(() => withClient(() => 'connected', { ...options(), ...where }));
    });
  },

  /** A pool that is never ended, and does not keep the process alive. */
  async idlePool() {
    const pool = new pg.Pool({ ...options(), allowExitOnIdle: true, idleTimeoutMillis: 0 });
    return (await pool.query('SELECT 1 AS one')).rows;
  },
};

/** Runs `work` with a connected client and ends it. */
async function withClient(work, config = options()) {
  const client = new pg.Client(config);
  // A connection that fails is also told of by an event.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What a client is told whose connection the server ends. */
async function terminated(query) {
  const client = new pg.Client(options());
  const errors = [];
  client.on('error', (error) => errors.push(described(error)));
  const ended = new Promise((resolve) => client.once('end', resolve));
  await client.connect();
  const running = query(client);
  await withClient((other) => other.query('SELECT pg_terminate_backend($1)', [client.processID]));
  const during = await running;
  await ended;
  return { during, errors, after: await failure(() => client.query('SELECT 1')) };
}

// node:tls passes unref() on to a net.Socket alone.
await runJobs(jobs, { duplex: ['idlePool'] });
