/** What a user of node-redis does. Run by replaced-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createClient, createClientPool, RESP_TYPES } from 'redis';

const { REDIS_URL, REDIS_TLS_URL, STRANGER_CA, CLOSED_PORT } = process.env;
const tenMegabytes = 10 * 1024 * 1024;

const secure = { url: REDIS_TLS_URL };

export const jobs = {
  plain: () => withRedis({ url: REDIS_URL }, seenByServer),

  encrypted: () => withRedis(secure, seenByServer),

  resp3: () => withRedis({ ...secure, RESP: 3 }, (redis) => redis.hGetAll('no such hash')),

  large: () =>
    withRedis(secure, async (redis) => {
      const bytes = randomBytes(tenMegabytes);
      const set = await redis.set('large', bytes);
      const length = await redis.strLen('large');
      const answer = await redis.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get('large');
      return { set, length, intact: sum(answer) === sum(bytes) };
    }),

  /** They are sent together. */
  pipeline: () =>
    withRedis(secure, async (redis) => {
      await redis.del('counter');
      const numbers = await Promise.all(Array.from({ length: 5000 }, () => redis.incr('counter')));
      return numbers.every((number, index) => number === index + 1);
    }),

  pool: async () => {
    const pool = createClientPool(secure, { minimum: 1, maximum: 10 });
    pool.on('error', () => {});
    await pool.connect();
    try {
      // One is given back when its work is done: all of them are needed only while all of them are at work.
      const { promise: all, resolve } = resolvers();
      let working = 0;
      const work = async (client) => {
        const id = await client.clientId();
        working += 1;
        if (working === 10) resolve();
        await all;
        return id;
      };
      const ids = await Promise.all(Array.from({ length: 10 }, () => pool.execute(work)));
      return new Set(ids).size;
    } finally {
      await pool.close();
    }
  },

  transaction: () =>
    withRedis(secure, async (redis) => {
      const committed = await redis.multi().set('t', '1').incr('t').exec();
      await redis.watch('t');
      await withRedis(secure, (other) => other.set('t', '7'));
      const refused = await redis
        .multi()
        .incr('t')
        .exec()
        .catch((error) => error.constructor.name);
      return { committed, refused, left: await redis.get('t') };
    }),

  script: () =>
    withRedis(secure, async (redis) => {
      await redis.set('word', 'wint');
      const script = `return redis.call('GET', KEYS[1]) .. ARGV[1]`;
      return redis.eval(script, { keys: ['word'], arguments: ['er'] });
    }),

  scan: () =>
    withRedis(secure, async (redis) => {
      await redis.mSet(Array.from({ length: 500 }, (_, i) => [`scan ${i}`, `${i}`]));
      const keys = new Set();
      for await (const page of redis.scanIterator({ MATCH: 'scan *', COUNT: 20 })) {
        for (const key of page) keys.add(key);
      }
      return keys.size;
    }),

  subscription: () =>
    withRedis(secure, (subscriber) =>
      withRedis(secure, async (publisher) => {
        const messages = [];
        const { promise: all, resolve } = resolvers();
        const listener = (message, channel) => {
          messages.push(`${channel} ${message}`);
          if (messages.length === 500) resolve();
        };
        await subscriber.subscribe(['news', 'weather'], listener);
        for (let i = 0; i < 500; i++) publisher.publish(i % 2 ? 'news' : 'weather', `number ${i}`);
        await all;
        await subscriber.unsubscribe();
        return messages.slice(-2);
      }),
    ),

  blocking: () =>
    withRedis(secure, (waiting) =>
      withRedis(secure, async (pushing) => {
        const popped = waiting.blPop('queue', 0);
        await blocked(pushing);
        await pushing.rPush('queue', 'first');
        return popped;
      }),
    ),

  wrongPassword: () => {
    const url = Object.assign(new URL(REDIS_TLS_URL), { password: 'wrong' });
    return withRedis({ url: url.href }, (redis) => redis.ping());
  },

  refused: () => withRedis({ url: `redis://127.0.0.1:${CLOSED_PORT}` }, (redis) => redis.ping()),

  unknownAuthority: () =>
    withRedis({ ...secure, socket: { tls: true, ca: STRANGER_CA } }, (redis) => redis.ping()),

  wrongName: () =>
    withRedis({ url: REDIS_TLS_URL.replace('localhost', '127.0.0.1') }, (redis) => redis.ping()),

  /** Killed by the server, the client connects again and goes on. */
  reconnection: () => {
    const patient = { ...secure, socket: { tls: true, reconnectStrategy: () => 1 } };
    return withRedis(patient, (redis) =>
      withRedis(secure, async (killer) => {
        const id = await redis.clientId();
        const events = [];
        for (const name of ['error', 'reconnecting', 'ready']) redis.on(name, () => events.push(name));
        const ready = new Promise((resolve) => redis.once('ready', resolve));
        await killer.clientKill({ filter: 'ID', id });
        await ready;
        return { events, changed: (await redis.clientId()) !== id };
      }),
    );
  },

  /** What waits for an answer when the server kills the connection, and nothing is to be tried again. */
  killed: () =>
    withRedis(secure, (redis) =>
      withRedis(secure, async (killer) => {
        const failed = redis.blPop('nothing', 0).catch((error) => error.message);
        await blocked(killer);
        await killer.sendCommand(['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']);
        return { failed: await failed, open: redis.isOpen };
      }),
    ),

  /** Without a goodbye. */
  async destroyed() {
    const redis = createClient(secure).on('error', () => {});
    await redis.connect();
    const failed = redis.blPop('nothing', 0).catch((error) => error.message);
    const end = once(redis, 'end');
    redis.destroy();
    await end;
    return { failed: await failed, open: redis.isOpen };
  },
};

async function seenByServer(redis) {
  const [{ db, user }, pong] = await Promise.all([redis.clientInfo(), redis.ping('hello')]);
  return { db, user, pong };
}

/** Runs `work` with a client and ends it. Nothing is tried again unless the options say so. */
async function withRedis({ socket, ...options }, work) {
  const redis = createClient({ ...options, socket: { reconnectStrategy: false, ...socket } });
  redis.on('error', () => {}); // what it means for commands is looked at
  await redis.connect();
  try {
    return await work(redis);
  } finally {
    if (redis.isOpen) await redis.close();
  }
}

/** Resolves when somebody waits in BLPOP. */
async function blocked(redis) {
  while (!/blocked_clients:[1-9]/.test(await redis.info('clients')));
}

function resolvers() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
