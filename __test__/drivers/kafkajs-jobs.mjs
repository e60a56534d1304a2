/** What a user of kafkajs does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';

const { KAFKA_USER, KAFKA_PASSWORD, STRANGER_CA, KIND } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'KAFKA_PORT',
  'KAFKA_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

const secure = { broker: `localhost:${tlsPort}`, ssl: true };

export const jobs = {
  plain: (connect) => roundTrip(create(connect, { broker: `localhost:${port}` }), 'plain'),

  encrypted: (connect) => roundTrip(create(connect, secure), 'encrypted'),

  large: (connect) => {
    const value = randomBytes(10 * 1024 * 1024);
    return withProducer(create(connect, secure), async (producer, kafka) => {
      await producer.send({ topic: `large-${KIND}`, messages: [{ value }] });
      const [message] = await consume(kafka, `large-${KIND}`, 1);
      return { length: message.value.length, intact: sum(message.value) === sum(value) };
    });
  },

  parallel: (connect) =>
    withProducer(create(connect, secure), async (producer, kafka) => {
      const topic = `parallel-${KIND}`;
      const sent = Array.from({ length: 200 }, (_, i) =>
        producer.send({ topic, messages: [{ value: `${i}` }] }),
      );
      const receipts = await Promise.all(sent);
      const messages = await consume(kafka, topic, 200);
      return {
        offsets: new Set(receipts.map(([{ baseOffset }]) => baseOffset)).size,
        messages: new Set(messages.map(({ value }) => String(value))).size,
      };
    }),

  batch: (connect) =>
    withProducer(create(connect, secure), async (producer, kafka) => {
      const topic = `batch-${KIND}`;
      const messages = Array.from({ length: 1000 }, (_, i) => ({ key: `key ${i}`, value: `value ${i}` }));
      await producer.send({ topic, messages });
      const consumed = await consume(kafka, topic, 1000);
      return consumed.every(({ key, value }, i) => `${key} ${value}` === `key ${i} value ${i}`);
    }),

  /** A consumer that is there before the message waits for it. */
  subscription: (connect) =>
    withProducer(create(connect, secure), async (producer, kafka) => {
      const topic = `news-${KIND}`;
      const consumed = consume(kafka, topic, 2);
      await producer.send({ topic, messages: [{ value: 'first' }] });
      await producer.send({ topic, messages: [{ value: 'second' }] });
      return (await consumed).map(({ value }) => String(value));
    }),

  admin: async (connect) => {
    const admin = create(connect, secure).admin();
    await admin.connect();
    try {
      const { brokers, controller } = await admin.describeCluster();
      return { host: brokers[0].host, controller };
    } finally {
      await admin.disconnect();
    }
  },

  /** The broker ends the connection: kafkajs connects again and sends again. */
  reconnection: (connect) =>
    withProducer(create(connect, { ...secure, retries: 3 }), async (producer) => {
      const [receipt] = await producer.send({ topic: `broken-${KIND}`, messages: [{ value: 'x' }] });
      return receipt.errorCode;
    }),

  killed: (connect) =>
    withProducer(create(connect, secure), (producer) =>
      producer.send({ topic: `broken-again-${KIND}`, messages: [{ value: 'x' }] }),
    ),

  wrongPassword: (connect) =>
    withProducer(create(connect, { ...secure, password: 'wrong' }), () => 'connected'),

  refused: (connect) =>
    withProducer(create(connect, { broker: `127.0.0.1:${closedPort}` }), () => 'connected'),

  unknownAuthority: (connect) =>
    withProducer(create(connect, { ...secure, ssl: { ca: STRANGER_CA } }), () => 'connected'),

  wrongName: (connect) =>
    withProducer(create(connect, { broker: `127.0.0.1:${tlsPort}`, ssl: true }), () => 'connected'),

  silence: (connect) =>
    withProducer(
      create(connect, { broker: `localhost:${silentPort}`, ssl: true, connectionTimeout: 100 }),
      () => 'connected',
    ),
};

function create(
  connect,
  { broker, ssl, password = KAFKA_PASSWORD, retries = 0, connectionTimeout = 10_000 },
) {
  return new Kafka({
    clientId: 'twin',
    brokers: [broker],
    ssl,
    sasl: { mechanism: 'plain', username: KAFKA_USER, password },
    retry: { retries, initialRetryTime: 10 },
    connectionTimeout,
    logLevel: logLevel.NOTHING,
    socketFactory({ host, port, ssl, onConnect }) {
      const socket = connect({ host, port, ...ssl, secureTransport: ssl ? 'on' : 'off' });
      return socket.once(ssl ? 'secureConnect' : 'connect', onConnect);
    },
  });
}

/** Runs `work` with a producer and disconnects it. Throws what the user's user looks for: the first cause. */
async function withProducer(kafka, work) {
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  try {
    await producer.connect();
    return await work(producer, kafka);
  } catch (error) {
    let first = error;
    while (first.cause) first = first.cause;
    throw first;
  } finally {
    await producer.disconnect();
  }
}

/** The first messages of a topic. */
async function consume(kafka, topic, count) {
  const consumer = kafka.consumer({ groupId: `group of ${topic}`, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const messages = [];
  await new Promise((resolve, reject) => {
    const eachMessage = async ({ message }) => {
      if (messages.push(message) === count) resolve();
    };
    consumer.run({ eachMessage }).catch(reject);
  });
  await consumer.disconnect();
  return messages;
}

function roundTrip(kafka, name) {
  return withProducer(kafka, async (producer) => {
    const topic = `${name}-${KIND}`;
    const messages = [{ key: 'greeting', value: 'Grüße', headers: { colour: 'blue' } }];
    await producer.send({ topic, messages });
    const [{ key, value, headers, offset }] = await consume(kafka, topic, 1);
    return { offset, text: `${key} ${value} ${headers.colour}` };
  });
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
