// mariadb: DATABASE_URL='mariadb://user:password@host:3306/database?ssl=true' NODE_EXTRA_CA_CERTS=ca.pem node examples/drivers/mariadb.mjs
import { register } from 'wintersock/register';

register({ replace: ['mariadb'] });
const { createConnection } = await import('mariadb'); // import() comes after register(); a static import would come before

const connection = await createConnection(process.env.DATABASE_URL);
const [row] = await connection.execute('SELECT CAST(? + 1 AS CHAR) AS answer, CURRENT_USER() AS user', [41]);
const [{ Value: tls }] = await connection.query("SHOW STATUS LIKE 'Ssl_version'");
console.log({ ...row, tls });
await connection.end();
