/** What a user of NATS's client does. Run by replaced-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { connect } from '@nats-io/transport-node';

const env = process.env;
const { NATS_PORT, NATS_TLS_PORT, NATS_MUTUAL_PORT, NATS_TLS_FIRST_PORT, CLOSED_PORT } = env;
const { NATS_USER: user, NATS_PASSWORD: pass, STRANGER_CA, CLIENT_CERT: cert, CLIENT_KEY: key } = env;
const tenMegabytes = 10 * 1024 * 1024;

/** Nothing is tried again, so that what went wrong is heard of. */
const login = { user, pass, reconnect: false, maxReconnectAttempts: 0, timeout: 20_000 };
const plain = { ...login, servers: `localhost:${NATS_PORT}` };
const secure = { ...login, servers: `localhost:${NATS_TLS_PORT}` };

export const jobs = {
  plain: () => withNats(plain, seenByServer),

  /** Plain until the server has said what it wants. */
  upgraded: () => withNats(secure, seenByServer),

  encryptedFirst: () =>
    withNats(
      { ...secure, servers: `localhost:${NATS_TLS_FIRST_PORT}`, tls: { handshakeFirst: true } },
      seenByServer,
    ),

  clientCertificate: () =>
    withNats({ ...secure, servers: `localhost:${NATS_MUTUAL_PORT}`, tls: { cert, key } }, seenByServer),

  withoutClientCertificate: () =>
    withNats({ ...secure, servers: `localhost:${NATS_MUTUAL_PORT}` }, (nats) => nats.flush()).catch(() => {
      throw new Error('refused'); // whether the server's word or its end comes first is up to chance
    }),

  /** There and back. */
  large: () =>
    withNats(secure, async (nats) => {
      nats.subscribe('echo', { callback: (_, message) => message.respond(message.data) });
      const bytes = randomBytes(tenMegabytes);
      const { data } = await nats.request('echo', bytes, { timeout: 20_000 });
      return { bytes: data.length, intact: sum(data) === sum(bytes) };
    }),

  parallel: () =>
    withNats(secure, async (nats) => {
      nats.subscribe('twice', {
        callback: (_, message) => message.respond(`${2 * Number(message.string())}`),
      });
      const answers = await Promise.all(
        Array.from({ length: 1000 }, (_, i) => nats.request('twice', `${i}`)),
      );
      return answers.every((answer, i) => answer.string() === `${2 * i}`);
    }),

  subscription: () =>
    withNats(secure, (subscriber) =>
      withNats(secure, async (publisher) => {
        const subscription = subscriber.subscribe('news.>', { max: 500 });
        await subscriber.flush();
        for (let i = 0; i < 500; i++) publisher.publish(`news.${i % 2}`, `number ${i}`);
        const messages = [];
        for await (const message of subscription) messages.push(`${message.subject} ${message.string()}`);
        return messages.slice(-2);
      }),
    ),

  queue: () =>
    withNats(secure, async (nats) => {
      const got = [0, 0, 0];
      got.forEach((_, i) => {
        const callback = () => {
          got[i] += 1;
        };
        nats.subscribe('work', { queue: 'workers', callback });
      });
      for (let i = 0; i < 300; i++) nats.publish('work');
      await nats.flush();
      return got.reduce((sum, count) => sum + count);
    }),

  connections: async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => connect(secure)));
    const ids = new Set(all.map(({ info }) => info.client_id));
    await Promise.all(all.map((nats) => nats.close()));
    return ids.size;
  },

  /** What was sent goes out before it closes. */
  drain: () =>
    withNats(secure, async (nats) => {
      let heard = 0;
      nats.subscribe('drops', { callback: () => (heard += 1) });
      for (let i = 0; i < 1000; i++) nats.publish('drops', 'x'.repeat(1000));
      await nats.drain();
      return heard;
    }),

  wrongPassword: () => withNats({ ...secure, pass: 'wrong' }, () => 'let in'),

  refused: () => withNats({ ...login, servers: `127.0.0.1:${CLOSED_PORT}` }, () => 'let in'),

  unknownAuthority: () => withNats({ ...secure, tls: { ca: STRANGER_CA } }, () => 'let in'),

  /** By address the client checks no name; so a name that is not the server's. */
  wrongName: () => withNats({ ...secure, tls: { servername: 'elsewhere.example' } }, () => 'let in'),

  /** The server closes connections that send something silly. */
  ended: () =>
    withNats(secure, async (nats) => {
      nats.protocol.transport.send(new TextEncoder().encode('NONSENSE\r\n'));
      return { closed: (await nats.closed())?.message, isClosed: nats.isClosed() };
    }),

  reconnection: () =>
    withNats({ ...secure, reconnect: true, maxReconnectAttempts: -1, reconnectTimeWait: 1 }, async (nats) => {
      const before = nats.info.client_id;
      const messages = nats.subscribe('after', { max: 1 });
      const reconnected = (async () => {
        for await (const { type } of nats.status()) if (type === 'reconnect') return;
      })();
      await nats.reconnect();
      await reconnected;
      nats.publish('after', 'all the same');
      for await (const message of messages) {
        return { message: message.string(), changed: nats.info.client_id !== before };
      }
    }),
};

async function seenByServer(nats) {
  return {
    encrypted: nats.protocol.transport.isEncrypted(),
    peer: nats.info.client_ip,
    answers: (await nats.rtt()) >= 0,
  };
}

/** Runs `work` with a client and ends it. */
async function withNats(options, work) {
  const nats = await connect(options);
  try {
    return await work(nats);
  } finally {
    if (!nats.isClosed()) await nats.close();
  }
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
