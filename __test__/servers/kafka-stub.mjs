/**
 * No Kafka, but what kafkajs sees of one broker: topics of one partition in memory, groups of one member, SASL PLAIN.
 * Records stay in the bytes of the batch that they came in. Types: kafka-stub.d.mts.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { Reader, Writer } from './kafka-stub-wire.mjs';

const account = { user: 'alice', password: 'correct horse' };

/** By key: the version that is spoken, which is the only one on offer, and the answer. */
const apis = {
  0: { version: 3, answer: produce },
  1: { version: 4, answer: fetch },
  2: { version: 1, answer: listOffsets },
  3: { version: 1, answer: metadata },
  8: { version: 2, answer: commitOffsets },
  9: { version: 1, answer: fetchOffsets },
  10: { version: 0, answer: findCoordinator },
  11: { version: 0, answer: joinGroup },
  12: { version: 0, answer: (_, answer) => answer.int16(0) },
  13: { version: 0, answer: (_, answer) => answer.int16(0) },
  14: { version: 0, answer: syncGroup },
  17: { version: 1, answer: (_, answer) => answer.int16(0).array(['PLAIN'], (name) => answer.string(name)) },
  18: { version: 1, answer: apiVersions },
  36: { version: 0, answer: authenticate },
};

export async function startKafkaStub({ credentials }) {
  const topics = new Map();
  const offsets = new Map();
  const topic = (name) => {
    if (!topics.has(name)) topics.set(name, { batches: [], end: 0n, waiting: new Set(), broken: false });
    return topics.get(name);
  };
  const sockets = new Set();
  const serve = async (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    const session = { socket, port: socket.localPort, topic, offsets, loggedIn: false };
    try {
      await converse(session);
    } finally {
      socket.destroy();
    }
  };
  const { chainPem: cert, keyPem: key } = credentials;
  const servers = [createServer(serve), createSecureServer({ cert, key }, serve)];
  for (const server of servers) {
    server.on('tlsClientError', () => {}).listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const [port, tlsPort] = servers.map((server) => server.address().port);
  const stop = async () => {
    const closed = servers.map((server) => once(server.close(), 'close'));
    for (const socket of sockets) socket.destroy();
    await Promise.all(closed);
  };
  return { port, tlsPort, ...account, stop, [Symbol.asyncDispose]: stop };
}

/** Answers one request after the other: Kafka's answers are in order. */
async function converse(session) {
  const { socket } = session;
  const chunks = [];
  let length = 0;
  try {
    for await (const chunk of socket) {
      length += chunk.length;
      chunks.push(chunk);
      // Joined only when something is complete, or ten megabytes would be copied once a chunk.
      while (length >= 4 && length - 4 >= sizeOf(chunks)) {
        const bytes = Buffer.concat(chunks.splice(0));
        const end = 4 + bytes.readInt32BE(0);
        chunks.push(bytes.subarray(end));
        length -= end;
        await answerTo(bytes.subarray(4, end), session);
      }
    }
  } catch (error) {
    if (!socket.destroyed) throw error;
  }
}

function sizeOf(chunks) {
  if (chunks[0].length < 4) chunks.splice(0, chunks.length, Buffer.concat(chunks));
  return chunks[0].readInt32BE(0);
}

async function answerTo(bytes, session) {
  const request = new Reader(bytes);
  const [key, version, id] = [request.int16(), request.int16(), request.int32()];
  request.string();
  const api = apis[key];
  if (!session.loggedIn && ![17, 18, 36].includes(key)) return session.socket.destroy();
  const answer = new Writer().int32(id);
  // Another version than that on offer: only those may be asked for in any.
  if (key === 18 && version !== api.version) answer.int16(35).int32(0);
  else if ((await api.answer(request, answer, session)) === null) return;
  session.socket.write(answer.framed());
}

function apiVersions(_, answer) {
  answer.int16(0);
  answer.array(Object.entries(apis), ([key, { version }]) => {
    answer.int16(Number(key)).int16(version).int16(version);
  });
  answer.int32(0);
}

function authenticate(request, answer, session) {
  const [, user, password] = request.bytes().toString().split('\0');
  session.loggedIn = user === account.user && password === account.password;
  if (session.loggedIn) answer.int16(0).string(null).bytes(Buffer.alloc(0));
  else answer.int16(58).string('wrong user or password').bytes(Buffer.alloc(0));
}

function metadata(request, answer, { port, topic }) {
  const names = request.array(() => request.string());
  names.forEach(topic);
  answer.array([0], () => answer.int32(0).string('localhost').int32(port).string(null)).int32(0);
  answer.array(names, (name) => {
    answer.int16(0).string(name).int8(0);
    answer.array([0], (partition) => {
      answer.int16(0).int32(partition).int32(0);
      for (const _ of ['replicas', 'in sync']) answer.array([0], (node) => answer.int32(node));
    });
  });
}

function produce(request, answer, { socket, topic }) {
  request.string();
  const acks = request.int16();
  request.int32();
  const results = request.array(() => {
    const name = request.string();
    const partitions = request.array(() => ({ partition: request.int32(), batch: request.bytes() }));
    return { name, partitions };
  });
  // The topics that break, once each, before anything is written.
  const breaking = results
    .map(({ name }) => topic(name))
    .find((_, i) => results[i].name.startsWith('broken'));
  if (breaking && !breaking.broken) {
    breaking.broken = true;
    socket.destroy();
    return null;
  }
  answer.array(results, ({ name, partitions }) => {
    answer.string(name);
    answer.array(partitions, ({ partition, batch }) => {
      answer
        .int32(partition)
        .int16(0)
        .int64(append(topic(name), batch))
        .int64(-1n);
    });
  });
  answer.int32(0);
  return acks === 0 ? null : undefined;
}

/** @returns the offset of its first record */
function append(topic, bytes) {
  const base = topic.end;
  const batch = Buffer.from(bytes);
  batch.writeBigInt64BE(base, 0);
  topic.end += BigInt(batch.readInt32BE(23) + 1);
  topic.batches.push({ end: topic.end, batch });
  for (const wake of topic.waiting) wake();
  return base;
}

async function fetch(request, answer, { topic }) {
  request.int32();
  const patience = request.int32();
  request.skip(9);
  const wanted = request.array(() => {
    const name = request.string();
    const partitions = request.array(() => {
      const at = { partition: request.int32(), offset: request.int64() };
      request.int32();
      return at;
    });
    return { name, partitions };
  });
  const pending = wanted.map(({ name, partitions: [at] }) => ({ ...topic(name), offset: at.offset }));
  if (pending.every(({ end, offset }) => end <= offset)) {
    await news(
      wanted.map(({ name }) => topic(name)),
      patience,
    );
  }
  answer.int32(0);
  answer.array(wanted, ({ name, partitions }) => {
    const { batches, end } = topic(name);
    answer.string(name);
    answer.array(partitions, ({ partition, offset }) => {
      const batch = batches.find((batch) => batch.end > offset)?.batch ?? Buffer.alloc(0);
      answer.int32(partition).int16(0).int64(end).int64(end).int32(0).bytes(batch);
    });
  });
}

/** Resolves when one of them gets records, after `patience` milliseconds at the latest. */
async function news(topics, patience) {
  const { promise, resolve } = withResolvers();
  const timer = setTimeout(resolve, patience);
  for (const { waiting } of topics) waiting.add(resolve);
  await promise;
  clearTimeout(timer);
  for (const { waiting } of topics) waiting.delete(resolve);
}

function withResolvers() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

function listOffsets(request, answer, { topic }) {
  request.int32();
  const earliest = -2n;
  answerPartitions(request, answer, (name) => {
    const time = request.int64();
    return () =>
      answer
        .int16(0)
        .int64(-1n)
        .int64(time === earliest ? 0n : topic(name).end);
  });
}

function fetchOffsets(request, answer, { offsets }) {
  const group = request.string();
  answerPartitions(request, answer, (name) => () => {
    answer
      .int64(offsets.get(`${group} ${name}`) ?? -1n)
      .string(null)
      .int16(0);
  });
}

function commitOffsets(request, answer, { offsets }) {
  const group = request.string();
  request.int32();
  request.string();
  request.int64();
  answerPartitions(request, answer, (name) => {
    offsets.set(`${group} ${name}`, request.int64());
    request.string();
    return () => answer.int16(0);
  });
}

/** Topics and partitions as in the request. `read` reads a partition and returns what writes its answer. */
function answerPartitions(request, answer, read) {
  const topics = request.array(() => {
    const name = request.string();
    return { name, partitions: request.array(() => ({ number: request.int32(), write: read(name) })) };
  });
  answer.array(topics, ({ name, partitions }) => {
    answer.string(name).array(partitions, ({ number, write }) => {
      answer.int32(number);
      write();
    });
  });
}

function findCoordinator(_, answer, { port }) {
  answer.int16(0).int32(0).string('localhost').int32(port);
}

function joinGroup(request, answer) {
  request.string();
  request.int32();
  const member = request.string() || 'the member';
  request.string();
  const [protocol] = request.array(() => ({ name: request.string(), metadata: request.bytes() }));
  answer.int16(0).int32(1).string(protocol.name).string(member).string(member);
  answer.array([protocol], ({ metadata }) => answer.string(member).bytes(metadata));
}

function syncGroup(request, answer) {
  request.string();
  request.int32();
  request.string();
  const [assignment] = request.array(() => {
    request.string();
    return request.bytes();
  });
  answer.int16(0).bytes(assignment ?? Buffer.alloc(0));
}
