// DATABASE_URL=postgres://user:password@db.example.com/app node --import wintersock/register examples/drivers/pg-alias.mjs
import pg from 'pg';

const client = new pg.Client({ connectionString: process.env.DATABASE_URL, ssl: true });
await client.connect();
const { rows } = await client.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
console.log(rows[0]);
await client.end();
