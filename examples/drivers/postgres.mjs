// postgres: DATABASE_URL=postgres://user:password@host/database NODE_EXTRA_CA_CERTS=ca.pem node examples/drivers/postgres.mjs
import postgres from 'postgres';
import { createConnection } from 'wintersock/node';

const { hostname: servername } = new URL(process.env.DATABASE_URL);
const sql = postgres(process.env.DATABASE_URL, {
  ssl: { servername }, // certificate and name are verified
  socket: ({ host: [host], port: [port] }) => createConnection({ host, port }),
});
const rows = await sql`
  SELECT ${41}::int + 1 AS answer, current_user AS "user", version AS tls
    FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
console.log(rows[0]);
await sql.end();
