/**
 * What the suites of the drivers expect to find: a PostgreSQL of their own, with its users and databases, and the commands
 * psql, createdb and dropdb.
 */
import { once } from 'node:events';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createAuthority } from '../../__test__/fixtures/pki.mjs';
import { startPostgres } from '../../__test__/fixtures/postgres.mjs';

const psql = fileURLToPath(new URL('psql.mjs', import.meta.url));

/**
 * @typedef {object} Wish What a suite needs.
 * @property {string[]} access Lines of pg_hba.conf.
 * @property {Record<string, string>} [settings] Lines of postgresql.conf.
 * @property {string[]} [statements] Run once, as the superuser.
 * @property {string[]} [ports] The ports that the suite names in its code. Default: a free one.
 */

/** The servers of one run of one suite. */
export class SuiteServers {
  #servers = [];

  /** @param {string} scratch An empty directory. @param {Wish} wish */
  static async start(scratch, { access, settings, statements = [], ports = [] }) {
    const servers = new SuiteServers();
    for (const port of ports) await checkFree(Number(port));

    const rules = join(scratch, 'pg_hba.conf');
    await writeFile(rules, `${access.join('\n')}\n`);
    const authority = await createAuthority();
    const clients = await authority.issue({ names: [], commonName: 'postgres', client: true });
    const files = {
      'ca.pem': authority.certPem,
      'client.pem': clients.certPem,
      'client.key': clients.keyPem,
    };
    for (const [name, text] of Object.entries(files))
      await writeFile(join(scratch, name), text, { mode: 0o600 });
    try {
      const credentials = await authority.issue({ names: ['localhost', '127.0.0.1', '::1'] });
      for (const port of ports.length > 0 ? ports : [undefined]) {
        const sockets = join(scratch, `sockets-${servers.#servers.length}`);
        await mkdir(sockets);
        await chmod(sockets, 0o777);
        const server = await startPostgres({
          credentials,
          clientAuthority: authority.certPem,
          settings: {
            hba_file: rules,
            unix_socket_directories: sockets,
            ...(port === undefined ? {} : { port }),
            ...settings,
          },
        });
        servers.#servers.push(Object.assign(server, { sockets }));
      }
      const [{ port, user, password, version, sockets }] = servers.#servers;
      const bin = await commands(join(scratch, 'bin'));
      servers.version = version;
      servers.authority = join(scratch, 'ca.pem');
      /** What the tests are run with. */
      servers.env = {
        PATH: `${bin}${delimiter}${process.env.PATH}`,
        PGHOST: 'localhost',
        PGPORT: String(port),
        PGUSER: user,
        PGPASSWORD: password,
        PGSOCKET: sockets,
        PGSSLROOTCERT: join(scratch, 'ca.pem'),
        PGSSLCERT: join(scratch, 'client.pem'),
        PGSSLKEY: join(scratch, 'client.key'),
      };
      const client = new pg.Client({ host: 'localhost', port, user, password, database: 'postgres' });
      await client.connect();
      for (const statement of statements) await client.query(statement);
      await client.end();
      return servers;
    } catch (error) {
      await servers.stop();
      throw error;
    }
  }

  async stop() {
    for (const server of this.#servers.splice(0)) await server.stop();
  }
}

/** @param {number} port */
async function checkFree(port) {
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening').catch(({ code }) => {
    throw new Error(`the tests need port ${port}, and cannot have it (${code})`);
  });
  await new Promise((resolve) => server.close(resolve));
}

/** PostgreSQL's own are not part of the embedded one. */
async function commands(directory) {
  await mkdir(directory);
  for (const name of ['psql', 'createdb', 'dropdb']) {
    const script = `#!/bin/sh\nexec '${process.execPath}' '${psql}' ${name} "$@"\n`;
    await writeFile(join(directory, name), script, { mode: 0o755 });
  }
  return directory;
}
