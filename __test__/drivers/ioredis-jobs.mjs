/** What a user of ioredis does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { AbstractConnector, Redis } from 'ioredis';

const { REDIS_PASSWORD, STRANGER_CA } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'REDIS_PORT',
  'REDIS_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

const plain = { port };
const secure = { port: tlsPort, tls: {} };

const tenMegabytes = 10 * 1024 * 1024;

export const jobs = {
  plain: (connect) => withRedis(connect, plain, connection),

  encrypted: (connect) => withRedis(connect, secure, connection),

  /** The third version of the protocol greets in another way. */
  resp3: (connect) => withRedis(connect, { ...secure, protocol: 3 }, (redis) => redis.ping('three')),

  large: (connect) =>
    withRedis(connect, secure, async (redis) => {
      const bytes = randomBytes(tenMegabytes);
      const set = await redis.set('large', bytes);
      const length = await redis.strlen('large');
      const answer = await redis.getBuffer('large');
      return { set, length, intact: sum(answer) === sum(bytes) };
    }),

  parallel: (connect) =>
    withRedis(connect, secure, async (redis) => {
      await redis.del('counter');
      const numbers = await Promise.all(Array.from({ length: 2000 }, () => redis.incr('counter')));
      return numbers.every((number, index) => number === index + 1);
    }),

  connections: (connect) =>
    withRedis(connect, secure, async (redis) => {
      const others = Array.from({ length: 10 }, () => redis.duplicate());
      const ids = await Promise.all([redis, ...others].map((each) => each.client('ID')));
      await Promise.all(others.map((other) => other.quit()));
      return new Set(ids).size;
    }),

  pipeline: (connect) =>
    withRedis(connect, secure, async (redis) => {
      const pipeline = redis.pipeline();
      for (let i = 0; i < 5000; i++) pipeline.set(`key ${i}`, 'x'.repeat(i % 100)).strlen(`key ${i}`);
      const results = await pipeline.exec();
      return results.every(
        ([error, value], i) => !error && (i % 2 ? value === ((i - 1) / 2) % 100 : value === 'OK'),
      );
    }),

  autoPipelining: (connect) =>
    withRedis(connect, { ...secure, enableAutoPipelining: true }, async (redis) => {
      await redis.set('one', 1);
      return Promise.all(Array.from({ length: 100 }, () => redis.get('one'))).then(
        (all) => new Set(all).size,
      );
    }),

  transaction: (connect) =>
    withRedis(connect, secure, async (redis) => {
      const committed = await redis.multi().set('t', 1).incr('t').exec();
      await redis.watch('t');
      await withRedis(connect, secure, (other) => other.set('t', 7));
      return { committed, refused: await redis.multi().incr('t').exec(), left: await redis.get('t') };
    }),

  script: (connect) =>
    withRedis(connect, secure, async (redis) => {
      redis.defineCommand('twice', { numberOfKeys: 1, lua: `return redis.call('GET', KEYS[1]) .. ARGV[1]` });
      await redis.set('word', 'wint');
      return redis.twice('word', 'er');
    }),

  scan: (connect) =>
    withRedis(connect, secure, async (redis) => {
      await redis.mset(Array.from({ length: 500 }, (_, i) => [`scan ${i}`, i]).flat());
      const keys = new Set();
      for await (const page of redis.scanStream({ match: 'scan *', count: 20 }))
        for (const key of page) keys.add(key);
      return keys.size;
    }),

  subscription: (connect) =>
    withRedis(connect, secure, (subscriber) =>
      withRedis(connect, secure, async (publisher) => {
        const messages = [];
        const all = new Promise((resolve) => {
          subscriber.on('message', (channel, message) => {
            messages.push(`${channel} ${message}`);
            if (messages.length === 500) resolve();
          });
        });
        const channels = ['weather', 'news'];
        const count = await subscriber.subscribe(...channels);
        for (let i = 0; i < 500; i++) publisher.publish(channels[i % 2], `number ${i}`);
        await all;
        return { count, messages: messages.slice(-2), left: await subscriber.unsubscribe() };
      }),
    ),

  blocking: (connect) =>
    withRedis(connect, secure, (waiting) =>
      withRedis(connect, secure, async (pushing) => {
        const id = await waiting.client('ID');
        const popped = waiting.blpop('queue', 0);
        await blocked(pushing, id);
        await pushing.rpush('queue', 'first');
        return popped;
      }),
    ),

  monitor: (connect) =>
    withRedis(connect, secure, async (redis) => {
      await redis.ping(); // or its own greetings are what is seen
      const monitor = await redis.monitor();
      const seen = once(monitor, 'monitor');
      await redis.echo('watch me');
      const [, command] = await seen;
      monitor.disconnect();
      return command;
    }),

  wrongPassword: (connect) => withRedis(connect, { ...secure, password: 'wrong' }, (redis) => redis.ping()),

  refused: (connect) => failureOf(connect, { host: '127.0.0.1', port: closedPort }),

  unknownAuthority: (connect) => failureOf(connect, { port: tlsPort, tls: { ca: STRANGER_CA } }),

  wrongName: (connect) => failureOf(connect, { host: '127.0.0.1', port: tlsPort, tls: {} }),

  /** The handshake is never answered: the client's own timer, on the socket, has to end it. */
  silence: (connect) => failureOf(connect, { port: silentPort, tls: {}, connectTimeout: 100 }),

  /** Killed by the server, the client connects again and goes on. */
  reconnection: (connect) =>
    withRedis(connect, secure, (redis) =>
      withRedis(connect, secure, async (killer) => {
        const id = await redis.client('ID');
        const events = [];
        for (const name of ['close', 'reconnecting', 'ready']) redis.on(name, () => events.push(name));
        const ready = once(redis, 'ready');
        await killer.client('KILL', 'ID', id);
        await ready;
        return { events: [...events], changed: (await redis.client('ID')) !== id };
      }),
    ),

  /** What waits for an answer when the server kills the connection, and nothing is to be tried again. */
  killed: (connect) =>
    withRedis(connect, { ...secure, retryStrategy: null }, (redis) =>
      withRedis(connect, secure, async (killer) => {
        const id = await redis.client('ID');
        const popped = redis.blpop('nothing', 0);
        const failed = popped.catch((error) => error.message);
        await blocked(killer, id);
        await killer.client('KILL', 'ID', id);
        return { failed: await failed, status: redis.status };
      }),
    ),

  /** Without QUIT: both ends are asked nothing. */
  async disconnected(connect) {
    const redis = open(connect, secure);
    await redis.ping();
    const end = once(redis, 'end');
    redis.disconnect();
    await end;
    return { status: redis.status, destroyed: redis.stream.destroyed };
  },
};

async function connection(redis) {
  const pong = await redis.ping('hello');
  const list = await redis.client('LIST', 'ID', await redis.client('ID'));
  const { stream } = redis;
  return {
    pong,
    seenByServer: list.includes(` addr=${stream.localAddress}:${stream.localPort} `),
    remotePort: stream.remotePort,
    encrypted: stream.encrypted === true,
    authorized: stream.authorized === true,
  };
}

function open(connect, options) {
  const { host = 'localhost', port, tls } = options;
  class Connector extends AbstractConnector {
    constructor({ disconnectTimeout }) {
      super(disconnectTimeout);
    }
    async connect() {
      this.stream = connect({ host, port, ...tls, secureTransport: tls ? 'on' : 'off' });
      return this.stream;
    }
  }
  return new Redis({ password: REDIS_PASSWORD, ...options, Connector });
}

/** Runs `work` with a client and ends it. */
async function withRedis(connect, options, work) {
  const redis = open(connect, options);
  redis.on('error', () => {}); // what it means for commands is looked at, and it is printed otherwise
  try {
    return await work(redis);
  } finally {
    if (redis.status !== 'end') await redis.quit();
  }
}

/** Throws what the client's user is told. */
async function failureOf(connect, options) {
  const redis = open(connect, { ...options, retryStrategy: null });
  const [error] = await once(redis, 'error');
  if (redis.status !== 'end') await once(redis, 'end');
  throw error;
}

/** Resolves when that connection waits in BLPOP. */
async function blocked(redis, id) {
  while (!/ flags=b /.test(await redis.client('LIST', 'ID', id)));
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
