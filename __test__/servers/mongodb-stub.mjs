/**
 * As much of MongoDB as its driver's sockets need: the wire protocol (OP_MSG, and OP_QUERY for the greeting), SCRAM-SHA-256, and documents in
 * memory that are found by `_id` or all together. Not a database. Types: mongodb-stub.d.mts.
 */
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { BSON } from 'mongodb';
import { startStub } from './stub.mjs';

const OP_REPLY = 1;
const OP_QUERY = 2004;
const OP_MSG = 2013;
const greetings = new Set(['hello', 'ismaster', 'isMaster']);
const iterations = 4096;

export async function startMongoStub({ credentials, user, password }) {
  const collections = new Map();
  let accepted = 0;
  return startStub({ credentials }, (socket) => {
    accepted += 1;
    serve(socket, { id: accepted, user, password, collections, login: undefined });
  });
}

async function serve(socket, session) {
  try {
    for await (const { id, opcode, body } of messagesOf(socket)) {
      const request = opcode === OP_QUERY ? readQuery(body) : readMessage(body);
      if (opcode !== OP_QUERY && opcode !== OP_MSG) throw new Error(`opcode ${opcode}`);
      if (request.sever) return socket.destroy();
      if (request.wait) await once(socket, 'close');
      const answer = BSON.serialize(answerTo(request, session));
      const head = opcode === OP_QUERY ? replyHead() : Buffer.alloc(5);
      socket.write(framed(id, opcode === OP_QUERY ? OP_REPLY : OP_MSG, [head, answer]));
    }
    socket.end();
  } catch {
    socket.destroy(); // it has been cut off
  }
}

async function* messagesOf(socket) {
  let chunks = [];
  let length = 0;
  for await (const chunk of socket) {
    chunks.push(chunk);
    length += chunk.length;
    while (length >= 4) {
      // Put together only when a message is whole: one of megabytes comes in many pieces.
      if (chunks[0].length < 4) chunks = [Buffer.concat(chunks)];
      const size = chunks[0].readInt32LE(0);
      if (length < size) break;
      const all = Buffer.concat(chunks);
      yield { id: all.readInt32LE(4), opcode: all.readInt32LE(12), body: all.subarray(16, size) };
      chunks = [all.subarray(size)];
      length -= size;
    }
  }
}

/** Flags, the collection's name up to a zero, two numbers, the document. */
function readQuery(body) {
  return BSON.deserialize(body.subarray(body.indexOf(0, 4) + 9));
}

/** Flags, then sections: 0 is the command, 1 a list of documents for one of its fields. */
function readMessage(body) {
  let request = {};
  const lists = {};
  for (let at = 4; at < body.length; ) {
    const size = body.readInt32LE(at + 1);
    const section = body.subarray(at + 1, at + 1 + size);
    if (body[at] === 0) {
      request = BSON.deserialize(section);
    } else {
      const end = section.indexOf(0, 4);
      lists[section.toString('utf8', 4, end)] = documentsIn(section.subarray(end + 1));
    }
    at += 1 + size;
  }
  return { ...request, ...lists };
}

function documentsIn(bytes) {
  const documents = [];
  for (let at = 0; at < bytes.length; at += bytes.readInt32LE(at)) {
    documents.push(
      BSON.deserialize(bytes.subarray(at, at + bytes.readInt32LE(at)), { promoteBuffers: true }),
    );
  }
  return documents;
}

/** Flags, a cursor, the first document's number, how many. */
function replyHead() {
  const head = Buffer.alloc(20);
  head.writeInt32LE(1, 16);
  return head;
}

function framed(answerTo, opcode, parts) {
  const head = Buffer.alloc(16);
  head.writeInt32LE(16 + parts.reduce((sum, { length }) => sum + length, 0), 0);
  head.writeInt32LE(answerTo, 8);
  head.writeInt32LE(opcode, 12);
  return Buffer.concat([head, ...parts]);
}

function answerTo(request, session) {
  const [command = ''] = Object.keys(request);
  if (greetings.has(command)) return greeting(request, session);
  if (command === 'saslStart' || command === 'saslContinue')
    return { ok: 1, ...authenticate(request, session) };
  if (!session.login?.done) return { ok: 0, code: 13, codeName: 'Unauthorized', errmsg: 'not logged in' };
  const perform = commands[command];
  if (!perform)
    return { ok: 0, code: 59, codeName: 'CommandNotFound', errmsg: `no such command: ${command}` };
  return { ...perform(request, session), ok: 1 };
}

function greeting(request, session) {
  const { user, id } = session;
  const speculative =
    request.speculativeAuthenticate && authenticate(request.speculativeAuthenticate, session);
  return {
    helloOk: true,
    ismaster: true,
    isWritablePrimary: true,
    maxBsonObjectSize: 16 * 1024 * 1024,
    maxMessageSizeBytes: 48_000_000,
    maxWriteBatchSize: 100_000,
    localTime: new Date(),
    minWireVersion: 0,
    maxWireVersion: 25,
    readOnly: false,
    connectionId: id,
    ...(request.saslSupportedMechs === `admin.${user}` && { saslSupportedMechs: ['SCRAM-SHA-256'] }),
    ...(speculative?.conversationId && { speculativeAuthenticate: speculative }),
    ok: 1,
  };
}

const commands = {
  ping: () => ({}),
  endSessions: () => ({}),
  connectionStatus: (_, { id }) => ({ id }),
  insert: ({ insert, documents }, { collections }) => {
    const collection = collections.get(insert) ?? [];
    collections.set(insert, collection.concat(documents));
    return { n: documents.length };
  },
  delete: ({ delete: name }, { collections }) => {
    const n = collections.get(name)?.length ?? 0;
    collections.delete(name);
    return { n };
  },
  find: ({ find, filter = {}, batchSize = 101, limit }, { collections }) => {
    const all = (collections.get(find) ?? []).filter(({ _id }) => !('_id' in filter) || _id === filter._id);
    const found = limit ? all.slice(0, Math.abs(limit)) : all;
    collections.set('rest', found.slice(batchSize));
    return { cursor: cursor(find, found, batchSize, 'firstBatch') };
  },
  getMore: ({ collection, batchSize = 101 }, { collections }) => {
    const rest = collections.get('rest') ?? [];
    collections.set('rest', rest.slice(batchSize));
    return { cursor: cursor(collection, rest, batchSize, 'nextBatch') };
  },
};

/** There is one at a time. */
function cursor(collection, documents, size, member) {
  const id = BSON.Long.fromNumber(documents.length > size ? 1 : 0);
  return { id, ns: `test.${collection}`, [member]: documents.slice(0, size) };
}

/** RFC 5802. What it throws ends the connection. */
function authenticate({ saslStart, payload }, session) {
  const message = Buffer.from(payload.buffer ?? payload).toString();
  const answer = (text, done) => ({ conversationId: 1, done, payload: new BSON.Binary(Buffer.from(text)) });
  if (saslStart) {
    const bare = message.replace(/^n,,/, '');
    const salt = randomBytes(16);
    const first = `r=${/r=(.*)$/.exec(bare)?.[1]}${randomBytes(12).toString('base64')},s=${salt.toString('base64')},i=${iterations}`;
    session.login = { done: false, known: bare.startsWith(`n=${session.user},`), bare, salt, first };
    return answer(first, false);
  }
  const { bare, salt, first, known } = session.login;
  const [, withoutProof, proof] = /^(.*),p=(.*)$/.exec(message) ?? [];
  const salted = pbkdf2Sync(session.password, salt, iterations, 32, 'sha256');
  const said = `${bare},${first},${withoutProof}`;
  const clientKey = hmac(salted, 'Client Key');
  const signature = hmac(createHash('sha256').update(clientKey).digest(), said);
  const expected = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0))).toString('base64');
  if (!known || proof !== expected)
    return { ok: 0, code: 18, codeName: 'AuthenticationFailed', errmsg: 'Authentication failed.' };
  session.login.done = true;
  return answer(`v=${hmac(hmac(salted, 'Server Key'), said).toString('base64')}`, true);
}

function hmac(key, text) {
  return createHmac('sha256', key).update(text).digest();
}
