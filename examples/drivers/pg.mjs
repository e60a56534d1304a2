// pg: DATABASE_URL=postgres://user:password@host/database NODE_EXTRA_CA_CERTS=ca.pem node examples/drivers/pg.mjs
import pg from 'pg';
import { PostgresSocket } from 'wintersock/node';

const url = new URL(process.env.DATABASE_URL);
url.searchParams.delete('sslmode'); // it would win over `ssl`
const client = new pg.Client({
  connectionString: url.href,
  ssl: false, // pg is to ask for none: the socket does, and verifies certificate and name
  stream: () => new PostgresSocket(),
});
await client.connect();
const { rows } = await client.query(
  `SELECT $1::int + 1 AS answer, current_user AS "user", version AS tls
     FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
  [41],
);
console.log(rows[0]);
await client.end();
