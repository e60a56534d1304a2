/** Redis on two ports, plain and TLS, with a password. Types: redis.d.mts. */
import { randomUUID } from 'node:crypto';
import { find, startDaemon } from './daemon.mjs';

export const available = find('redis-server', 'redis-server');

export async function startRedis({ credentials, password = randomUUID() }) {
  const daemon = await startDaemon({
    path: available.path,
    ports: 2,
    files: {
      'chain.pem': credentials.chainPem,
      'key.pem': credentials.keyPem,
      'redis.conf': ({ directory, ports: [port, tlsPort], file }) =>
        [
          // The minus: without IPv6 it starts all the same.
          'bind 127.0.0.1 -::1',
          `port ${port}`,
          `tls-port ${tlsPort}`,
          `tls-cert-file ${file('chain.pem')}`,
          `tls-key-file ${file('key.pem')}`,
          'tls-auth-clients no',
          `requirepass ${password}`,
          `dir ${directory}`,
          'save ""',
          'appendonly no',
          'daemonize no',
          '',
        ].join('\n'),
    },
    args: ({ file }) => [file('redis.conf')],
    ready: /Ready to accept connections/,
  });
  const [port, tlsPort] = daemon.ports;
  return {
    port,
    tlsPort,
    password,
    url: `redis://:${password}@localhost:${port}`,
    tlsUrl: `rediss://:${password}@localhost:${tlsPort}`,
    pid: daemon.pid,
    log: daemon.log,
    stop: daemon.stop,
    [Symbol.asyncDispose]: daemon.stop,
  };
}
