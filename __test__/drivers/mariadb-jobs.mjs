/** What a user of mariadb does, with the option `stream`. See sql-jobs.mjs. DATABASE_URL says where to. */
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
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

const mariadb = await importClient('mariadb');

const { hostname, port, username, password, pathname } = new URL(env.DATABASE_URL);
const where = { host: hostname, port: Number(port), user: username, password, database: pathname.slice(1) };

/** How the client is told to make its socket. It does not tell where to. */
const ways = {
  /** As it is: node:net and node:tls. */
  net: () => (where) => (where.lookup ? { stream: () => connect(where) } : {}),
  /** Over ours, and node:tls over that. */
  duplex: async () => {
    const { createConnection } = await import('wintersock/node');
    return ({ host, port, lookup }) => ({ stream: () => createConnection({ host, port, lookup }) });
  },
};

/** The client as it is, with ours in place of node:net and node:tls. */
ways['rust, replaced'] = ways.net;

const socket = await ways[way]();
const options = ({ lookup, ...change } = {}) => {
  // The default is a second, which is short on a machine that has a lot to do.
  const patient = { connectTimeout: 30_000, acquireTimeout: 40_000 };
  const all = { ...where, ...patient, bigIntAsNumber: true, ssl: { ca: env.CA }, ...change };
  return { ...all, ...socket({ ...all, lookup }) };
};

const jobs = {
  async connection() {
    return withClient(async (client) => (await client.query("SHOW STATUS LIKE 'Ssl_version'"))[0].Value);
  },

  async plainConnection() {
    const ssl = false;
    return withClient(async (client) => (await client.query("SHOW STATUS LIKE 'Ssl_version'"))[0].Value, {
      ssl,
    });
  },

  /** The authority is one of NODE_EXTRA_CA_CERTS. */
  async defaultAuthorities() {
    return withClient(() => 'connected', { ssl: true });
  },

  async parametersOfManyTypes() {
    return withClient(async (client) => {
      const text = 'SELECT CAST(? AS INT) AS i, ? AS t, ? AS n, CAST(? AS BINARY(3)) AS b';
      const [row] = await client.query(text, [42, 'Grüße, 世界', null, Buffer.from([0, 255, 1])]);
      return { ...row, b: [...row.b] };
    });
  },

  async preparedStatement() {
    return withClient(async (client) => {
      const statement = await client.prepare('SELECT CAST(? + ? AS INT) AS sum');
      const sums = [];
      for (let i = 0; i < 5; i++) sums.push((await statement.execute([i, 1]))[0].sum);
      statement.close();
      const [executed] = await client.execute('SELECT CONCAT(?, ?) AS text', ['a', 'b']);
      return { sums, ...executed };
    });
  },

  /** Many rows in one go. */
  async batch() {
    return withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE batched (id INT, line TEXT)');
      const rows = Array.from({ length: 5_000 }, (_, i) => [i, 'x'.repeat(i % 400)]);
      const { affectedRows } = await client.batch('INSERT INTO batched VALUES (?, ?)', rows);
      const text =
        'SELECT CAST(SUM(id) AS INT) AS sum, CAST(SUM(LENGTH(line)) AS INT) AS length FROM batched';
      return { affectedRows, ...(await client.query(text))[0] };
    });
  },

  async largeAnswer() {
    return withClient(largeAnswer);
  },

  async largeAnswerInPlain() {
    return withClient(largeAnswer, { ssl: false });
  },

  async largeAnswerCompressed() {
    return withClient(largeAnswer, { compress: true });
  },

  async upload() {
    return withClient(upload);
  },

  async uploadInPlain() {
    return withClient(upload, { ssl: false });
  },

  /** Queries that do not wait for each other's answers. */
  async pipeline() {
    return withClient(async (client) => {
      const numbers = Array.from({ length: 300 }, (_, i) => i);
      const results = await Promise.all(numbers.map((i) => client.query('SELECT ? AS i', [i])));
      return results.every(([row], i) => row.i === i);
    });
  },

  async pool() {
    const pool = mariadb.createPool({ ...options(), connectionLimit: 5 });
    const numbers = Array.from({ length: 60 }, (_, i) => i);
    const text = 'SELECT ? AS i, CONNECTION_ID() AS id, SLEEP(0.005)';
    const results = await Promise.all(numbers.map((i) => pool.query(text, [i])));
    const rows = results.map(([row]) => row);
    await pool.end();
    return {
      inOrder: rows.every((row, i) => row.i === i),
      several: new Set(rows.map((row) => row.id)).size > 1,
    };
  },

  /** Rows as they come, with a reader that is slower than the server. */
  async streamedRows() {
    return withClient(async (client) => {
      let [rows, sum] = [0, 0];
      const stream = client.queryStream('SELECT seq, REPEAT(MD5(seq), 8) AS line FROM seq_1_to_20000');
      for await (const { seq } of stream) {
        rows += 1;
        sum += seq;
        if (rows % 500 === 0) await new Promise(setImmediate);
      }
      return { rows, sum };
    });
  },

  /** LOAD DATA LOCAL INFILE, from a stream. */
  async load() {
    const lines = Array.from({ length: 10_000 }, (_, i) => `${i}\t${'abcdefgh'.repeat(16)}${i}\n`);
    const infileStreamFactory = () => Readable.from(lines.map((line) => Buffer.from(line)));
    return withClient(
      async (client) => {
        await client.query('CREATE TEMPORARY TABLE loaded (id INT, line TEXT)');
        await client.query({ sql: "LOAD DATA LOCAL INFILE 'rows' INTO TABLE loaded", infileStreamFactory });
        const text = "SELECT CONCAT(id, '\\t', line, '\\n') AS line FROM loaded ORDER BY id";
        const rows = await client.query(text);
        return { rows: rows.length, intact: sha256(...rows.map(({ line }) => line)) === sha256(...lines) };
      },
      { permitLocalInfile: true, infileStreamFactory },
    );
  },

  async rollback() {
    return withClient(async (client) => {
      await client.query('CREATE TEMPORARY TABLE account (id INT PRIMARY KEY) ENGINE=InnoDB');
      await client.beginTransaction();
      await client.query('INSERT INTO account VALUES (1)');
      const duplicate = await failure(() => client.query('INSERT INTO account VALUES (1)'));
      await client.rollback();
      return { duplicate, rows: await client.query('SELECT id FROM account') };
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

  async unknownHost() {
    return failure(() => withClient(() => 'connected', { host: 'nowhere.invalid' }));
  },

  async unknownAuthority() {
    return failure(() => withClient(() => 'connected', { ssl: { ca: env.STRANGER_CA } }));
  },

  /** A server whose certificate is for db.example. */
  async wrongName() {
    const { port, password } = new URL(env.MISNAMED_URL);
    return failure(() => withClient(() => 'connected', { port: Number(port), password }));
  },

  /** The same server by its name: node:tls asks the socket for it. */
  async rightName() {
    const { port, password } = new URL(env.MISNAMED_URL);
    const lookup = (_name, { all }, callback) =>
      all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4);
    return withClient(() => 'connected', { host: 'db.example', port: Number(port), password, lookup });
  },

  async silentServer() {
    return withSilence((port) =>
      failure(() => withClient(() => 'connected', { host: '127.0.0.1', port, connectTimeout: 200 })),
    );
  },
};

/** Runs `work` with a connected client and ends it. */
async function withClient(work, change) {
  const client = await mariadb.createConnection(options(change));
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function largeAnswer(client) {
  const rows = await client.query('SELECT seq, REPEAT(MD5(seq), 32) AS line FROM seq_1_to_10240');
  const intact = rows.every(({ seq, line }) => {
    return line === createHash('md5').update(String(seq)).digest('hex').repeat(32);
  });
  return { rows: rows.length, intact };
}

async function upload(client) {
  const bytes = patternedBytes(4 * 1024 * 1024);
  const text = 'SELECT LENGTH(b) AS length, SHA2(b, 256) AS sum FROM (SELECT ? AS b) x';
  const sum = sha256(bytes);
  const [queried] = await client.query(text, [bytes]);
  const [executed] = await client.execute(text, [bytes]);
  return { length: queried.length, intact: queried.sum === sum && executed.sum === sum };
}

/** What a client is told whose connection the server ends. */
async function killed(query) {
  const client = await mariadb.createConnection(options());
  const errors = [];
  client.on('error', (error) => errors.push(described(error)));
  const ended = new Promise((resolve) => client.once('end', resolve));
  const running = query(client);
  await withClient((other) => other.query(`KILL ${client.threadId}`));
  const during = await running;
  await ended;
  return { during, errors, after: await failure(() => client.query('SELECT 1')) };
}

// There it is the client that makes the socket, and it takes no lookup().
await runJobs(jobs, { 'rust, replaced': ['rightName'] });
