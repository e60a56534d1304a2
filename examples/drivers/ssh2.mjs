// SSH_HOST=example.com SSH_USER=me SSH_KEY=~/.ssh/id SSH_FINGERPRINT=SHA256:... node examples/drivers/ssh2.mjs
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import ssh from 'ssh2';
import { createConnection } from 'wintersock/node';

const { SSH_HOST = 'localhost', SSH_PORT = 22, SSH_USER, SSH_KEY, SSH_FINGERPRINT } = process.env;
const client = new ssh.Client();
client.on('ready', () => {
  client.exec('echo "hello from the other side"', (error, stream) => {
    if (error) throw error;
    stream.on('data', (data) => console.log(`${data}`.trim())).on('close', () => client.end());
  });
});
client.connect({
  sock: createConnection({ host: SSH_HOST, port: SSH_PORT }),
  username: SSH_USER,
  privateKey: readFileSync(SSH_KEY),
  hostVerifier: (key) => fingerprintOf(key) === SSH_FINGERPRINT,
});

/** As ssh-keygen -l prints it. */
function fingerprintOf(key) {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace('=', '')}`;
}
