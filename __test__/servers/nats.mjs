/** NATS on one port, plain or with its TLS upgrade, with a password. Types: nats.d.mts. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createServer } from 'node:tls';
import { find, startDaemon } from './daemon.mjs';

export const available = find('nats-server', 'nats-server');

/** Above what the tests send at once. */
const maxPayload = 16 * 1024 * 1024;

export async function startNats({
  credentials,
  clientAuthority,
  user = 'alice',
  password = randomUUID(),
} = {}) {
  const daemon = await startDaemon({
    path: available.path,
    ports: 1,
    files: {
      'chain.pem': credentials?.chainPem ?? '',
      'key.pem': credentials?.keyPem ?? '',
      'clients.pem': clientAuthority ?? '',
      'nats.conf': ({ ports: [port], file }) =>
        [
          `listen: "127.0.0.1:${port}"`,
          `max_payload: ${maxPayload}`,
          `max_pending: ${4 * maxPayload}`,
          `authorization { user: "${user}", password: "${password}" }`,
          ...(credentials ? [tls(file, clientAuthority !== undefined)] : []),
          '',
        ].join('\n'),
    },
    args: ({ file }) => ['-c', file('nats.conf')],
    ready: /Server is ready/,
  });
  const [port] = daemon.ports;
  const { pid, log, stop } = daemon;
  return { port, user, password, pid, log, stop, [Symbol.asyncDispose]: stop };
}

/** Debian's NATS does not know it yet. */
export async function startTlsFirst({ credentials, port }) {
  const greeting = Buffer.from('INFO {');
  const server = createServer({ cert: credentials.chainPem, key: credentials.keyPem }, (client) => {
    const nats = connect(port, '127.0.0.1');
    nats.once('data', (info) => {
      client.write(
        Buffer.concat([greeting, Buffer.from('"tls_required":true,'), info.subarray(greeting.length)]),
      );
      nats.pipe(client);
    });
    client.pipe(nats);
    for (const [one, other] of [
      [client, nats],
      [nats, client],
    ]) {
      one.on('error', () => {}).on('close', () => other.destroy());
    }
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const stop = async () => {
    server.close();
    await once(server, 'close');
  };
  return { port: server.address().port, stop, [Symbol.asyncDispose]: stop };
}

function tls(file, asksForCertificate) {
  const clients = asksForCertificate ? `, ca_file: "${file('clients.pem')}", verify: true` : '';
  return `tls { cert_file: "${file('chain.pem')}", key_file: "${file('key.pem')}"${clients} }`;
}
