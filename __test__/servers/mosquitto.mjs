/** mosquitto, an MQTT broker, on two ports, plain and TLS, with a user that has a password. Types: mosquitto.d.mts. */
import { pbkdf2Sync, randomBytes, randomUUID } from 'node:crypto';
import { find, startDaemon } from './daemon.mjs';

export const available = find('mosquitto', 'mosquitto');

export async function startMosquitto({ credentials, user = 'tester', password = randomUUID() }) {
  const daemon = await startDaemon({
    path: available.path,
    ports: 2,
    files: {
      'chain.pem': credentials.chainPem,
      'key.pem': credentials.keyPem,
      passwords: `${user}:${hashed(password)}\n`,
      'mosquitto.conf': ({ ports: [port, tlsPort], file }) =>
        [
          // Started by root it would become another user, who may not read its files.
          'user root',
          'allow_anonymous false',
          `password_file ${file('passwords')}`,
          'persistence false',
          'set_tcp_nodelay true',
          `listener ${port} 127.0.0.1`,
          `listener ${tlsPort} 127.0.0.1`,
          `certfile ${file('chain.pem')}`,
          `keyfile ${file('key.pem')}`,
          '',
        ].join('\n'),
    },
    args: ({ file }) => ['-v', '-c', file('mosquitto.conf')],
    ready: /mosquitto version \S+ running/,
  });
  const [port, tlsPort] = daemon.ports;
  return {
    port,
    tlsPort,
    user,
    password,
    tlsUrl: `mqtts://${user}:${password}@localhost:${tlsPort}`,
    pid: daemon.pid,
    log: daemon.log,
    stop: daemon.stop,
    [Symbol.asyncDispose]: daemon.stop,
  };
}

/** As mosquitto_passwd does it. */
function hashed(password) {
  const iterations = 101;
  const salt = randomBytes(12);
  const hash = pbkdf2Sync(password, salt, iterations, 64, 'sha512');
  return `$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}`;
}
