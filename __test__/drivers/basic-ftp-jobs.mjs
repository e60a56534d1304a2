/** What a user of basic-ftp does. Run by replaced-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { Readable, Writable } from 'node:stream';
import { Client } from 'basic-ftp';

const { FTP_PORT, FTPS_PORT, CLOSED_PORT, SILENT_PORT, STRANGER_CA } = process.env;
const tenMegabytes = 10 * 1024 * 1024;
const login = { host: 'localhost', port: Number(FTP_PORT), user: 'alice', password: 'secret' };
const explicit = { ...login, secure: true };

export const jobs = {
  plain: () => withFtp(login, seen),

  upgraded: () => withFtp(explicit, seen),

  implicit: () => withFtp({ ...login, port: Number(FTPS_PORT), secure: 'implicit' }, seen),

  large: () =>
    withFtp(explicit, async (ftp) => {
      const bytes = randomBytes(tenMegabytes);
      await ftp.uploadFrom(Readable.from(pieces(bytes)), 'large');
      const size = await ftp.size('large');
      const answer = await downloaded(ftp, 'large');
      await ftp.remove('large');
      return { size, intact: sum(answer) === sum(bytes) };
    }),

  largeInPlain: () =>
    withFtp(login, async (ftp) => {
      const bytes = randomBytes(tenMegabytes);
      await ftp.uploadFrom(Readable.from(pieces(bytes)), 'plain');
      const answer = await downloaded(ftp, 'plain');
      await ftp.remove('plain');
      return sum(answer) === sum(bytes);
    }),

  transfers: () =>
    withFtp(explicit, async (ftp) => {
      for (let i = 0; i < 10; i++) await ftp.uploadFrom(Readable.from([`file ${i}`]), `file ${i}`);
      const list = await ftp.list();
      const texts = [];
      for (const { name } of list) texts.push(`${await downloaded(ftp, name)}`);
      for (const { name } of list) await ftp.remove(name);
      return { sizes: list.map(({ size }) => size), texts };
    }),

  /** A data connection for each transfer. Servers may insist on the session of the connection that asked for it. */
  resumption: () =>
    withFtp({ ...explicit, secureOptions: { maxVersion: 'TLSv1.2' } }, async (ftp) => {
      for (let i = 0; i < 10; i++) await ftp.uploadFrom(Readable.from(['again and again']), 'small');
      for (let i = 0; i < 10; i++) await downloaded(ftp, 'small');
      await ftp.remove('small');
      return (await ftp.send('SITE RESUMED')).message;
    }),

  appending: () =>
    withFtp(explicit, async (ftp) => {
      await ftp.uploadFrom(Readable.from(['one']), 'log');
      await ftp.appendFrom(Readable.from([', two']), 'log');
      const whole = `${await downloaded(ftp, 'log')}`;
      const rest = `${await downloaded(ftp, 'log', 5)}`;
      await ftp.remove('log');
      return { whole, rest };
    }),

  parallel: () =>
    Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        withFtp(explicit, async (ftp) => {
          await ftp.uploadFrom(Readable.from([`number ${i}`]), `parallel ${i}`);
          const text = `${await downloaded(ftp, `parallel ${i}`)}`;
          await ftp.remove(`parallel ${i}`);
          return text;
        }),
      ),
    ),

  again: () =>
    withFtp(explicit, async (ftp) => {
      const before = ftp.ftp.socket.localPort;
      await ftp.access(explicit);
      return { changed: ftp.ftp.socket.localPort !== before, at: await ftp.pwd() };
    }),

  wrongPassword: () => withFtp({ ...explicit, password: 'wrong' }, () => 'let in'),

  refused: () => withFtp({ ...login, host: '127.0.0.1', port: Number(CLOSED_PORT) }, () => 'let in'),

  unknownAuthority: () => withFtp({ ...explicit, secureOptions: { ca: STRANGER_CA } }, () => 'let in'),

  wrongName: () => withFtp({ ...explicit, host: '127.0.0.1' }, () => 'let in'),

  severed: () =>
    withFtp(explicit, async (ftp) => {
      const failed = await ftp.send('SITE SEVER').catch(({ message }) => message);
      return { failed, closed: ftp.closed };
    }),

  /** The socket's own timer. */
  silence: () => withFtp({ ...login, port: Number(SILENT_PORT) }, () => 'let in', 100),
};

async function seen(ftp) {
  const { socket } = ftp.ftp;
  return {
    hasTls: ftp.ftp.hasTLS,
    encrypted: socket.encrypted === true,
    authorized: socket.authorized === true,
    remotePort: [FTP_PORT, FTPS_PORT].indexOf(`${socket.remotePort}`),
    at: await ftp.pwd(),
  };
}

async function downloaded(ftp, name, from = 0) {
  const chunks = [];
  const sink = new Writable({
    write(chunk, _, done) {
      chunks.push(chunk);
      done();
    },
  });
  await ftp.downloadTo(sink, name, from);
  return Buffer.concat(chunks);
}

/** As of a file: chunks of 64 KiB. */
function* pieces(bytes) {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

/** Runs `work` with a client and ends it. */
async function withFtp(options, work, timeout = 20_000) {
  const ftp = new Client(timeout);
  try {
    await ftp.access(options);
    return await work(ftp);
  } finally {
    ftp.close();
  }
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
