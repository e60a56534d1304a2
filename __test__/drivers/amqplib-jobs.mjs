/** What a user of amqplib does. Run by replaced-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import amqp from 'amqplib';
import * as callbacks from 'amqplib/callback_api';

const { AMQP_URL, AMQP_TLS_URL, CLOSED_PORT, STRANGER_CA } = process.env;
const tenMegabytes = 10 * 1024 * 1024;

export const jobs = {
  plain: () => withBroker(AMQP_URL, {}, seen),

  encrypted: () => withBroker(AMQP_TLS_URL, {}, seen),

  /** There and back. */
  large: () =>
    withBroker(AMQP_TLS_URL, {}, async (connection) => {
      const channel = await connection.createConfirmChannel();
      const { queue } = await channel.assertQueue('');
      const bytes = randomBytes(tenMegabytes);
      channel.sendToQueue(queue, bytes);
      await channel.waitForConfirms();
      const { content } = await channel.get(queue, { noAck: true });
      return { bytes: content.length, intact: sum(content) === sum(bytes) };
    }),

  confirms: () =>
    withBroker(AMQP_TLS_URL, {}, async (connection) => {
      const channel = await connection.createConfirmChannel();
      const { queue } = await channel.assertQueue('');
      for (let i = 0; i < 2000; i++) channel.sendToQueue(queue, Buffer.from(`number ${i}`));
      await channel.waitForConfirms();
      return (await channel.checkQueue(queue)).messageCount;
    }),

  consumer: () =>
    withBroker(AMQP_TLS_URL, {}, async (connection) => {
      const channel = await connection.createChannel();
      const { queue } = await channel.assertQueue('');
      const messages = [];
      await new Promise((resolve) => {
        channel.consume(queue, (message) => {
          channel.ack(message);
          messages.push(message.content.toString());
          if (messages.length === 500) resolve();
        });
        for (let i = 0; i < 500; i++) channel.sendToQueue(queue, Buffer.from(`number ${i}`));
      });
      return messages.slice(-2);
    }),

  fanout: () =>
    withBroker(AMQP_TLS_URL, {}, async (connection) => {
      const channel = await connection.createChannel();
      await channel.assertExchange('news', 'fanout');
      const listeners = Array.from({ length: 3 }, async () => {
        const { queue } = await channel.assertQueue('', { exclusive: true });
        await channel.bindQueue(queue, 'news', '');
        return queue;
      });
      const queues = await Promise.all(listeners);
      channel.publish('news', '', Buffer.from('flash'), { headers: { importance: 7 } });
      const messages = await Promise.all(queues.map((queue) => channel.get(queue, { noAck: true })));
      return messages.map(({ content, properties }) => `${content} ${properties.headers.importance}`);
    }),

  /** Channels share a connection. */
  channels: () =>
    withBroker(AMQP_TLS_URL, {}, async (connection) => {
      const channels = await Promise.all(Array.from({ length: 20 }, () => connection.createChannel()));
      const queues = await Promise.all(channels.map((channel) => channel.assertQueue('')));
      await Promise.all(channels.map((channel) => channel.close()));
      return new Set(queues.map(({ queue }) => queue)).size;
    }),

  connections: async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => amqp.connect(AMQP_TLS_URL)));
    const ports = new Set(all.map(({ connection }) => connection.stream.localPort));
    await Promise.all(all.map((connection) => connection.close()));
    return ports.size;
  },

  callbacks: () =>
    new Promise((resolve, reject) => {
      callbacks.connect(AMQP_TLS_URL, (error, connection) => {
        if (error) reject(error);
        else connection.close(() => resolve('closed'));
      });
    }),

  wrongPassword: () => withBroker(AMQP_TLS_URL.replace(/:[^:@]+@/, ':wrong@'), {}, () => 'let in'),

  refused: () => withBroker(`amqp://127.0.0.1:${CLOSED_PORT}`, {}, () => 'let in'),

  unknownAuthority: () => withBroker(AMQP_TLS_URL, { ca: [STRANGER_CA] }, () => 'let in'),

  wrongName: () => withBroker(AMQP_TLS_URL.replace('localhost', '127.0.0.1'), {}, () => 'let in'),

  severed: async () => {
    const connection = await amqp.connect(AMQP_TLS_URL);
    const channel = await connection.createChannel();
    const told = new Promise((resolve) => connection.once('close', resolve));
    const errors = [];
    connection.on('error', ({ message }) => errors.push(message));
    channel.sendToQueue('sever', Buffer.from('now'));
    await told;
    return { errors, later: await channel.assertQueue('').catch(({ name }) => name) };
  },
};

async function seen({ connection }) {
  const { stream } = connection;
  return {
    encrypted: stream.encrypted === true,
    authorized: stream.authorized === true,
    servername: stream.servername || null,
    remoteAddress: stream.remoteAddress,
  };
}

/** Runs `work` with a connection and ends it. */
async function withBroker(url, options, work) {
  const connection = await amqp.connect(url, options);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
