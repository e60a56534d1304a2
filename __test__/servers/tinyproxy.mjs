/** tinyproxy: HTTP's CONNECT. Types: tinyproxy.d.mts. */
import { find, startDaemon } from './daemon.mjs';

export const available = find('tinyproxy', 'tinyproxy');

export async function startTinyproxy({ account, connectPorts = [], blocked } = {}) {
  const daemon = await startDaemon({
    path: available.path,
    ports: 1,
    files: {
      'blocked.txt': `^${blocked}$\n`,
      'tinyproxy.conf': ({ ports: [port], file }) =>
        [
          `Port ${port}`,
          'Listen 127.0.0.1',
          'LogLevel Info',
          'MaxClients 50',
          account && `BasicAuth ${account.user} ${account.password}`,
          ...connectPorts.map((allowed) => `ConnectPort ${allowed}`),
          blocked && `Filter "${file('blocked.txt')}"\nFilterExtended On`,
          '',
        ]
          .filter((line) => line !== undefined)
          .join('\n'),
    },
    args: ({ file }) => ['-d', '-c', file('tinyproxy.conf')],
    ready: /Accepting connections/,
  });
  const [port] = daemon.ports;
  const { log, stop } = daemon;
  const requests = () => [...log().matchAll(/CONNECT (\S+) HTTP/g)].map(([, target]) => target);
  return { port, log, requests, stop, [Symbol.asyncDispose]: stop };
}
