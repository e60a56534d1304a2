// An unmodified pg: PGHOST=... PGSSLROOTCERT=ca.pem node --import wintersock/register examples/pg.mjs
import { readFileSync } from 'node:fs';
import pg from 'pg';

const ca = process.env.PGSSLROOTCERT;
const client = new pg.Client({ ssl: ca ? { ca: readFileSync(ca, 'utf8') } : true });
await client.connect();
const { rows } = await client.query('SELECT $1::int + 1 AS answer, current_user AS "user"', [41]);
console.log(rows[0]);
const tls = await client.query('SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()');
console.log(tls.rows[0]);
await client.end();
