// tedious: DATABASE_URL=mssql://user:password@host:1433/database NODE_EXTRA_CA_CERTS=ca.pem node examples/drivers/tedious.mjs
import { Connection, Request } from 'tedious';
import { createConnection } from 'wintersock/node';

const { hostname, port, username, password, pathname } = new URL(process.env.DATABASE_URL);
const connection = new Connection({
  server: hostname,
  authentication: { type: 'default', options: { userName: username, password } },
  options: {
    port: Number(port || 1433),
    database: pathname.slice(1) || undefined,
    encrypt: true, // certificate and name are verified; this TLS is within messages, and node:tls's
    connector: async ({ host, port }) => createConnection(port, host),
  },
});
connection.connect((error) => {
  if (error) throw error;
  const request = new Request('SELECT 42 AS answer', () => connection.close());
  request.on('row', ([{ value }]) => console.log({ answer: value }));
  connection.execSqlBatch(request);
});
