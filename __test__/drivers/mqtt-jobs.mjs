/** What a user of mqtt does. Run by twin-jobs.mjs. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import mqtt from 'mqtt';

const { MQTT_USER, MQTT_PASSWORD, STRANGER_CA, KIND } = process.env;
const [port, tlsPort, closedPort, silentPort] = [
  'MQTT_PORT',
  'MQTT_TLS_PORT',
  'CLOSED_PORT',
  'SILENT_PORT',
].map((name) => Number(process.env[name]));

const plain = { port };
const secure = { port: tlsPort, secureTransport: 'on' };

export const jobs = {
  plain: (connect) => withClient(connect, plain, {}, connection),

  encrypted: (connect) => withClient(connect, secure, {}, connection),

  version5: (connect) =>
    withClient(connect, secure, { protocolVersion: 5 }, async (client) => {
      await client.subscribeAsync(`${KIND}/five`);
      const message = nextMessage(client);
      await client.publishAsync(`${KIND}/five`, 'x', { properties: { userProperties: { colour: 'blue' } } });
      return (await message).userProperties.colour;
    }),

  qualities: (connect) =>
    withClient(connect, secure, {}, async (client) => {
      const granted = await client.subscribeAsync({
        [`${KIND}/0`]: { qos: 0 },
        [`${KIND}/1`]: { qos: 1 },
        [`${KIND}/2`]: { qos: 2 },
      });
      const seen = [];
      for (const qos of [0, 1, 2]) {
        const message = nextMessage(client);
        await client.publishAsync(`${KIND}/${qos}`, `quality ${qos}`, { qos });
        const { payload, qos: delivered } = await message;
        seen.push(`${payload}, delivered ${delivered}`);
      }
      return { granted: granted.map(({ qos }) => qos), seen };
    }),

  parallel: (connect) =>
    withClient(connect, secure, {}, (subscriber) =>
      withClient(connect, secure, {}, async (publisher) => {
        const count = 500;
        const bodies = [];
        const all = new Promise((resolve) => {
          subscriber.on('message', (_topic, body) => {
            if (bodies.push(body.toString()) === count) resolve();
          });
        });
        await subscriber.subscribeAsync(`${KIND}/many/#`, { qos: 1 });
        const numbers = Array.from({ length: count }, (_, i) => i);
        await Promise.all(
          numbers.map((i) => publisher.publishAsync(`${KIND}/many/${i}`, `${i}`, { qos: 1 })),
        );
        await all;
        return bodies.every((body, i) => body === `${i}`);
      }),
    ),

  /** Up, kept by the broker, and down again. */
  large: (connect) =>
    withClient(connect, secure, {}, async (client) => {
      const bytes = randomBytes(10 * 1024 * 1024);
      await client.publishAsync(`${KIND}/large`, bytes, { qos: 1, retain: true });
      const message = nextMessage(client);
      await client.subscribeAsync(`${KIND}/large`);
      const { payload, retain } = await message;
      await client.publishAsync(`${KIND}/large`, '', { retain: true });
      return { length: payload.length, retain, intact: sum(payload) === sum(bytes) };
    }),

  /** The connection breaks without a goodbye. */
  will: (connect) =>
    withClient(connect, secure, {}, async (heir) => {
      await heir.subscribeAsync(`${KIND}/will`);
      const message = nextMessage(heir);
      const will = { topic: `${KIND}/will`, payload: 'farewell', qos: 1 };
      await withClient(connect, secure, { will, reconnectPeriod: 0 }, async (client) => {
        client.stream.destroy();
        await once(client, 'close');
      });
      return (await message).payload.toString();
    }),

  keepalive: (connect) =>
    withClient(connect, secure, { keepalive: 1 }, async (client) => {
      await new Promise((resolve) => {
        client.on('packetreceive', ({ cmd }) => cmd === 'pingresp' && resolve());
      });
      return client.connected;
    }),

  /** The broker ends the connection, the client connects again, and has its subscriptions again. */
  reconnection: (connect) =>
    withClient(connect, secure, { reconnectPeriod: 10 }, async (client) => {
      await client.subscribeAsync(`${KIND}/after`, { qos: 1 });
      const events = [];
      for (const name of ['close', 'reconnect', 'connect']) client.on(name, () => events.push(name));
      const again = once(client, 'connect');
      breakProtocol(client);
      await again;
      const message = nextMessage(client);
      await client.publishAsync(`${KIND}/after`, 'still subscribed', { qos: 1 });
      return { events: [...events], message: (await message).payload.toString() };
    }),

  killed: (connect) =>
    withClient(connect, secure, { reconnectPeriod: 0 }, async (client) => {
      const closed = once(client, 'close');
      breakProtocol(client);
      await closed;
      return { connected: client.connected, destroyed: client.stream.destroyed };
    }),

  /** What is published without a connection waits for the next one. */
  queued: (connect) =>
    withClient(connect, secure, {}, (subscriber) =>
      withClient(connect, secure, { reconnectPeriod: 10 }, async (publisher) => {
        await subscriber.subscribeAsync(`${KIND}/queued`);
        const message = nextMessage(subscriber);
        publisher.stream.destroy();
        await once(publisher, 'close');
        await publisher.publishAsync(`${KIND}/queued`, 'patience', { qos: 1 });
        return (await message).payload.toString();
      }),
    ),

  wrongPassword: (connect) => failureOf(connect, secure, { password: 'wrong' }),

  refused: (connect) => failureOf(connect, { host: '127.0.0.1', port: closedPort }),

  unknownAuthority: (connect) => failureOf(connect, { ...secure, ca: STRANGER_CA }),

  wrongName: (connect) => failureOf(connect, { ...secure, host: '127.0.0.1' }),

  silence: (connect) =>
    failureOf(connect, { port: silentPort, secureTransport: 'on' }, { connectTimeout: 100 }),

  async forced(connect) {
    const client = await open(connect, secure, {});
    await client.endAsync(true);
    return client.stream.destroyed;
  },
};

async function connection(client) {
  const { stream } = client;
  return {
    connected: client.connected,
    remotePort: stream.remotePort,
    encrypted: stream.encrypted === true,
    authorized: stream.authorized === true,
  };
}

function create(connect, place, options) {
  const defaults = { username: MQTT_USER, password: MQTT_PASSWORD, keepalive: 0 };
  return new mqtt.MqttClient(() => connect({ host: 'localhost', ...place }), { ...defaults, ...options });
}

async function open(connect, place, options) {
  const client = create(connect, place, options);
  await once(client, 'connect');
  client.on('error', () => {});
  return client;
}

/** Runs `work` with a client and ends it. */
async function withClient(connect, place, options, work) {
  const client = await open(connect, place, options);
  try {
    return await work(client);
  } finally {
    await client.endAsync();
  }
}

/** No packet begins so: the broker ends the connection. */
function breakProtocol(client) {
  client.stream.write(Buffer.from([0, 0]));
}

/** Throws what the client's user is told. */
async function failureOf(connect, place, options) {
  const client = create(connect, place, { reconnectPeriod: 0, ...options });
  const [error] = await once(client, 'error');
  await client.endAsync(true);
  throw error;
}

async function nextMessage(client) {
  const [topic, payload, { qos, retain, properties }] = await once(client, 'message');
  return { topic, payload, qos, retain, userProperties: properties?.userProperties };
}

function sum(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}
