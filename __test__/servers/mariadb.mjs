/** MariaDB on one port, plain and TLS, with a user that has a password. Types: mariadb.d.mts. */
import { randomUUID } from 'node:crypto';
import { find, startDaemon } from './daemon.mjs';

const server = find('mariadbd', 'mariadb-server');
const installer = find('mariadb-install-db', 'mariadb-server');

export const available = installer.skip ? installer : server;

/** Small and quick: nothing has to outlive the process. */
const settings = [
  'innodb-buffer-pool-size=16M',
  'innodb-log-file-size=8M',
  'innodb-flush-log-at-trx-commit=0',
  'innodb-flush-method=nosync',
  'innodb-fast-shutdown=2',
  'key-buffer-size=64K',
  'aria-pagecache-buffer-size=1M',
  'performance-schema=OFF',
  'max-connections=60',
  'max-allowed-packet=64M',
  'character-set-server=utf8mb4',
];

export async function startMariadb({ credentials, password = randomUUID() }) {
  const user = 'tester';
  const database = 'test';
  const daemon = await startDaemon({
    path: '/bin/sh',
    ports: 1,
    files: {
      'chain.pem': credentials.chainPem,
      'key.pem': credentials.keyPem,
      'init.sql': `CREATE DATABASE ${database};
        CREATE USER ${user}@'%' IDENTIFIED BY '${password}';
        GRANT ALL ON ${database}.* TO ${user}@'%';\n`,
      'my.cnf': ({ directory, ports: [port], file }) =>
        [
          '[mariadbd]',
          ...(process.getuid?.() === 0 ? ['user=root'] : []),
          `datadir=${file('data')}`,
          `tmpdir=${directory}`,
          `socket=${file('socket')}`,
          `pid-file=${file('pid')}`,
          `port=${port}`,
          'bind-address=127.0.0.1',
          'skip-name-resolve',
          'local-infile=ON',
          `ssl-cert=${file('chain.pem')}`,
          `ssl-key=${file('key.pem')}`,
          ...settings,
          '',
        ].join('\n'),
    },
    // The tables of the system are made first; the shell then becomes the server.
    args: ({ file }) => [
      '-c',
      '"$1" --defaults-file="$3" --auth-root-authentication-method=normal --skip-test-db >/dev/null && ' +
        'exec "$2" --defaults-file="$3" --init-file="$4"',
      'sh',
      ...[installer.path, server.path, file('my.cnf'), file('init.sql')],
    ],
    ready: /ready for connections/,
  });
  const [port] = daemon.ports;
  return {
    port,
    user,
    password,
    database,
    pid: daemon.pid,
    log: daemon.log,
    stop: daemon.stop,
    [Symbol.asyncDispose]: daemon.stop,
  };
}
