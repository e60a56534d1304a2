/** pg over a socket of wintersock/node, which goes where the host of the process sends it. PGHOST and so on say where to. */
import pg from 'pg';
import { PostgresSocket } from 'wintersock/node';

const client = new pg.Client({ ssl: false, stream: () => new PostgresSocket() });
try {
  await client.connect();
  const { rows } = await client.query('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
  console.log(JSON.stringify({ value: rows[0] }));
} finally {
  await client.end();
}
