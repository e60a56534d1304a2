/** What a user of mysql2 does, with the option `stream`, against MariaDB. See sql-jobs.mjs. DATABASE_URL says where to. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
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

const { default: mysql2 } = await importClient('mysql2');
const { default: mysql } = await import('mysql2/promise');

/** How the client is told to make its socket. */
const ways = {
  /** As it is: node:net and node:tls. */
  net: () => ({}),
  /** Over ours, and node:tls over that. */
  duplex: async () => {
    const { createConnection } = await import('wintersock/node');
    return { stream: ({ config }) => createConnection(config.port, config.host) };
  },
};

/** The client as it is, with ours in place of node:net and node:tls. */
ways['rust, replaced'] = ways.net;

const { hostname, port, username, password, pathname } = new URL(env.DATABASE_URL);
const where = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) };
const tls = { ssl: { ca: env.CA, verifyIdentity: true } };
const options = { connectTimeout: 60_000, ...where, ...tls, ...(await ways[way]()) };

const jobs = {
  async connection() {
    return withClient(async (client) => {
      const [[{ Value: version }]] = await client.query("SHOW STATUS LIKE 'Ssl_version'");
      return { version, encrypted: client.connection.stream.encrypted };
    });
  },

  async plainConnection() {
    return withClient(
      async (client) => {
        const [[{ Value: version }]] = await client.query("SHOW STATUS LIKE 'Ssl_version'");
        return { version };
      },
      { ssl: undefined },
    );
  },

  /** The authority is one of NODE_EXTRA_CA_CERTS. */
  async defaultAuthorities() {
    return withClient(() => 'connected', { ssl: { verifyIdentity: true } });
  },

  async parametersOfManyTypes() {
    return withClient(async (client) => {
      const text = 'SELECT ? + 0 AS i, ? AS t, ? AS n, CAST(? AS BINARY(3)) AS b';
      const [[row]] = await client.query(text, [42, 'Grüße, 世界', null, Buffer.from([0, 255, 1])]);
      return { ...row, b: [...row.b] };
    });
  },

  async preparedStatement() {
    return withClient(async (client) => {
      const statement = await client.prepare('SELECT CAST(? + ? AS INT) AS sum');
      const sums = [];
      for (let i = 0; i < 5; i++) sums.push((await statement.execute([i, 1]))[0][0].sum);
      await statement.close();
      const [[cached]] = await client.execute('SELECT CONCAT(?, ?) AS text', ['a', 'b']);
      return { sums, ...cached };
    });
  },

  async largeAnswer() {
    return withClient(largeAnswer);
  },

  async largeAnswerInPlain() {
    return withClient(largeAnswer, { ssl: undefined });
  },

  async largeAnswerCompressed() {
    return withClient(largeAnswer, { compress: true });
  },

  async upload() {
    return withClient(upload);
  },

  async uploadInPlain() {
    return withClient(upload, { ssl: undefined });
  },

  /** Queries that do not wait for each other's answers. */
  async parallelQueries() {
    return withClient(async (client) => {
      const numbers = Array.from({ length: 300 }, (_, i) => i);
      const results = await Promise.all(numbers.map((i) => client.query('SELECT ? AS i', [i])));
      return results.every(([[row]], i) => row.i === i);
    });
  },

  async pool() {
    const pool = mysql.createPool({ ...options, connectionLimit: 5 });
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    const text = 'SELECT ? AS i, CONNECTION_ID() AS id, SLEEP(0.002)';
    const results = await Promise.all(numbers.map((i) => pool.query(text, [i])));
    const rows = results.map(([[row]]) => row);
    await pool.end();
    return {
      inOrder: rows.every((row, i) => row.i === i),
      connections: new Set(rows.map((row) => row.id)).size,
    };
  },

  /** Rows as they come, with a reader that is slower than the server. */
  async streamedRows() {
    return withClient(async (client) => {
      const text = 'SELECT seq, REPEAT(MD5(seq), 8) AS line FROM seq_1_to_20000';
      let [rows, sum] = [0, 0];
      for await (const { seq } of client.connection.query(text).stream({ highWaterMark: 5 })) {
        rows += 1;
        sum += seq;
        if (rows % 500 === 0) await new Promise(setImmediate);
      }
      return { rows, sum };
    });
  },

  /** LOAD DATA LOCAL INFILE, from a stream. */
  async load() {
    return withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE loaded (id INT, line TEXT)');
      const lines = Array.from({ length: 10_000 }, (_, i) => `${i}\t${'abcdefgh'.repeat(16)}${i}\n`);
      await client.query({
        sql: "LOAD DATA LOCAL INFILE 'rows' INTO TABLE loaded",
        infileStreamFactory: () => Readable.from(lines.map((line) => Buffer.from(line))),
      });
      const text = "SELECT CONCAT(id, '\\t', line, '\\n') AS line FROM loaded ORDER BY id";
      const [rows] = await client.query(text);
      return { rows: rows.length, intact: sha256(...rows.map(({ line }) => line)) === sha256(...lines) };
    });
  },

  async severalStatements() {
    return withClient(async (client) => (await client.query('SELECT 1 AS a; SELECT 2 AS b'))[0], {
      multipleStatements: true,
    });
  },

  async rollback() {
    return withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE account (id INT PRIMARY KEY) ENGINE=InnoDB');
      await client.beginTransaction();
      await client.query('INSERT INTO account VALUES (1)');
      const duplicate = await failure(() => client.query('INSERT INTO account VALUES (1)'));
      await client.rollback();
      return { duplicate, rows: (await client.query('SELECT id FROM account'))[0] };
    });
  },

  async wrongPassword() {
    return failure(() => withClient(() => 'connected', { password: 'wrong' }));
  },

  async killedWhileQuerying() {
    return killed((client) => failure(() => client.query('SELECT SLEEP(60)')));
  },

  async killedWhileIdle() {
    return killed(() => undefined);
  },

  async wrongPort() {
    const nowhere = { host: '127.0.0.1', port: Number(env.CLOSED_PORT) };
    return failure(() => withClient(() => 'connected', nowhere));
  },

  async wrongPortWithPool() {
    const pool = mysql.createPool({ ...options, host: '127.0.0.1', port: Number(env.CLOSED_PORT) });
    const failures = await Promise.all([1, 2, 3].map(() => failure(() => pool.query('SELECT 1'))));
    await pool.end();
    return failures.map(({ code }) => code);
  },

  async unknownHost() {
    const { code, syscall } = await failure(() => withClient(() => 'connected', { host: 'nowhere.invalid' }));
    return { code, syscall };
  },

  /** The client replaces the code of node:tls, not its message. */
  async unknownAuthority() {
    const ssl = { ca: env.STRANGER_CA, verifyIdentity: true };
    return withClient(() => 'connected', { ssl }).catch(({ code, message }) => ({ code, message }));
  },

  /** A server whose certificate is for db.example. */
  async wrongName() {
    const { port, password } = new URL(env.MISNAMED_URL);
    const misnamed = { port: Number(port), password };
    return withClient(() => 'connected', misnamed).catch(({ code, message }) => ({ code, message }));
  },

  async silentServer() {
    return withSilence((port) =>
      failure(() => withClient(() => 'connected', { host: '127.0.0.1', port, connectTimeout: 200 })),
    );
  },
};

/** Runs `work` with a connected client and ends it. */
async function withClient(work, change = {}) {
  const client = await mysql.createConnection({ ...options, ...change });
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function largeAnswer(client) {
  const [rows] = await client.query('SELECT seq, REPEAT(MD5(seq), 32) AS line FROM seq_1_to_10240');
  const intact = rows.every(({ seq, line }) => {
    return line === createHash('md5').update(String(seq)).digest('hex').repeat(32);
  });
  return { rows: rows.length, intact };
}

async function upload(client) {
  const bytes = patternedBytes(4 * 1024 * 1024);
  const text = 'SELECT LENGTH(b) AS length, SHA2(b, 256) AS sum FROM (SELECT ? AS b) x';
  const sum = sha256(bytes);
  const [[queried]] = await client.query(text, [bytes]);
  const [[executed]] = await client.execute(text, [bytes]);
  return { length: queried.length, intact: queried.sum === sum && executed.sum === sum };
}

/** What a client is told whose connection the server ends. */
async function killed(query) {
  const client = mysql2.createConnection(options);
  await once(client, 'connect');
  const errors = [];
  client.on('error', (error) => errors.push(described(error)));
  const ended = new Promise((resolve) => client.stream.once('close', resolve));
  const running = query(client.promise());
  await withClient((other) => other.query(`KILL ${client.threadId}`));
  const during = await running;
  await ended;
  return { during, errors, after: await failure(() => client.promise().query('SELECT 1')) };
}

await runJobs(jobs);
