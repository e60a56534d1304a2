/**
 * What a client sees of a SQL Server, as far as it can be had without one: pre-login, TLS within it (TDS 7) or before it (TDS 8), login with user and
 * password, and a few batches of text that are answered as SQL Server would. It knows no SQL. Types: tds-stub.d.mts.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { Duplex } from 'node:stream';
import tls from 'node:tls';

/** The types of messages. */
const BATCH = 1;
const RESULT = 4;
const ATTENTION = 6;
const LOGIN = 16;
const PRELOGIN = 18;

const maxPacket = 4096;
/** Of the values of the pre-login's option ENCRYPTION. */
const encryptionOn = 1;
const encryptionUnsupported = 2;

export async function startTdsStub({ credentials, password = randomUUID() }) {
  const user = 'tester';
  const context = { cert: credentials.chainPem, key: credentials.keyPem };
  const sockets = new Set();
  const session = (socket, tunnel) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    new Session(socket, { user, password, context: tunnel && context });
  };
  const servers = [
    createServer((socket) => session(socket, true)),
    tls.createServer({ ...context, ALPNProtocols: ['tds/8.0'] }, (socket) => session(socket, false)),
  ];
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');
  const [port, strictPort] = servers.map((server) => server.address().port);
  const stop = async () => {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  return { port, strictPort, user, password, stop, [Symbol.asyncDispose]: stop };
}

/** One connection. */
class Session {
  #socket;
  #options;
  /** TLS within pre-login messages, while it is agreed on. */
  #tunnel;
  /** What is in the tunnel. */
  #cleartext;
  #unread = Buffer.alloc(0);
  #message = [];

  constructor(socket, options) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (data) => this.#read(data));
  }

  #read(data) {
    // After the handshake, records come as they are. The types of records are none of messages.
    if (this.#tunnel && this.#unread.length === 0 && data[0] >= 20 && data[0] <= 23) this.#tunnel.open = true;
    if (this.#tunnel?.open) this.#tunnel.push(data);
    else this.#take(data);
  }

  /** Cuts packets, and joins them to messages. */
  #take(data) {
    this.#unread = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data]);
    while (this.#unread.length >= 8) {
      const length = this.#unread.readUInt16BE(2);
      if (this.#unread.length < length) return;
      const [type, status] = this.#unread;
      this.#message.push(this.#unread.subarray(8, length));
      this.#unread = this.#unread.subarray(length);
      if ((status & 1) === 0) continue;
      const message = Buffer.concat(this.#message);
      this.#message = [];
      this.#answer(type, message);
    }
  }

  #answer(type, message) {
    if (type === PRELOGIN && this.#tunnel) this.#tunnel.push(message);
    else if (type === PRELOGIN) this.#prelogin(message);
    else if (type === LOGIN) this.#login(message);
    else if (type === ATTENTION) this.#cancel();
    else if (type === BATCH) this.#batch(message);
    else this.#socket.destroy();
  }

  #prelogin(message) {
    const encrypt = preloginEncryption(message) === encryptionOn && this.#options.context !== undefined;
    const version = Buffer.from([16, 0, 0, 0, 0, 0]);
    const encryption = Buffer.from([encrypt ? encryptionOn : encryptionUnsupported]);
    const head = Buffer.from([0, 0, 11, 0, 6, 1, 0, 17, 0, 1, 0xff]);
    this.#send(Buffer.concat([head, version, encryption]));
    if (encrypt) this.#encrypt();
  }

  #encrypt() {
    const tunnel = new Tunnel((records) => {
      if (tunnel.open) this.#socket.write(records);
      else this.#write(PRELOGIN, records, { to: this.#socket });
    });
    this.#tunnel = tunnel;
    const cleartext = new tls.TLSSocket(tunnel, { isServer: true, ...this.#options.context });
    cleartext.on('data', (data) => this.#take(data)).on('error', () => this.#socket.destroy());
    this.#cleartext = cleartext;
  }

  #login(message) {
    const text = (at) => {
      const [offset, length] = [message.readUInt16LE(at), message.readUInt16LE(at + 2) * 2];
      return message.subarray(offset, offset + length);
    };
    const user = text(40).toString('utf16le');
    const password = Buffer.from(text(44)).map((byte) => ((byte ^ 0xa5) >> 4) | (((byte ^ 0xa5) & 15) << 4));
    if (user !== this.#options.user || password.toString('utf16le') !== this.#options.password) {
      this.#send(failed(18_456, 14, `Login failed for user '${user}'.`), done(2));
      return;
    }
    const name = ucs2('Stub', 1);
    const body = Buffer.concat([Buffer.from([1, 0x74, 0, 0, 4]), name, Buffer.from([16, 0, 0, 0])]);
    this.#send(token(0xad, body), done(0));
  }

  /** After its headers, a batch is text. */
  #batch(message) {
    const text = message.subarray(message.readUInt32LE(0)).toString('utf16le');
    const [verb, argument = ''] = text.trim().split(' ', 2);
    if (verb === 'rows') this.#send(...rows(Number(argument)));
    else if (verb === 'digest') {
      const sum = createHash('sha256').update(text).digest('hex');
      this.#send(columns, row(text.length, sum), done(0x10, 1));
    } else if (verb === 'encrypted') {
      const socket = this.#cleartext ?? this.#socket;
      this.#send(columns, row(socket.encrypted ? 1 : 0, String(socket.alpnProtocol)), done(0x10, 1));
    } else if (verb === 'fail') this.#send(failed(208, 16, "Invalid object name 'nothing'."), done(2));
    else if (verb === 'die') this.#socket.destroy();
    else if (text === 'SELECT 42 AS answer') this.#send(columns, row(42, ''), done(0x10, 1));
    else if (verb === 'wait') this.#start(columns, row(0, 'the first of many'));
    else this.#send(done(0));
  }

  /** Ends the answer that was going on, and acknowledges. */
  #cancel() {
    this.#send(done(0));
    this.#send(done(0x20));
  }

  /** The beginning of an answer. */
  #start(...tokens) {
    this.#write(RESULT, Buffer.concat(tokens), { last: false });
  }

  #send(...tokens) {
    this.#write(RESULT, Buffer.concat(tokens));
  }

  #write(type, data, { last = true, to = this.#cleartext ?? this.#socket } = {}) {
    const packets = [];
    const size = maxPacket - 8;
    for (let at = 0; at < data.length || at === 0; at += size) {
      const part = data.subarray(at, at + size);
      const header = Buffer.from([type, last && at + size >= data.length ? 1 : 0, 0, 0, 0, 0, 1, 0]);
      header.writeUInt16BE(part.length + 8, 2);
      packets.push(header, part);
    }
    to.write(Buffer.concat(packets));
  }
}

/** Carries the records of a handshake in messages, one for each that came, and those after it as they are. */
class Tunnel extends Duplex {
  open = false;
  #send;
  #records = [];

  constructor(send) {
    super();
    this.#send = send;
  }

  _read() {}

  _write(records, _encoding, callback) {
    if (this.open) this.#send(records);
    else if (this.#records.push(records) === 1) setImmediate(() => this.#flush());
    callback();
  }

  #flush() {
    this.#send(Buffer.concat(this.#records.splice(0)));
  }
}

function preloginEncryption(message) {
  for (let at = 0; message[at] !== 0xff; at += 5) {
    if (message[at] === 1) return message[message.readUInt16BE(at + 1)];
  }
  return encryptionUnsupported;
}

/** Text with its length in characters before it, in one byte or two. */
function ucs2(text, lengthBytes) {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntLE(text.length, 0, lengthBytes);
  return Buffer.concat([length, Buffer.from(text, 'utf16le')]);
}

function token(type, body) {
  const head = Buffer.from([type, 0, 0]);
  head.writeUInt16LE(body.length, 1);
  return Buffer.concat([head, body]);
}

function failed(number, severity, message) {
  const head = Buffer.alloc(6);
  head.writeUInt32LE(number);
  head.set([1, severity], 4);
  return token(0xaa, Buffer.concat([head, ucs2(message, 2), ucs2('stub', 1), ucs2('', 1), Buffer.alloc(4)]));
}

function done(status, count = 0) {
  const body = Buffer.alloc(13);
  body[0] = 0xfd;
  body.writeUInt16LE(status, 1);
  body.writeUInt32LE(count, 5);
  return body;
}

/** The columns of all answers: `id INT NOT NULL, line NVARCHAR(4000) NOT NULL`. */
const columns = Buffer.concat([
  Buffer.from([0x81, 2, 0]),
  Buffer.from([0, 0, 0, 0, 0, 0, 0x38]),
  ucs2('id', 1),
  Buffer.from([0, 0, 0, 0, 0, 0, 0xe7, 0x40, 0x1f, 9, 4, 0xd0, 0, 0x34]),
  ucs2('line', 1),
]);

function row(id, line) {
  const head = Buffer.alloc(7);
  head[0] = 0xd1;
  head.writeInt32LE(id, 1);
  head.writeUInt16LE(line.length * 2, 5);
  return Buffer.concat([head, Buffer.from(line, 'utf16le')]);
}

/** Rows of 1 KiB of text, each with its own number. */
function rows(count) {
  const lines = Array.from({ length: count }, (_, i) => row(i, String(i).padStart(512, 'x')));
  return [columns, ...lines, done(0x10, count)];
}
