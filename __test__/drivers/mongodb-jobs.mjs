/** What a user of MongoDB's driver does. Run by replaced-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { MongoClient } from 'mongodb';

const { MONGODB_URL, MONGODB_TLS_URL, CLOSED_PORT, STRANGER_CA_FILE } = process.env;
const megabyte = 1024 * 1024;

/** Milliseconds. The driver tries to get through for so long, and says only then what was wrong. */
const impatient = { serverSelectionTimeoutMS: 1000 };

export const jobs = {
  plain: () => withMongo(MONGODB_URL, {}, (client) => client.db('test').command({ ping: 1 })),

  encrypted: () => withMongo(MONGODB_TLS_URL, {}, (client) => client.db('test').command({ ping: 1 })),

  /** One document, then ten in one answer. */
  large: () =>
    withMongo(MONGODB_TLS_URL, {}, async (client) => {
      const collection = client.db('test').collection('large');
      await collection.deleteMany({});
      const bytes = randomBytes(10 * megabyte);
      await collection.insertOne({ _id: 'ten', bytes });
      const { bytes: answer } = await collection.findOne({ _id: 'ten' }, { promoteBuffers: true });
      await collection.deleteMany({});
      const small = Array.from({ length: 10 }, (_, _id) => ({
        _id,
        bytes: bytes.subarray(_id * megabyte).subarray(0, megabyte),
      }));
      await collection.insertMany(small);
      const documents = await collection.find({}, { promoteBuffers: true }).toArray();
      await collection.deleteMany({});
      const together = Buffer.concat(documents.map(({ bytes }) => bytes));
      return { one: sum(answer) === sum(bytes), ten: sum(together) === sum(bytes) };
    }),

  cursor: () =>
    withMongo(MONGODB_TLS_URL, {}, async (client) => {
      const collection = client.db('test').collection('numbers');
      await collection.insertMany(Array.from({ length: 1000 }, (_, _id) => ({ _id })));
      let total = 0;
      for await (const { _id } of collection.find({}).batchSize(100)) total += _id;
      await collection.deleteMany({});
      return total;
    }),

  pool: () =>
    withMongo(MONGODB_TLS_URL, { maxPoolSize: 10 }, async (client) => {
      const database = client.db('test');
      const answers = await Promise.all(
        Array.from({ length: 500 }, () => database.command({ connectionStatus: 1 })),
      );
      const ids = new Set(answers.map(({ id }) => id));
      return { answers: answers.length, several: ids.size > 1 && ids.size <= 10 };
    }),

  wrongPassword: () => withMongo(MONGODB_TLS_URL.replace(/:[^:@]+@/, ':wrong@'), {}, () => 'let in'),

  refused: () => withMongo(`mongodb://127.0.0.1:${CLOSED_PORT}/`, impatient, () => 'let in'),

  unknownAuthority: () =>
    withMongo(MONGODB_TLS_URL, { ...impatient, tlsCAFile: STRANGER_CA_FILE }, () => 'let in'),

  wrongName: () => withMongo(MONGODB_TLS_URL.replace('localhost', '127.0.0.1'), impatient, () => 'let in'),

  /** What the driver does with `checkServerIdentity`. */
  wrongNameAllowed: () =>
    withMongo(
      MONGODB_TLS_URL.replace('localhost', '127.0.0.1'),
      { tlsAllowInvalidHostnames: true },
      (client) => client.db('test').command({ ping: 1 }),
    ),

  /** ... and with `rejectUnauthorized`. */
  anythingAllowed: () =>
    withMongo(
      MONGODB_TLS_URL.replace('localhost', '127.0.0.1'),
      { tlsCAFile: STRANGER_CA_FILE, tlsAllowInvalidCertificates: true, tlsAllowInvalidHostnames: true },
      (client) => client.db('test').command({ ping: 1 }),
    ),

  severed: () =>
    withMongo(MONGODB_TLS_URL, {}, async (client) => {
      const database = client.db('test');
      const failed = await database.command({ sever: 1 }).catch(({ name }) => name);
      return { failed, afterwards: await database.command({ ping: 1 }) };
    }),

  /** The socket's own timer. */
  silence: () =>
    withMongo(MONGODB_TLS_URL, { socketTimeoutMS: 500 }, (client) => client.db('test').command({ wait: 1 })),
};

/** Runs `work` with a client and ends it. */
async function withMongo(url, options, work) {
  const client = new MongoClient(url, { directConnection: true, ...options });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.close();
  }
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
