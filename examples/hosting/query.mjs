// An application with pg: DATABASE_URL='postgres://app@db.example.com/app?sslmode=verify-full' node --import ./host.mjs query.mjs
import pg from 'pg';

const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
const { rows } = await client.query(
  `SELECT current_user AS "user", version AS tls, client_dn AS certificate, inet_client_addr() AS address
     FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
);
console.log(rows[0]);
await client.end();
