/**
 * As much of an FTP server as its client's sockets need: AUTH TLS and implicit TLS, protected data connections in passive mode, files
 * in memory. Types: ftp-stub.d.mts.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createSecureContext, TLSSocket } from 'node:tls';
import { startStub } from './stub.mjs';

export async function startFtpStub({ credentials, user, password, implicit = false }) {
  const { chainPem: cert, keyPem: key } = credentials;
  const secureContext = createSecureContext({ cert, key, sessionIdContext: 'ftp' });
  const encrypt = (socket) => {
    const secure = new TLSSocket(socket, { isServer: true, secureContext });
    return secure.on('error', () => {}); // a client that refuses the certificate
  };
  const site = { user, password, files: new Map(), encrypt };
  return startStub({}, (socket) => {
    const session = new Session(site);
    socket.on('close', () => session.awaited?.close());
    session.obey(implicit ? encrypt(socket) : socket);
    session.say('220 ready');
  });
}

class Session {
  site;
  socket;
  user = '';
  isIn = false;
  isProtected = false;
  /** Where the next transfer takes place, and who listens for it. */
  transfer;
  awaited;
  offset = 0;
  /** How many data connections went on with a session of TLS. */
  resumed = 0;

  constructor(site) {
    this.site = site;
  }

  /** Does what comes from `socket`, one after the other. */
  obey(socket) {
    let text = '';
    let done = Promise.resolve();
    this.socket = socket;
    socket.on('data', (chunk) => {
      const lines = `${text}${chunk}`.split('\r\n');
      text = lines.pop();
      for (const line of lines) done = done.then(() => this.#perform(line)).catch(() => socket.destroy());
    });
  }

  say(line) {
    this.socket.write(`${line}\r\n`);
  }

  async #perform(line) {
    const [verb = '', ...words] = line.split(' ');
    const open = this.isIn || ['AUTH', 'USER', 'PASS', 'OPTS'].includes(verb);
    const answer = open ? await commands[verb]?.(this, words.join(' ')) : '530 log in first';
    if (answer !== undefined) this.say(answer);
    else if (!(verb in commands)) this.say('502 no such command');
  }
}

const commands = {
  AUTH: (session) => {
    session.say('234 go ahead');
    const { socket } = session;
    socket.removeAllListeners('data');
    session.obey(session.site.encrypt(socket));
  },
  USER: (session, name) => {
    session.user = name;
    return '331 and the password?';
  },
  PASS: (session, password) => {
    const { site, user } = session;
    session.isIn = user === site.user && password === site.password;
    return session.isIn ? '230 welcome' : '530 wrong';
  },
  OPTS: () => '200 fine',
  TYPE: () => '200 fine',
  STRU: () => '200 fine',
  PBSZ: () => '200 fine',
  PROT: (session, level) => {
    session.isProtected = level === 'P';
    return session.socket.encrypted ? '200 fine' : '503 AUTH first';
  },
  FEAT: () => '211-Features:\r\n MLST type*;size*;\r\n SIZE\r\n REST STREAM\r\n211 End',
  PWD: () => '257 "/" is where you are',
  CWD: () => '250 fine',
  NOOP: () => '200 fine',
  SIZE: ({ site }, name) =>
    site.files.has(name) ? `213 ${site.files.get(name).length}` : '550 no such file',
  DELE: ({ site }, name) => (site.files.delete(name) ? '250 gone' : '550 no such file'),
  REST: (session, offset) => {
    session.offset = Number(offset);
    return '350 from there on';
  },
  EPSV: async (session) => {
    const port = await listenForData(session);
    return `229 Entering Extended Passive Mode (|||${port}|)`;
  },
  PASV: async (session) => {
    const port = await listenForData(session);
    return `227 Entering Passive Mode (127,0,0,1,${port >> 8},${port & 255})`;
  },
  MLSD: (session) => {
    const lines = [...session.site.files].map(
      ([name, { length }]) => `type=file;size=${length}; ${name}\r\n`,
    );
    return send(session, Buffer.from(lines.join('')));
  },
  RETR: async (session, name) => {
    const file = session.site.files.get(name);
    if (file === undefined) return '550 no such file';
    const { offset } = session;
    session.offset = 0;
    return send(session, file.subarray(offset));
  },
  STOR: (session, name) => receive(session, name, Buffer.alloc(0)),
  APPE: (session, name) => receive(session, name, session.site.files.get(name) ?? Buffer.alloc(0)),
  /** Not in any document: for tests. */
  SITE: (session, what) => {
    if (what === 'RESUMED') return `200 ${session.resumed}`;
    session.socket.destroy();
  },
  QUIT: ({ socket }) => {
    socket.end('221 bye\r\n');
  },
};

/** Listens for one data connection. */
async function listenForData(session) {
  const { isProtected, site } = session;
  const server = createServer();
  session.transfer = once(server, 'connection').then(async ([socket]) => {
    server.close();
    socket.on('error', () => {});
    if (!isProtected) return socket;
    const secure = site.encrypt(socket);
    await once(secure, 'secure');
    session.resumed += secure.isSessionReused() ? 1 : 0;
    return secure;
  });
  session.transfer.catch(() => {});
  session.awaited = server;
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server.address().port;
}

async function send(session, bytes) {
  session.say('150 here it comes');
  const data = await session.transfer;
  data.resume().end(bytes);
  await once(data, 'close');
  return '226 done';
}

async function receive(session, name, before) {
  session.say('150 send it');
  const data = await session.transfer;
  session.site.files.set(name, Buffer.concat([before, await buffer(data)]));
  return '226 done';
}
