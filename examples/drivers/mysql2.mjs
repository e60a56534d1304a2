// mysql2: DATABASE_URL=mysql://user:password@host/database NODE_EXTRA_CA_CERTS=ca.pem node examples/drivers/mysql2.mjs
import { register } from 'wintersock/register';

register({ replace: ['mysql2'] });
const { default: mysql } = await import('mysql2/promise'); // import() comes after register(); a static import would come before

const connection = await mysql.createConnection({
  uri: process.env.DATABASE_URL,
  ssl: { verifyIdentity: true }, // without it mysql2 verifies the certificate, but not the name
});
const [[row]] = await connection.execute('SELECT ? + 1 AS answer, CURRENT_USER() AS user', [41]);
const [[{ Value: tls }]] = await connection.query("SHOW STATUS LIKE 'Ssl_version'");
console.log({ ...row, tls });
await connection.end();
