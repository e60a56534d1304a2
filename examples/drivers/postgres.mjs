// postgres: DATABASE_URL=postgres://user:password@host/database NODE_EXTRA_CA_CERTS=ca.pem node examples/drivers/postgres.mjs
import postgres from 'postgres';
import { PostgresSocket } from 'wintersock/node';

const sql = postgres(process.env.DATABASE_URL, {
  ssl: false, // postgres is to ask for none: the socket does, and verifies certificate and name
  socket: ({ host: [host], port: [port] }) => new PostgresSocket().connect(port, host),
});
const rows = await sql`
  SELECT ${41}::int + 1 AS answer, current_user AS "user", version AS tls
    FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
console.log(rows[0]);
await sql.end();
