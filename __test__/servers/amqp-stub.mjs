/**
 * As much of an AMQP 0-9-1 broker as its client's sockets need: PLAIN, channels, queues in memory, fanout exchanges, consumers,
 * confirms. Not a broker: nothing is redelivered, nobody is told to wait. Methods are read and written by the client's own codec.
 * Types: amqp-stub.d.mts.
 */
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startStub } from './stub.mjs';

const require = createRequire(import.meta.url);
const codec = require(join(dirname(require.resolve('amqplib')), 'lib', 'defs.js'));

const METHOD = 1;
const HEADER = 2;
const BODY = 3;
const FRAME_END = 0xce;
const frameMax = 131_072;
const greeting = 8; // "AMQP" and a version

export async function startAmqpStub({ credentials, user, password }) {
  const broker = { user, password, queues: new Map(), bindings: new Map(), named: 0 };
  return startStub({ credentials }, (socket) => {
    new Session(socket, broker).run().catch(() => socket.destroy()); // it has been cut off
  });
}

class Session {
  #socket;
  #broker;
  /** By channel: what is being published there, and how many confirms it has had, if it wants any. */
  #channels = new Map();
  #tags = 0;

  constructor(socket, broker) {
    this.#socket = socket;
    this.#broker = broker;
  }

  async run() {
    let greeted = false;
    let rest = Buffer.alloc(0);
    for await (const chunk of this.#socket) {
      rest = Buffer.concat([rest, chunk]);
      if (!greeted && rest.length >= greeting) {
        greeted = true;
        rest = rest.subarray(greeting);
        this.#say(0, 'ConnectionStart', { serverProperties: {} });
      }
      while (greeted && rest.length >= 7 && rest.length >= rest.readUInt32BE(3) + 8) {
        const size = rest.readUInt32BE(3);
        this.#frame(rest[0], rest.readUInt16BE(1), rest.subarray(7, 7 + size));
        rest = rest.subarray(size + 8);
      }
    }
    this.#socket.end();
  }

  #say(channel, method, fields = {}) {
    this.#socket.write(codec.encodeMethod(codec[method], channel, fields));
  }

  #frame(type, channel, payload) {
    if (type === METHOD) {
      const id = payload.readUInt32BE(0);
      const { name } = codec.info(id);
      const answer = this[name]?.(codec.decode(id, payload.subarray(4)), channel);
      if (answer) this.#say(channel, `${name}Ok`, answer);
      return;
    }
    const state = this.#channels.get(channel);
    if (type === HEADER) {
      Object.assign(state.message, {
        header: Buffer.from(payload),
        left: Number(payload.readBigUInt64BE(4)),
      });
    } else if (type === BODY) {
      state.message.parts.push(Buffer.from(payload));
      state.message.left -= payload.length;
    }
    if (state?.message?.left === 0) this.#published(state, channel);
  }

  ConnectionStartOk({ response }) {
    const { user, password } = this.#broker;
    if (response.toString() === `\0${user}\0${password}`) {
      this.#say(0, 'ConnectionTune', { channelMax: 100, frameMax, heartbeat: 0 });
    } else {
      this.#say(0, 'ConnectionClose', {
        replyCode: 403,
        replyText: 'ACCESS_REFUSED',
        classId: 0,
        methodId: 0,
      });
    }
  }

  ConnectionOpen = () => ({ knownHosts: '' });

  ConnectionClose() {
    this.#say(0, 'ConnectionCloseOk');
    this.#socket.end();
  }

  ConnectionCloseOk() {
    this.#socket.end();
  }

  ChannelOpen(_, channel) {
    this.#channels.set(channel, { message: undefined, confirmed: undefined });
    return { channelId: Buffer.alloc(0) };
  }

  ChannelClose(_, channel) {
    for (const queue of this.#broker.queues.values()) {
      queue.consumers = queue.consumers.filter((one) => one.session !== this || one.channel !== channel);
    }
    return {};
  }

  ConfirmSelect(_, channel) {
    this.#channels.get(channel).confirmed = 0;
    return {};
  }

  BasicQos = () => ({});

  ExchangeDeclare = () => ({});

  QueueDeclare({ queue: wanted }) {
    const { queues } = this.#broker;
    const queue = wanted || `unnamed-${++this.#broker.named}`;
    if (!queues.has(queue)) queues.set(queue, { messages: [], consumers: [] });
    const { messages, consumers } = queues.get(queue);
    return { queue, messageCount: messages.length, consumerCount: consumers.length };
  }

  QueueBind({ queue, exchange }) {
    const { bindings } = this.#broker;
    bindings.set(exchange, [...(bindings.get(exchange) ?? []), queue]);
    return {};
  }

  BasicConsume({ queue: name, consumerTag: wanted }, channel) {
    const consumerTag = wanted || `consumer-${++this.#broker.named}`;
    const queue = this.#broker.queues.get(name);
    queue.consumers.push({ session: this, channel, consumerTag });
    this.#say(channel, 'BasicConsumeOk', { consumerTag });
    for (const message of queue.messages.splice(0)) deliver(queue, message);
  }

  BasicCancel({ consumerTag }) {
    for (const queue of this.#broker.queues.values()) {
      queue.consumers = queue.consumers.filter((one) => one.consumerTag !== consumerTag);
    }
    return { consumerTag };
  }

  BasicGet({ queue }, channel) {
    const { messages } = this.#broker.queues.get(queue);
    const message = messages.shift();
    if (message === undefined) return this.#say(channel, 'BasicGetEmpty', { clusterId: '' });
    const { exchange, routingKey } = message;
    const about = { deliveryTag: ++this.#tags, redelivered: false, messageCount: messages.length };
    this.#say(channel, 'BasicGetOk', { ...about, exchange, routingKey });
    this.#content(channel, message);
  }

  /** What follows is its content. */
  BasicPublish({ exchange, routingKey }, channel) {
    // Cut off in the middle, without a word.
    if (routingKey === 'sever') this.#socket.destroy();
    this.#channels.get(channel).message = { exchange, routingKey, parts: [], left: undefined };
  }

  #published(state, channel) {
    const { message } = state;
    state.message = undefined;
    const { queues, bindings } = this.#broker;
    const names = message.exchange === '' ? [message.routingKey] : (bindings.get(message.exchange) ?? []);
    for (const name of names) if (queues.has(name)) deliver(queues.get(name), message);
    if (state.confirmed === undefined) return;
    state.confirmed += 1;
    this.#say(channel, 'BasicAck', { deliveryTag: state.confirmed, multiple: false });
  }

  give(channel, consumerTag, message) {
    const { exchange, routingKey } = message;
    const deliveryTag = ++this.#tags;
    this.#say(channel, 'BasicDeliver', {
      consumerTag,
      deliveryTag,
      redelivered: false,
      exchange,
      routingKey,
    });
    this.#content(channel, message);
  }

  #content(channel, { header, parts }) {
    this.#socket.write(framed(HEADER, channel, header));
    const body = Buffer.concat(parts);
    for (let at = 0; at < body.length; at += frameMax - 8) {
      this.#socket.write(framed(BODY, channel, body.subarray(at, at + frameMax - 8)));
    }
  }
}

/** To the consumer whose turn it is, or into the queue. */
function deliver(queue, message) {
  const consumer = queue.consumers.shift();
  if (consumer === undefined) {
    queue.messages.push(message);
    return;
  }
  queue.consumers.push(consumer);
  consumer.session.give(consumer.channel, consumer.consumerTag, message);
}

function framed(type, channel, payload) {
  const head = Buffer.alloc(7);
  head[0] = type;
  head.writeUInt16BE(channel, 1);
  head.writeUInt32BE(payload.length, 3);
  return Buffer.concat([head, payload, Buffer.from([FRAME_END])]);
}
