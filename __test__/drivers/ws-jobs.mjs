/** What a user of ws does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import WebSocket, { createWebSocketStream } from 'ws';

const { STRANGER_CA } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'WEB_PORT',
  'WEB_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

const plain = `ws://localhost:${port}/socket`;
const secure = `wss://localhost:${tlsPort}/socket`;
const tenMegabytes = 10 * 1024 * 1024;

export const jobs = {
  plain: (connect) => withSocket(connect, plain, {}, connection),

  encrypted: (connect) => withSocket(connect, secure, {}, connection),

  download: (connect) =>
    withSocket(connect, secure, {}, async (socket) => {
      const bytes = await ask(socket, 'large');
      const expected = await ask(socket, 'sum');
      return { length: bytes.length, intact: sum(bytes) === String(expected) };
    }),

  upload: (connect) =>
    withSocket(connect, secure, { perMessageDeflate: false }, async (socket) => {
      const bytes = randomBytes(tenMegabytes);
      return sum(await ask(socket, bytes)) === sum(bytes);
    }),

  parallel: (connect) =>
    withSocket(connect, secure, {}, async (socket) => {
      const count = 1000;
      const answers = [];
      const all = new Promise((resolve) => {
        socket.on('message', (data) => answers.push(String(data)) === count && resolve());
      });
      for (let i = 0; i < count; i++) socket.send(`${i} ${'x'.repeat(i)}`);
      await all;
      return answers.every((answer, i) => answer === `${i} ${'x'.repeat(i)}`);
    }),

  many: (connect) =>
    Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        withSocket(connect, secure, {}, async (socket) => String(await ask(socket, `socket ${i}`))),
      ),
    ),

  deflated: (connect) =>
    withSocket(connect, secure, { perMessageDeflate: { threshold: 0 } }, async (socket) => {
      const text = 'wintersock '.repeat(100_000);
      const before = socket._socket.bytesRead;
      const intact = String(await ask(socket, text)) === text;
      return {
        intact,
        extensions: socket.extensions,
        small: socket._socket.bytesRead - before < text.length / 10,
      };
    }),

  pings: (connect) =>
    withSocket(connect, secure, {}, async (socket) => {
      const pong = once(socket, 'pong');
      socket.ping('hello');
      return { theirs: String((await pong)[0]), ours: String(await ask(socket, 'ping')) };
    }),

  stream: (connect) =>
    withSocket(connect, secure, { perMessageDeflate: false }, async (socket) => {
      const duplex = createWebSocketStream(socket);
      const bytes = randomBytes(1024 * 1024);
      const pieces = Array.from({ length: 64 }, (_, i) => bytes.subarray(i * 16384, (i + 1) * 16384));
      const sent = pipeline(pieces, duplex, { end: false });
      const chunks = [];
      let missing = bytes.length;
      for await (const chunk of duplex) {
        chunks.push(chunk);
        missing -= chunk.length;
        if (missing > 0) continue;
        // The last may be back before its write has been told, and leaving the loop destroys what is still writing.
        await sent;
        break;
      }
      return sum(Buffer.concat(chunks)) === sum(bytes);
    }),

  closedByServer: (connect) =>
    withSocket(connect, secure, {}, async (socket) => {
      socket.send('close');
      const [code, reason] = await once(socket, 'close');
      return `${code} ${reason}`;
    }),

  killed: (connect) =>
    withSocket(connect, secure, {}, async (socket) => {
      socket.send('kill');
      const [code] = await once(socket, 'close');
      return code;
    }),

  terminated: (connect) =>
    withSocket(connect, secure, {}, async (socket) => {
      socket.terminate();
      const [code] = await once(socket, 'close');
      return code;
    }),

  notFound: (connect) => withSocket(connect, `wss://localhost:${tlsPort}/nowhere`, {}, () => 'connected'),

  refused: (connect) => withSocket(connect, `ws://127.0.0.1:${closedPort}/`, {}, () => 'connected'),

  unknownAuthority: (connect) => withSocket(connect, secure, { ca: STRANGER_CA }, () => 'connected'),

  wrongName: (connect) => withSocket(connect, `wss://127.0.0.1:${tlsPort}/socket`, {}, () => 'connected'),

  silence: (connect) =>
    withSocket(connect, `wss://localhost:${silentPort}/`, { handshakeTimeout: 100 }, () => 'connected'),
};

/** Runs `work` with a socket and closes it. */
async function withSocket(connect, url, { ca, ...options }, work) {
  const secureTransport = url.startsWith('wss:') ? 'on' : 'off';
  const createConnection = (parameters) => connect({ ...parameters, ca, secureTransport });
  const socket = new WebSocket(url, { ...options, createConnection });
  await once(socket, 'open');
  try {
    return await work(socket);
  } finally {
    if (socket.readyState !== WebSocket.CLOSED) {
      const closed = once(socket, 'close');
      socket.close();
      await closed;
    }
  }
}

async function connection(socket) {
  const { encrypted, authorized } = socket._socket;
  const echo = String(await ask(socket, 'hello'));
  return { echo, encrypted: encrypted === true, authorized: authorized === true };
}

async function ask(socket, message) {
  const answer = once(socket, 'message');
  socket.send(message);
  return (await answer)[0];
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
