/** What can go wrong on the wire, by name: what the peer, or the user, then does. */
import { slowness } from '../fixtures/environment.mjs';
import { Handshake } from './handshake.mjs';
import { DEADLINE } from './ledger.mjs';
import { message, newSessionTicket } from './messages.mjs';
import { FULL, record, Type } from './records.mjs';
import { CLOSE_NOTIFY } from './wire.mjs';

/** How long the user, or a time limit, waits. Milliseconds. */
export const PATIENCE = 250 * slowness;
/** Of a limit that must not strike before the fault: a busy machine is slow. Milliseconds. */
export const LIMIT = 1000 * slowness;

const INJECTED = Buffer.from('INJECTED');
const HTTP = Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n');
const alert = (level, description) => Buffer.of(level, description);
const FATAL = { handshakeFailure: 40, internalError: 80 };

function flip(bytes, index) {
  const flipped = Buffer.from(bytes);
  flipped[index < 0 ? bytes.length + index : index] ^= 1;
  return flipped;
}

/** Repeats what makes a record, so that each is a new one. */
const many = (count, make) => Buffer.concat(Array.from({ length: count }, make));

/** A KeyUpdate, after which the keys are new ones. */
function keyUpdate({ wire }, asks) {
  const sealed = wire.seal(Type.handshake, message('KeyUpdate', Buffer.of(asks)));
  wire.out.update();
  return sealed;
}

/**
 * What a fault is done to.
 * @typedef {{ subject: any, wire: import('./wire.mjs').Wire, hello: Buffer, phase: string, credentials: any }} At
 */

/** Something is sent, and the connection then goes on to a proper end. */
const harmless = (what) => async (/** @type {At} */ at) => {
  await at.wire.send(what(at));
  await at.wire.say(1000);
  await at.wire.finish();
};
/** The next record is spoiled. Its content has not been said, as far as anybody can tell. */
const spoiled =
  (how, length = 500) =>
  async (/** @type {At} */ { wire }) => {
    await wire.send(how(wire.seal(Type.data, Buffer.alloc(length, 'spoiled'))));
  };
const sends = (what) => async (/** @type {At} */ at) => at.wire.send(what(at));

/** Once data goes through. Each is given what it is done to. */
export const open = {
  reset: ({ wire }) => void wire.tcp.resetAndDestroy(),
  'a proper end': ({ wire }) => wire.finish(),
  'FIN without close_notify': ({ wire }) => void wire.tcp.end(),
  'FIN within a record': async ({ wire }) => {
    await spoiled((sealed) => sealed.subarray(0, sealed.length / 2))({ wire });
    wire.tcp.end();
  },
  'FIN within the header of a record': async ({ wire }) => {
    await spoiled((sealed) => sealed.subarray(0, 3))({ wire });
    wire.tcp.end();
  },
  'reset within a record': async ({ wire }) => {
    await spoiled((sealed) => sealed.subarray(0, sealed.length / 2))({ wire });
    wire.tcp.resetAndDestroy();
  },
  'one byte at a time': async ({ wire }) => {
    wire.drips = true;
    await wire.say(40);
    await wire.finish();
  },
  'flipped bit: type of a record': async (at) => {
    if (at.wire.version === 'TLSv1.2') await spoiled((sealed) => flip(sealed, 0))(at);
    else await harmless(({ wire }) => flip(wire.next(500), 0))(at);
  },
  'flipped bit: version of a record': spoiled((sealed) => flip(sealed, 1)),
  'flipped bit: length of a record': spoiled((sealed) => flip(Buffer.concat([sealed, sealed]), 4)),
  'flipped bit: body of a record': spoiled((sealed) => flip(sealed, 20)),
  'flipped bit: tag of a record': spoiled((sealed) => flip(sealed, -1)),
  'a record twice': async ({ wire }) => {
    const next = wire.next(500);
    await wire.send(Buffer.concat([next, next]));
  },
  'a record left out': async ({ wire }) => {
    wire.seal(Type.data, Buffer.from('nobody gets it'));
    await spoiled((sealed) => sealed)({ wire });
  },
  'bytes between records': sends(() => INJECTED),
  'a forged record': sends(() => record(Type.data, Buffer.alloc(40, 'forged'))),
  'an empty record in plain text': sends(() => record(Type.data, Buffer.alloc(0))),
  'plain text': sends(() => HTTP),
  'a record of 65535 bytes': sends(() => record(Type.data, Buffer.alloc(65_535))),
  'a header of 65535 bytes, and silence': sends(() => record(Type.data, Buffer.alloc(100), 65_535)),
  'a record with too much in it': sends(({ wire }) => wire.seal(Type.data, Buffer.alloc(FULL + 1))),
  'an alert in plain text': sends(() => record(Type.alert, alert(2, FATAL.handshakeFailure))),
  'close_notify in plain text': sends(() => record(Type.alert, CLOSE_NOTIFY)),
  'a fatal alert': sends(({ wire }) => wire.seal(Type.alert, alert(2, FATAL.internalError))),
  'a fatal alert, and a reset': async ({ wire }) => {
    await wire.send(wire.seal(Type.alert, alert(2, FATAL.internalError)));
    wire.tcp.resetAndDestroy();
  },
  'an alert that is cut short': sends(({ wire }) => wire.seal(Type.alert, Buffer.of(2))),
  'a warning': harmless(({ wire }) => wire.seal(Type.alert, alert(1, 90))),
  'warnings, a flood': sends(({ wire }) => many(200, () => wire.seal(Type.alert, alert(1, 90)))),
  'close_notify, then more data': async ({ wire }) => {
    const late = () => wire.seal(Type.data, Buffer.from('after the end'));
    await wire.send(Buffer.concat([wire.seal(Type.alert, CLOSE_NOTIFY), late(), late()]));
    wire.tcp.end();
  },
  'close_notify, then plain text': async ({ wire }) => {
    await wire.send(Buffer.concat([wire.seal(Type.alert, CLOSE_NOTIFY), HTTP]));
    wire.tcp.end();
  },
  'close_notify, and no FIN': sends(({ wire }) => wire.seal(Type.alert, CLOSE_NOTIFY)),
  'close_notify, then a reset': async ({ wire }) => {
    await wire.send(wire.seal(Type.alert, CLOSE_NOTIFY));
    wire.tcp.resetAndDestroy();
  },
  'empty records, a few': harmless(({ wire }) => many(8, () => wire.seal(Type.data, Buffer.alloc(0)))),
  'empty records, a flood': sends(({ wire }) => many(5000, () => wire.seal(Type.data, Buffer.alloc(0)))),
  'a request to renegotiate': harmless(({ wire }) =>
    wire.seal(Type.handshake, message('HelloRequest', Buffer.alloc(0))),
  ),
  'requests to renegotiate, a flood': sends(({ wire }) =>
    many(200, () => wire.seal(Type.handshake, message('HelloRequest', Buffer.alloc(0)))),
  ),
  KeyUpdate: harmless((at) => keyUpdate(at, 0)),
  'KeyUpdate that wants one': harmless((at) => keyUpdate(at, 1)),
  'KeyUpdate, a flood': sends((at) => many(200, () => keyUpdate(at, 1))),
  'KeyUpdate of no kind': sends((at) => keyUpdate(at, 7)),
  'session tickets, many': harmless(({ wire }) =>
    many(40, () => wire.seal(Type.handshake, newSessionTicket())),
  ),
  'a message of 16 MiB, in parts': async ({ wire }) => {
    const begin = Buffer.concat([Buffer.of(4, 255, 255, 255), Buffer.alloc(FULL - 4)]);
    await wire.send(wire.seal(Type.handshake, begin));
    await wire.send(many(20, () => wire.seal(Type.handshake, Buffer.alloc(FULL))));
  },
  'a message that has no place here': sends(({ wire }) =>
    wire.seal(Type.handshake, message('Finished', Buffer.alloc(32))),
  ),
  'data within a message': sends(({ wire }) =>
    Buffer.concat([wire.seal(Type.handshake, Buffer.of(4, 0, 0, 9)), wire.seal(Type.data, INJECTED)]),
  ),
  'a record of no type': sends(({ wire }) => wire.seal(null, Buffer.alloc(10))),
  'a record of an unknown type': sends(({ wire }) => wire.seal(99, INJECTED)),
  ChangeCipherSpec: sends(() => record(Type.changeCipherSpec, Buffer.of(1))),
};

/** What the user, or a limit, does when nothing comes any more. The options are those of the socket. */
export const silences = {
  'silence, and the signal': { act: (at) => silence(at, () => at.subject.abort(new Error(DEADLINE))) },
  'silence, and close()': { act: (at) => silence(at, () => at.subject.close()) },
  'silence, and idleTimeout': { act: (at) => silence(at), config: { idleTimeout: LIMIT } },
  'silence, and connectTimeout': { act: (at) => silence(at), config: { connectTimeout: LIMIT } },
  'silence, and setTimeout()': {
    act: (at) =>
      silence(at) ?? at.subject.stopAfter(PATIENCE, Object.assign(new Error(DEADLINE), { code: DEADLINE })),
  },
};

function silence({ wire, phase }, act) {
  // Otherwise it would still read.
  if (phase === 'streaming') wire.deaf();
  if (act) setTimeout(act, PATIENCE);
}

/** The handshake goes as `plan` says. */
export const goes = (plan) => (/** @type {At} */ at) =>
  new Handshake(at.wire, at.hello, at.credentials, plan).run();

/** A bit of that message's record is flipped. */
export const flipping = (name, index) =>
  goes({ spoil: (now, sealed) => (now === name ? flip(sealed, index) : sealed) });

/** Before that message comes what has no place there. */
export const before = (name, what) =>
  goes({ spoil: (now, sealed) => (now === name ? [what, sealed] : sealed) });

/** A bit of that message itself. */
export const changing = (name, index) =>
  goes({ change: (now, bytes) => (now === name ? flip(bytes, index) : bytes) });

/** The handshake stops after a message, '' for none; then something is done. */
export const stops = (until, then) => async (/** @type {At} */ at) => {
  await goes({ until })(at);
  await then(at);
};

/** In a handshake. */
export const handshake = {
  'one byte at a time': async (at) => {
    at.wire.drips = true;
    await goes({})(at);
    await open['one byte at a time'](at);
  },
  'flipped bit: type of the first record': flipping('ServerHello', 0),
  'flipped bit: length of the first record': flipping('ServerHello', 4),
  'flipped bit: ServerHello': flipping('ServerHello', 6),
  'flipped bit: end of the certificate': flipping('Certificate', -1),
  'flipped bit: record of Finished': flipping('Finished', -1),
  'bytes before the answer': before('ServerHello', INJECTED),
  'a forged record before the answer': before('ServerHello', record(Type.data, Buffer.alloc(40, 'forged'))),
  'bytes after ServerHello': before('Certificate', INJECTED),
  'data in plain text after ServerHello': before('Certificate', record(Type.data, INJECTED)),
  'data before Finished': async (at) => {
    await goes({
      spoil: (now, sealed) => (now === 'Finished' ? [at.wire.seal(Type.data, INJECTED), sealed] : sealed),
    })(at);
  },
  'plain text': sends(() => HTTP),
  'a record of 65535 bytes': sends(() => record(Type.handshake, Buffer.alloc(65_535))),
  'an alert in plain text': sends(() => record(Type.alert, alert(2, FATAL.handshakeFailure))),
  'an alert after ServerHello': stops(
    'ServerHello',
    sends(({ wire }) => wire.seal(Type.alert, alert(2, FATAL.handshakeFailure))),
  ),
  // In plain text rustls does not believe it, so that it is silence.
  'close_notify, and the signal': async (at) => {
    await at.wire.send(record(Type.alert, CLOSE_NOTIFY));
    silences['silence, and the signal'].act(at);
  },
  'close_notify after ServerHello': stops(
    'ServerHello',
    sends(({ wire }) => wire.seal(Type.alert, CLOSE_NOTIFY)),
  ),
  'close_notify and FIN': async ({ wire }) => {
    await wire.send(record(Type.alert, CLOSE_NOTIFY));
    wire.tcp.end();
  },
  'warnings, a flood': sends(() => many(200, () => record(Type.alert, alert(1, 112)))),
  'empty records, a flood': sends(() => many(5000, () => record(Type.handshake, Buffer.alloc(0)))),
  'ChangeCipherSpec, a flood': stops(
    'ServerHello',
    sends(() => many(200, () => record(Type.changeCipherSpec, Buffer.of(1)))),
  ),
  'FIN within ServerHello': cutting('ServerHello'),
  'FIN within the certificate': cutting('Certificate'),
  'the certificate first': goes({
    order: (names) => ['Certificate', ...names.filter((name) => name !== 'Certificate')],
  }),
  'the certificate twice': goes({
    order: (names) => names.flatMap((name) => (name === 'Certificate' ? [name, name] : [name])),
  }),
  'ServerHello twice': goes({ order: (names) => [names[0], ...names] }),
  'no certificate': goes({ order: (names) => names.filter((name) => !name.startsWith('Certificate')) }),
  'no CertificateVerify': goes({ order: (names) => names.filter((name) => name !== 'CertificateVerify') }),
  'no ServerKeyExchange': goes({ order: (names) => names.filter((name) => name !== 'ServerKeyExchange') }),
  'ChangeCipherSpec and Finished at once': goes({
    order: ([hello]) => [hello, 'ChangeCipherSpec', 'Finished'],
  }),
  'a signature that does not fit': (at) =>
    changing(at.wire.version === 'TLSv1.3' ? 'CertificateVerify' : 'ServerKeyExchange', -1)(at),
  'a Finished that does not fit': changing('Finished', -1),
  'a suite that was not offered': goes({ suite: 0x0000 }),
  'a certificate message of 200 kB': goes({ ballast: 200_000 }),
  'a certificate message of 16 MiB, in parts': async (at) => {
    const before = at.wire.version === 'TLSv1.3' ? 'EncryptedExtensions' : 'ServerHello';
    await goes({ until: before })(at);
    await at.wire.send(
      at.wire.seal(Type.handshake, Buffer.concat([Buffer.of(11, 255, 255, 255), Buffer.alloc(FULL - 4)])),
    );
    await at.wire.send(many(20, () => at.wire.seal(Type.handshake, Buffer.alloc(FULL))));
  },
};

function cutting(name) {
  return async (/** @type {At} */ at) => {
    await goes({
      until: name,
      spoil: (now, sealed) => (now === name ? sealed.subarray(0, sealed.length / 2) : sealed),
    })(at);
    at.wire.tcp.end();
  };
}

/** In place of the answer to StartTLS, or behind it: the client goes over to TLS all the same. */
export const instead = {
  'bytes before startTls()': async (at) => {
    await at.wire.say(4);
    await at.subject.exchanged();
    // Until the system has them, and so has the client's.
    await new Promise((resolve) => at.wire.tcp.write(INJECTED, resolve));
    at.wire.version = at.version;
    at.wire.listening = undefined;
    at.subject.upgrade();
    at.subject.read();
    at.subject.write(4);
  },
};
