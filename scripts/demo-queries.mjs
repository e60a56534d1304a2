/**
 * The job of the demo: an ordinary program that uses pg. Nothing here knows of wintersock except the line that
 * prints the addresses; `--import wintersock/register` makes the difference. PGHOST, PGPORT, PGUSER, PGPASSWORD and
 * PGDATABASE say where to, DATABASE_CA holds the certificate to trust.
 */
import { createRequire } from 'node:module';
import pg from 'pg';
import { fetchLargeResult } from '../__test__/fixtures/large-result.mjs';

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
  const query = async (text, parameters) => (await client.query(text, parameters)).rows;
  const { rows, bytes, milliseconds, sha256, expected } = await fetchLargeResult(query, 10);
  expect(sha256 === expected, `the result is damaged: sha256 ${sha256}, PostgreSQL computed ${expected}`);
  line('10 MB', `${rows} rows, ${bytes} bytes in ${Math.round(milliseconds)} ms`);
  line('', `sha256 ${sha256.slice(0, 16)}... is the one that PostgreSQL computed`);
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
