/**
 * The job of the demo: an ordinary program that uses pg. Nothing here knows of wintersock except the line that
 * prints the addresses; `--import wintersock/register` makes the difference. PGHOST, PGPORT, PGUSER, PGPASSWORD and
 * PGDATABASE say where to, DATABASE_CA holds the certificate to trust.
 */
import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import pg from 'pg';

const megabytes = 10;
const rowBytes = 1024;
const ssl = { ca: process.env.DATABASE_CA };

try {
  await main();
} catch (error) {
  line('refused', error.code ?? error.name);
  line('', error.message);
  process.exitCode = 1;
}

async function main() {
  const client = new pg.Client({ ssl });
  const [, connecting] = await timed(() => client.connect());
  try {
    await showConnection(client, connecting);
    await parameters(client);
    await largeResult(client);
    await transaction(client);
  } finally {
    await client.end();
  }
}

async function showConnection(client, connecting) {
  const require = createRequire(import.meta.url);
  const packages = ['pg', 'pg-cloudflare', 'wintersock'].map(
    (name) => `${name} ${require(`${name}/package.json`).version}`,
  );
  line('client', [`Node ${process.versions.node}`, ...packages].join(', '));
  // pg-cloudflare keeps the socket that startTls() returned here; a plain node:net socket has no such member.
  const socket = client.connection.stream._cfSocket;
  if (!socket) throw new Error('pg did not connect through connect(): is wintersock/register loaded?');
  const { localAddress, remoteAddress } = await socket.opened;
  line('socket', `${localAddress} -> ${remoteAddress}, connected in ${connecting}`);
  const { rows } = await client.query(
    `SELECT s.ssl, s.version, s.cipher, host(inet_client_addr()) || ':' || inet_client_port() AS peer
       FROM pg_stat_ssl s WHERE s.pid = pg_backend_pid()`,
  );
  const [{ ssl: encrypted, version, cipher, peer }] = rows;
  expect(encrypted, 'PostgreSQL says that the connection is not encrypted');
  line('TLS', `${version}, ${cipher} (from pg_stat_ssl), certificate verified for ${process.env.PGHOST}`);
  line('seen', `PostgreSQL sees the client at ${peer}`);
}

async function parameters(client) {
  const text = 'Grüße, 世界';
  const [{ rows }, time] = await timed(() =>
    client.query('SELECT $1::int + $2::int AS sum, $3::text AS text', [40, 2, text]),
  );
  expect(rows[0].sum === 42 && rows[0].text === text, `unexpected result ${JSON.stringify(rows)}`);
  line('parameters', `$1 + $2 = ${rows[0].sum}, $3 = ${rows[0].text}: 1 row in ${time}`);
}

async function largeResult(client) {
  const count = (megabytes * 1024 * 1024) / rowBytes;
  await client.query(
    `CREATE TEMPORARY TABLE large AS
       SELECT i AS id, (SELECT string_agg(md5(i || '.' || j), '' ORDER BY j)
                          FROM generate_series(1, $1 / 32) j) AS line
         FROM generate_series(1, $2) i`,
    [rowBytes, count],
  );
  const { rows: sums } = await client.query(
    `SELECT encode(sha256(convert_to(string_agg(line, '' ORDER BY id), 'UTF8')), 'hex') AS sum FROM large`,
  );
  const [{ rows }, time] = await timed(() => client.query('SELECT line FROM large ORDER BY id'));
  const hash = createHash('sha256');
  for (const { line } of rows) hash.update(line);
  const sum = hash.digest('hex');
  expect(sum === sums[0].sum, `the result is damaged: sha256 ${sum}, PostgreSQL computed ${sums[0].sum}`);
  line(`${megabytes} MB`, `${rows.length} rows of ${rowBytes} bytes in ${time}`);
  line('', `sha256 ${sum.slice(0, 16)}... is the one that PostgreSQL computed`);
}

async function transaction(client) {
  const insert = 'INSERT INTO account SELECT i, 100 FROM generate_series(1, $1) i';
  const count = async () => Number((await client.query('SELECT count(*) FROM account')).rows[0].count);
  await client.query('CREATE TEMPORARY TABLE account (id int PRIMARY KEY, balance int)');

  await client.query('BEGIN');
  await client.query(insert, [1000]);
  const inside = await count();
  await client.query('ROLLBACK');
  const afterRollback = await count();
  expect(inside === 1000 && afterRollback === 0, `rollback left ${afterRollback} of ${inside} rows`);
  line('rollback', `${inside} rows inside the transaction, ${afterRollback} after ROLLBACK`);

  await client.query('BEGIN');
  await client.query(insert, [1000]);
  await client.query('COMMIT');
  const afterCommit = await count();
  expect(afterCommit === 1000, `commit left ${afterCommit} of 1000 rows`);
  line('commit', `${afterCommit} rows after COMMIT`);
}

async function timed(action) {
  const start = performance.now();
  const result = await action();
  return [result, `${Math.round(performance.now() - start)} ms`];
}

function expect(condition, message) {
  if (!condition) throw new Error(message);
}

function line(label, text) {
  console.log(`  ${label.padEnd(11)} ${text}`);
}
