/** OpenSSH's sshd for this user, who logs in with a key. Types: openssh.d.mts. */
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import ssh from 'ssh2';
import { find, startDaemon } from './daemon.mjs';

export const available = find('sshd', 'openssh-server');

export async function startOpenssh() {
  const { username: user, uid } = userInfo();
  const host = ssh.utils.generateKeyPairSync('ed25519');
  const client = ssh.utils.generateKeyPairSync('ed25519');
  // Started by root it insists on this one, which else the init system makes.
  if (uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const daemon = await startDaemon({
    path: available.path,
    ports: 1,
    files: {
      'host-key': host.private,
      'authorized-keys': `${client.public}\n`,
      'client-key': client.private,
      'sshd.conf': ({ ports: [port], file }) =>
        [
          `Port ${port}`,
          'ListenAddress 127.0.0.1',
          `HostKey ${file('host-key')}`,
          `AuthorizedKeysFile ${file('authorized-keys')}`,
          'PidFile none',
          'StrictModes no',
          'UsePAM no',
          'PermitRootLogin yes',
          'PasswordAuthentication yes',
          'KbdInteractiveAuthentication no',
          // Less than what the tests transfer: keys are exchanged again meanwhile.
          'RekeyLimit 4M',
          'Subsystem sftp internal-sftp',
          '',
        ].join('\n'),
    },
    args: ({ file }) => ['-D', '-e', '-f', file('sshd.conf')],
    ready: /Server listening on/,
  });
  const [, blob = ''] = host.public.split(' ');
  const hash = createHash('sha256').update(Buffer.from(blob, 'base64')).digest('base64');
  return {
    port: daemon.ports[0],
    user,
    privateKey: client.private,
    keyFile: daemon.file('client-key'),
    fingerprint: `SHA256:${hash.replace(/=+$/, '')}`,
    directory: daemon.directory,
    pid: daemon.pid,
    log: daemon.log,
    stop: daemon.stop,
    [Symbol.asyncDispose]: daemon.stop,
  };
}
