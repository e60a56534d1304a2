/** What a user of ssh2 does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { promisify } from 'node:util';
import ssh from 'ssh2';

const { SSH_USER, SSH_KEY, SSH_FINGERPRINT, SSH_DIRECTORY, KIND } = process.env;
const [port, echoPort, closedPort, silentPort] = ['SSH_PORT', 'ECHO_PORT', 'CLOSED_PORT', 'SILENT_PORT'].map(
  (name) => Number(process.env[name]),
);

const tenMegabytes = 10 * 1024 * 1024;

export const jobs = {
  exec: (connect) =>
    withClient(connect, {}, (client) => run(client, 'cat; echo sorry >&2; exit 3', 'what came in')),

  environment: (connect) =>
    withClient(connect, {}, async (client) => {
      const { stdout } = await run(client, 'echo $SSH_CONNECTION');
      const [, from] = stdout.trim().split(' ');
      const socket = client._sock;
      return { port: Number(from) === socket.localPort, remotePort: socket.remotePort === port };
    }),

  upload: (connect) =>
    withClient(connect, {}, async (client) => {
      const bytes = randomBytes(tenMegabytes);
      const { stdout } = await run(client, 'sha256sum', bytes);
      return stdout.split(' ')[0] === sum(bytes);
    }),

  /** Keys are exchanged again meanwhile, as the server wants it. */
  sftp: (connect) =>
    withClient(connect, {}, async (client) => {
      const sftp = promised(await promised(client).sftp());
      const bytes = randomBytes(tenMegabytes);
      const path = `${SSH_DIRECTORY}/large-${KIND}`;
      await sftp.writeFile(path, bytes);
      const { size } = await sftp.stat(path);
      const answer = await sftp.readFile(path);
      await sftp.unlink(path);
      const missing = await sftp.stat(path).catch((error) => error.code);
      return { size, intact: sum(answer) === sum(bytes), missing };
    }),

  parallel: (connect) =>
    withClient(connect, {}, async (client) => {
      const results = await Promise.all(
        [1, 2, 3, 4, 5, 6, 7, 8].map((i) => run(client, `echo ${i}; exit ${i}`)),
      );
      return results.map(({ stdout, code }) => `${stdout.trim()} ${code}`);
    }),

  connections: (connect) =>
    Promise.all(
      [1, 2, 3].map((i) => withClient(connect, {}, async (client) => (await run(client, `exit ${i}`)).code)),
    ),

  /** Without a terminal, which sshd gives only if it may. */
  shell: (connect) =>
    withClient(connect, {}, async (client) => {
      const stream = await promised(client).shell(false);
      const output = everything(stream);
      stream.write('answer=42\n');
      stream.end('echo "the answer is $answer"; exit\n');
      return output;
    }),

  /** To a port that the server reaches. */
  forwardOut: (connect) =>
    withClient(connect, {}, async (client) => {
      const stream = await promised(client).forwardOut('127.0.0.1', 1234, '127.0.0.1', echoPort);
      const bytes = randomBytes(1024 * 1024);
      stream.end(bytes);
      return sum(await everything(stream, 'latin1')) === sum(bytes.toString('latin1'));
    }),

  forwardOutRefused: (connect) =>
    withClient(connect, {}, async (client) => {
      await promised(client).forwardOut('127.0.0.1', 1234, '127.0.0.1', closedPort);
    }),

  /** From a port that the server listens at. */
  forwardIn: (connect) =>
    withClient(connect, {}, async (client) => {
      client.on('tcp connection', (_details, accept) => {
        const stream = accept();
        stream.on('data', (data) => stream.end(`you said ${data}`));
      });
      const listening = await promised(client).forwardIn('127.0.0.1', 0);
      const { stdout } = await run(
        client,
        `bash -c 'exec 3<>/dev/tcp/127.0.0.1/${listening}; echo hello >&3; cat <&3'`,
      );
      return stdout;
    }),

  keepalive: (connect) =>
    withClient(connect, { keepaliveInterval: 10, keepaliveCountMax: 100 }, async (client) => {
      const { code } = await run(client, 'sleep 0.1; exit 7');
      return code;
    }),

  killed: (connect) =>
    withClient(connect, {}, async (client) => {
      const closed = new Promise((resolve) => client.once('close', resolve));
      // The shell's parent is the server's end of this connection.
      client.exec('kill -9 $PPID', () => {});
      await closed;
      return run(client, 'true');
    }),

  wrongKey: (connect) =>
    withClient(connect, { privateKey: ssh.utils.generateKeyPairSync('ed25519').private }, () => 'connected'),

  wrongPassword: (connect) =>
    withClient(connect, { privateKey: undefined, password: 'wrong' }, () => 'connected'),

  unknownHost: (connect) => withClient(connect, { hostVerifier: () => false }, () => 'connected'),

  refused: (connect) => withClient(connect, { host: '127.0.0.1', port: closedPort }, () => 'connected'),

  silence: (connect) => withClient(connect, { port: silentPort, readyTimeout: 100 }, () => 'connected'),
};

/** Runs `work` with a client that is logged in, and ends it. */
async function withClient(connect, { host = 'localhost', port: chosen = port, ...options }, work) {
  const client = new ssh.Client();
  const closed = new Promise((resolve) => client.once('close', resolve));
  const ready = once(client, 'ready');
  client.connect({
    sock: connect({ host, port: chosen }),
    username: SSH_USER,
    privateKey: SSH_KEY,
    hostVerifier: (key) => `SHA256:${sum(key, 'base64').replace(/=+$/, '')}` === SSH_FINGERPRINT,
    ...options,
  });
  client.on('error', () => {}); // there can be a second one, and nobody else listens for it
  try {
    await ready;
    return await work(client);
  } finally {
    client.end();
    await closed;
  }
}

/** The result of a command. */
async function run(client, command, input = '') {
  const stream = await promised(client).exec(command);
  const ended = once(stream, 'close');
  const [stdout, stderr] = [everything(stream), everything(stream.stderr)];
  stream.end(input);
  const [code] = await ended;
  return { code, stdout: await stdout, stderr: await stderr };
}

/** The same with promises in place of callbacks. */
function promised(target) {
  return new Proxy(target, { get: (_, name) => promisify(target[name]).bind(target) });
}

async function everything(stream, encoding = 'utf8') {
  let text = '';
  for await (const chunk of stream) text += chunk.toString(encoding);
  return text;
}

function sum(bytes, encoding = 'hex') {
  return createHash('sha256').update(bytes).digest(encoding);
}
