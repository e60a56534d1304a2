// DATABASE_URL=postgres://user:password@db.example.com/app node examples/drivers/postgres-alias.mjs
import { register } from 'wintersock/register';

register({ workers: ['postgres'] });
const { default: postgres } = await import('postgres'); // after register(): a static import would come before it

const sql = postgres(process.env.DATABASE_URL, { ssl: 'verify-full' });
const [row] = await sql`SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()`;
console.log(row);
await sql.end();
