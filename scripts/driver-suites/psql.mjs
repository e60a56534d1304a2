/** As much of psql, createdb and dropdb as the suites call: `psql -c <statement>`, `createdb <name>`, `dropdb <name>`. */
import pg from 'pg';

const [command, ...args] = process.argv.slice(2);
const statements = {
  psql: () => args[1],
  createdb: () => `CREATE DATABASE "${args[0]}"`,
  dropdb: () => `DROP DATABASE "${args[0]}"`,
};

const client = new pg.Client({ database: 'postgres' });
try {
  await client.connect();
  await client.query(statements[command]());
} catch (error) {
  console.error(`ERROR:  ${error.message}`);
  process.exitCode = 1;
} finally {
  await client.end();
}
