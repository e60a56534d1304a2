/** What a user of nodemailer does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { createTransport } from 'nodemailer';

const { MAIL_USER, MAIL_PASSWORD, STRANGER_CA } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'MAIL_PORT',
  'MAIL_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

const secure = { port: tlsPort, secure: true };
const message = { from: 'alice@example.org', to: 'bob@example.org', subject: 'hello', text: 'Grüße' };

export const jobs = {
  secure: (connect) => withTransport(connect, secure, greeting),

  /** TLS by nodemailer, which is node:tls over the socket that it got. */
  startTls: (connect) => withTransport(connect, { port, requireTLS: true }, greeting),

  verified: (connect) => withTransport(connect, secure, (transport) => transport.verify()),

  upload: (connect) =>
    withTransport(connect, secure, async (transport) => {
      const { raw, sum } = largeMessage(4);
      const receipt = await sent(transport, { ...message, raw });
      return receipt.length === raw.length && receipt.sum === sum;
    }),

  uploadOverStartTls: (connect) =>
    withTransport(connect, { port }, async (transport) => {
      const { raw, sum } = largeMessage(1);
      return (await sent(transport, { ...message, raw })).sum === sum;
    }),

  parallel: (connect) =>
    withTransport(connect, secure, async (transport) => {
      const receipts = await Promise.all(addresses(5).map((to) => sent(transport, { ...message, to })));
      return { to: receipts.flatMap(({ to }) => to), connections: countConnections(receipts) };
    }),

  pool: (connect) =>
    withTransport(connect, { ...secure, pool: true, maxConnections: 3 }, async (transport) => {
      const receipts = await Promise.all(addresses(30).map((to) => sent(transport, { ...message, to })));
      return {
        complete: new Set(receipts.map(({ to: [to] }) => to)).size,
        connections: countConnections(receipts),
      };
    }),

  /** The server ends a connection of the pool: the next message takes another one. */
  reconnection: (connect) =>
    withTransport(connect, { ...secure, pool: true, maxConnections: 1 }, async (transport) => {
      const first = await sent(transport, { ...message, to: 'last@example.org' });
      const second = await sent(transport, message);
      return first.number !== second.number;
    }),

  refusedRecipient: (connect) =>
    withTransport(connect, secure, (transport) => sent(transport, { ...message, to: 'nobody@example.org' })),

  killed: (connect) =>
    withTransport(connect, secure, (transport) => sent(transport, { ...message, to: 'killer@example.org' })),

  wrongPassword: (connect) =>
    withTransport(connect, { ...secure, auth: { user: MAIL_USER, pass: 'wrong' } }, (transport) =>
      transport.verify(),
    ),

  refused: (connect) =>
    withTransport(connect, { host: '127.0.0.1', port: closedPort }, (transport) => transport.verify()),

  unknownAuthority: (connect) =>
    withTransport(connect, { ...secure, tls: { ca: STRANGER_CA } }, (transport) => transport.verify()),

  unknownAuthorityOfStartTls: (connect) =>
    withTransport(connect, { port, tls: { ca: STRANGER_CA } }, (transport) => transport.verify()),

  wrongName: (connect) =>
    withTransport(connect, { ...secure, host: '127.0.0.1' }, (transport) => transport.verify()),

  silence: (connect) =>
    withTransport(connect, { port: silentPort, greetingTimeout: 100 }, (transport) => transport.verify()),
};

/** Runs `work` with a transport and closes it. */
async function withTransport(connect, { host = 'localhost', ...options }, work) {
  const { port, secure = false, tls } = options;
  const transport = createTransport({
    host,
    auth: { user: MAIL_USER, pass: MAIL_PASSWORD },
    ...options,
    getSocket(_options, done) {
      const connection = connect({ host, port, ...tls, secureTransport: secure ? 'on' : 'off' });
      done(null, { connection, secured: secure });
    },
  });
  try {
    return await work(transport);
  } finally {
    transport.close();
  }
}

async function greeting(transport) {
  const { to, secure } = await sent(transport, message);
  return { to, secure };
}

/** What the server says that it got. */
async function sent(transport, message) {
  const { response } = await transport.sendMail(message);
  return JSON.parse(response.slice(response.indexOf('{')));
}

function addresses(count) {
  return Array.from({ length: count }, (_, i) => `reader-${i}@example.org`);
}

function countConnections(receipts) {
  return new Set(receipts.map(({ number }) => number)).size;
}

/** Its lines also begin with dots. */
function largeMessage(megabytes) {
  const text = randomBytes(megabytes * 1024 * 768).toString('base64');
  const lines = text.match(/.{1,1000}/g).map((line, i) => (i % 100 ? line : `.${line}`));
  const raw = Buffer.from(`Subject: large\r\n\r\n${lines.join('\r\n')}\r\n`);
  return { raw, sum: createHash('sha256').update(raw).digest('hex') };
}
