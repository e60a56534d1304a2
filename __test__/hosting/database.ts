/** PostgreSQL as a company has it: TLS by an authority of its own, users by their certificates, and a Unix domain socket. */
import { createPrivateKey } from 'node:crypto';
import { chmod, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Authority, type Credentials, createAuthority } from '../fixtures/pki.mjs';
import { type PostgresServer, startPostgres } from '../fixtures/postgres.mjs';

/** The user that is known by a certificate alone, and on the Unix domain socket is let in. */
export const USER = 'app';
export const PASSPHRASE = 'a passphrase with spaces';

const rules = (superuser: string): string =>
  ['127.0.0.1/32', '::1/128']
    .flatMap((from) => [
      `hostssl all ${USER} ${from} cert clientcert=verify-full\n`,
      `hostssl all ${superuser} ${from} scram-sha-256\n`,
    ])
    .concat(`local all ${USER} trust\n`)
    .join('');

export interface Database {
  /** Of the server's certificate, for `localhost`. */
  authority: Authority;
  /** Of the certificates of users. */
  users: Authority;
  /** Of `app`. */
  identity: Credentials;
  port: number;
  /** Where it listens besides. */
  socket: string;
  /** Files: `ca.pem`, `app.pem`, `app.key` (encrypted). */
  path: (name: string) => string;
  server: PostgresServer;
  stop: () => Promise<void>;
}

export async function startDatabase(): Promise<Database> {
  const [authority, users, other] = await Promise.all(
    ['servers', 'users', 'others'].map((commonName) => createAuthority({ commonName })),
  );
  if (!authority || !users || !other) throw new Error('no authorities');
  const directory = await mkdtemp(join(await realpath(tmpdir()), 'wintersock-hosting-'));
  const path = (name: string) => join(directory, name);
  let server: PostgresServer | undefined;
  const stop = async () => {
    await server?.stop();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const identity = await users.issue({ names: [], commonName: USER, client: true });
    const key = createPrivateKey(identity.keyPem);
    const cipher = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE };
    // As providers give it away: several authorities, with remarks.
    await writeFile(path('ca.pem'), `# Region A\n${other.certPem}\n# Region B\n${authority.certPem}`);
    await writeFile(path('app.pem'), identity.chainPem);
    await writeFile(path('app.key'), key.export({ type: 'pkcs8', format: 'pem', ...cipher }));
    // PostgreSQL may be run by another user.
    await chmod(directory, 0o755);
    await writeFile(path('pg_hba.conf'), rules('postgres'));
    await mkdir(path('run'));
    await chmod(path('run'), 0o777);
    server = await startPostgres({
      credentials: await authority.issue({ names: ['localhost'] }),
      clientAuthority: users.certPem,
      settings: { hba_file: path('pg_hba.conf'), unix_socket_directories: path('run') },
    });
    await createUser(server, authority);
    const { port } = server;
    const socket = path(`run/.s.PGSQL.${port}`);
    return { authority, users, identity, port, socket, path, server, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function createUser({ port, user, password }: PostgresServer, { certPem: ca }: Authority) {
  const client = new pg.Client({ host: 'localhost', port, user, password, database: user, ssl: { ca } });
  await client.connect();
  await client.query(`CREATE ROLE ${USER} LOGIN`);
  await client.end();
}
