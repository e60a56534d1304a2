/**
 * What a user of redis-on-workers does: `node [--import wintersock/register] redis-on-workers-jobs.mjs option|alias [job ...]`. Prints a
 * line of JSON for each job, `[name, outcome]`, and ends by itself. It has no subscriptions, and knows no `ca`.
 */
import { createHash, randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { createRedis } from 'redis-on-workers';
import { connect } from 'wintersock';

// The proof that nothing goes past connect().
Socket.prototype.connect = () => {
  throw new Error('redis-on-workers used node:net');
};

const { REDIS_PORT, REDIS_TLS_PORT, REDIS_PASSWORD: password, CLOSED_PORT } = process.env;
const way = process.argv[2] === 'option' ? { connectFn: connect } : {};

/** A client of the plain port, or what `options` say. */
const client = (options = {}) =>
  createRedis({ hostname: 'localhost', port: REDIS_PORT, password, ...way, ...options });
const tls = { port: REDIS_TLS_PORT, tls: true };

const jobs = {
  plain: () => using(client(), (redis) => redis.send('PING', 'hello')),

  encrypted: () => using(client(tls), (redis) => redis.send('PING', 'hello')),

  url: () => createRedis({ url: process.env.REDIS_URL, ...way }).sendOnce('PING', 'hello'),

  /** Ten megabytes there and back, over TLS. */
  async large() {
    return using(client(tls), async (redis) => {
      const bytes = randomBytes(10 * 1024 * 1024);
      const set = await redis.send('SET', 'large', bytes);
      const answer = await redis.sendRaw('GET', 'large');
      return { set, length: answer.length, intact: digest(answer) === digest(bytes) };
    });
  },

  /** A password before every command is the package's own pipelining. This is the function that does it. */
  async pipeline() {
    return using(client(), async (redis) => {
      await redis.startConnection();
      const commands = Array.from({ length: 100 }, (_, i) => ['ECHO', `${i}`]);
      const [auth, ...answers] = await redis.writeCommandsToConnection([['AUTH', password], ...commands]);
      const text = (bytes) => new TextDecoder().decode(bytes);
      return { auth: text(auth), inOrder: answers.every((answer, i) => text(answer) === `${i}`) };
    });
  },

  /** Many connections at a time, each for one command. */
  async parallel() {
    const numbers = Array.from({ length: 20 }, (_, i) => i);
    const ids = await Promise.all(numbers.map(() => client().sendOnce('CLIENT', 'ID')));
    return new Set(ids).size;
  },

  async transaction() {
    return using(client(), async (redis) => {
      const said = [];
      for (const command of [['MULTI'], ['SET', 'a', '1'], ['INCRBY', 'a', '41'], ['EXEC']]) {
        // Its password would end the transaction: only the first command gets one.
        redis.getInitializeCommands = () => (said.length === 0 ? [['AUTH', password]] : []);
        said.push(await redis.send(...command));
      }
      return said;
    });
  },

  /** The error of a command, and the next one over a new connection: the package closes after each error. */
  async failingCommand() {
    return using(client(), async (redis) => {
      const failure = await redis.send('INCR').catch(described);
      return { failure, next: await redis.send('PING', 'again') };
    });
  },

  wrongPassword: () => client({ password: 'wrong' }).send('PING'),

  /** Its user never learns what becomes of the command. That the connection has gone, its logger is told. */
  async killed() {
    let tell;
    const told = new Promise((resolve) => {
      tell = resolve;
    });
    const redis = client({ logger: (message) => message === 'Listener closed' && tell(message) });
    const id = await redis.send('CLIENT', 'ID');
    void redis.send('BLPOP', 'nothing', '0');
    const killed = await client().sendOnce('CLIENT', 'KILL', 'ID', id);
    return { killed, told: await told, connected: redis.connected };
  },

  refused: () => client({ port: CLOSED_PORT }).send('PING'),

  unknownName: () => client({ hostname: 'nowhere.invalid' }).send('PING'),

  /** Over TLS the certificate is for localhost. */
  wrongName: () => client({ ...tls, hostname: '127.0.0.1' }).send('PING'),
};

async function using(redis, work) {
  try {
    return await work(redis);
  } finally {
    await redis.close();
  }
}

function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

function described(error) {
  return { name: error.constructor.name, code: error.code, message: error.message };
}

let unhandled = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason.code ?? reason.message));

const names = process.argv.slice(3);
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
