/** Dante: SOCKS5 without passwords, which it would look up among the system's own. Types: dante.d.mts. */
import { find, startDaemon } from './daemon.mjs';

export const available = find('danted', 'dante-server');

export async function startDante({ blocked } = {}) {
  const daemon = await startDaemon({
    path: available.path,
    ports: 1,
    files: {
      'danted.conf': ({ ports: [port] }) =>
        [
          'logoutput: stdout',
          `internal: 127.0.0.1 port = ${port}`,
          'external: 127.0.0.1',
          'clientmethod: none',
          'socksmethod: none',
          'client pass { from: 127.0.0.1/32 to: 0.0.0.0/0 }',
          blocked && `socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 port = ${blocked} log: connect }`,
          'socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect }',
          '',
        ]
          .filter((line) => line !== undefined)
          .join('\n'),
    },
    args: ({ file }) => ['-f', file('danted.conf')],
    ready: /Dante\/server\S* v\S+ running/,
  });
  const [port] = daemon.ports;
  return { port, log: daemon.log, stop: daemon.stop, [Symbol.asyncDispose]: daemon.stop };
}
