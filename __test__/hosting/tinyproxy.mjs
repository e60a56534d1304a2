/** tinyproxy, an HTTP proxy, that lets one user through. Types: tinyproxy.d.mts. */
import { randomUUID } from 'node:crypto';
import { find, startDaemon } from '../servers/daemon.mjs';

export const available = find('tinyproxy', 'tinyproxy');

export async function startTinyproxy() {
  const password = randomUUID();
  const daemon = await startDaemon({
    path: available.path,
    ports: 1,
    files: {
      'tinyproxy.conf': ({ ports: [port] }) =>
        [
          `Port ${port}`,
          'Listen 127.0.0.1',
          'Allow 127.0.0.1',
          `BasicAuth employee ${password}`,
          'LogLevel Info',
          'MaxClients 20',
          '',
        ].join('\n'),
    },
    args: ({ file }) => ['-d', '-c', file('tinyproxy.conf')],
    ready: /Starting main loop/,
  });
  const [port] = daemon.ports;
  return {
    url: `http://employee:${password}@127.0.0.1:${port}`,
    port,
    log: daemon.log,
    stop: daemon.stop,
  };
}
