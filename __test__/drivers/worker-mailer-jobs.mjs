/**
 * What a user of worker-mailer does: `node --import wintersock/register worker-mailer-jobs.mjs [job ...]`. Prints a line of JSON for
 * each job, `[name, outcome]`, and ends by itself. It knows no `ca`.
 */
import { Socket } from 'node:net';
import { LogLevel, WorkerMailer } from 'worker-mailer';

// The proof that nothing goes past connect().
Socket.prototype.connect = () => {
  throw new Error('worker-mailer used node:net');
};

// It never takes its time-outs back: they would keep the process alive for a minute, whatever the sockets do.
const { setTimeout: start } = globalThis;
globalThis.setTimeout = (...args) => start(...args).unref();

const { SMTP_PORT, SMTP_TLS_PORT, SMTP_USER: username, SMTP_PASSWORD: password, CLOSED_PORT } = process.env;
const server = {
  host: 'localhost',
  port: Number(SMTP_PORT),
  authType: 'plain',
  credentials: { username, password },
  logLevel: LogLevel.NONE,
};
const tls = { port: Number(SMTP_TLS_PORT), secure: true };
const message = { from: 'alice@client.example', to: 'bob@server.example', subject: 'Grüße' };

/** Sends one message to a mailbox that says what it is for. */
async function send(name, options = {}, text = name) {
  const mailer = await WorkerMailer.connect({ ...server, ...options });
  await mailer.send({ ...message, to: `${name}@server.example`, text });
  await mailer.close();
  return 'sent';
}

const jobs = {
  starttls: () => send('starttls'),

  tls: () => send('tls', tls),

  login: () => send('login', { authType: 'login' }),

  oneOff: () =>
    WorkerMailer.send(server, { ...message, to: 'one-off@server.example', text: 'x' }).then(() => 'sent'),

  /** Ten megabytes in one message. */
  large: () => send('large', {}, 'winter '.repeat(1024 * 1024 * 1.5).slice(0, 10 * 1024 * 1024)),

  /** Several at a time, over one connection. */
  async several() {
    const mailer = await WorkerMailer.connect({ ...server, ...tls });
    const names = ['first', 'second', 'third'];
    await Promise.all(
      names.map((name) => mailer.send({ ...message, to: `${name}@server.example`, text: name })),
    );
    await mailer.close();
    return names.length;
  },

  /** Over several connections. */
  async parallel() {
    const numbers = Array.from({ length: 10 }, (_, i) => i);
    const sent = await Promise.all(numbers.map((i) => send(`parallel-${i}`)));
    return sent.length;
  },

  wrongPassword: () => send('nobody', { credentials: { username, password: 'wrong' } }),
  refused: () => send('nobody', { port: Number(CLOSED_PORT) }),
  unknownName: () => send('nobody', { host: 'nowhere.invalid' }),
  wrongNameStarttls: () => send('nobody', { host: '127.0.0.1' }),
  wrongNameTls: () => send('nobody', { ...tls, host: '127.0.0.1' }),
};

function described(error) {
  return { name: error.constructor.name, code: error.code, message: error.message };
}

let unhandled = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason.code ?? reason.message));

const names = process.argv.slice(2);
for (const [name, job] of Object.entries(jobs)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const outcome = await job().then(
    (value) => ({ value }),
    (error) => ({ error: described(error) }),
  );
  // What is unhandled is told after all microtasks.
  await new Promise((resolve) => setImmediate(resolve));
  console.log(JSON.stringify([name, { ...outcome, unhandled }]));
  unhandled = [];
}
