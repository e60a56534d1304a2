/** Messages of a handshake as a server sends them, each of it by hand, so that each can be wrong. */
import {
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';

const X25519 = 0x001d;
const ECDSA_SHA256 = Buffer.of(4, 3);
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

const u8 = (body) => Buffer.concat([Buffer.of(body.length), body]);
const u16 = (body) => Buffer.concat([Buffer.of(body.length >> 8, body.length & 255), body]);
const u24 = (body) =>
  Buffer.concat([Buffer.of(body.length >> 16, (body.length >> 8) & 255, body.length & 255), body]);
const extension = (type, body) => Buffer.concat([Buffer.of(type >> 8, type & 255), u16(body)]);

const types = {
  HelloRequest: 0,
  ClientHello: 1,
  ServerHello: 2,
  NewSessionTicket: 4,
  EncryptedExtensions: 8,
  Certificate: 11,
  ServerKeyExchange: 12,
  ServerHelloDone: 14,
  CertificateVerify: 15,
  Finished: 20,
  KeyUpdate: 24,
};

/** @param {keyof typeof types} name @param {Buffer} body */
export const message = (name, body) => Buffer.concat([Buffer.of(types[name]), u24(body)]);

/** The handshake messages that `bytes` begins with, and what is left. @param {Buffer} bytes */
export function messagesOf(bytes) {
  const messages = [];
  let rest = bytes;
  while (rest.length >= 4 && rest.length >= 4 + rest.readUIntBE(1, 3)) {
    const end = 4 + rest.readUIntBE(1, 3);
    messages.push(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  return { messages, rest };
}

/** What a server needs of a ClientHello. @param {Buffer} hello */
export function readHello(hello) {
  let at = 4 + 2;
  const take = (length) => {
    at += length;
    return hello.subarray(at - length, at);
  };
  const random = take(32);
  const session = take(take(1)[0]);
  take(take(2).readUInt16BE());
  take(take(1)[0]);
  const end = at + 2 + hello.readUInt16BE(at);
  at += 2;
  let share;
  while (at < end) {
    const type = take(2).readUInt16BE();
    const body = take(take(2).readUInt16BE());
    if (type === 51) share = shareIn(body);
  }
  return { random, session, share };
}

/** The client's part of the key exchange, if it has one for X25519. */
function shareIn(body) {
  for (let at = 2; at < body.length; ) {
    const length = body.readUInt16BE(at + 2);
    if (body.readUInt16BE(at) === X25519) return body.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

/** The server's half of a key exchange with X25519. */
export class Exchange {
  #keys = generateKeyPairSync('x25519');
  share = this.#keys.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);

  secret(share) {
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI, share]), format: 'der', type: 'spki' });
    return diffieHellman({ privateKey: this.#keys.privateKey, publicKey });
  }
}

export function serverHello13(session, share, suite = 0x1301) {
  const extensions = Buffer.concat([
    extension(43, Buffer.of(3, 4)),
    extension(51, Buffer.concat([Buffer.of(0, X25519), u16(share)])),
  ]);
  return serverHello(randomBytes(32), session, suite, extensions);
}

export const serverHello12 = (random, suite = 0xc02b) =>
  serverHello(
    random,
    Buffer.alloc(0),
    suite,
    Buffer.concat([extension(0xff01, Buffer.of(0)), extension(23, Buffer.alloc(0))]),
  );

const serverHello = (random, session, suite, extensions) =>
  message(
    'ServerHello',
    Buffer.concat([
      Buffer.of(3, 3),
      random,
      u8(session),
      Buffer.of(suite >> 8, suite & 255, 0),
      u16(extensions),
    ]),
  );

/** @param {string} pem @returns {Buffer[]} */
const chainOf = (pem) =>
  pem
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
    .map((one) => new X509Certificate(one).raw);

export const encryptedExtensions = () => message('EncryptedExtensions', u16(Buffer.alloc(0)));

/** @param {readonly Buffer[]} certificates */
const certificate13 = (certificates) =>
  message(
    'Certificate',
    Buffer.concat([
      Buffer.of(0),
      u24(Buffer.concat(certificates.flatMap((one) => [u24(one), Buffer.of(0, 0)]))),
    ]),
  );

const certificate12 = (certificates) =>
  message('Certificate', u24(Buffer.concat(certificates.map((one) => u24(one)))));

/** @param {number} more Bytes of certificates that nobody needs. */
export function certificate(version, chainPem, more = 0) {
  const chain = chainOf(chainPem);
  for (let left = more; left > 0; left -= 60_000) chain.push(Buffer.alloc(Math.min(left, 60_000), 7));
  return version === 'TLSv1.3' ? certificate13(chain) : certificate12(chain);
}

export function certificateVerify(key, transcript) {
  const said = Buffer.concat([
    Buffer.alloc(64, 32),
    Buffer.from('TLS 1.3, server CertificateVerify\0'),
    transcript,
  ]);
  return message('CertificateVerify', Buffer.concat([ECDSA_SHA256, u16(sign('sha256', said, key))]));
}

export function serverKeyExchange(key, clientRandom, serverRandom, share) {
  const parameters = Buffer.concat([Buffer.of(3, 0, X25519), u8(share)]);
  const signature = sign('sha256', Buffer.concat([clientRandom, serverRandom, parameters]), key);
  return message('ServerKeyExchange', Buffer.concat([parameters, ECDSA_SHA256, u16(signature)]));
}

/** A ticket that nobody will be able to use. */
export const newSessionTicket = () =>
  message(
    'NewSessionTicket',
    Buffer.concat([
      Buffer.of(0, 0, 0, 60),
      randomBytes(4),
      u8(randomBytes(8)),
      u16(randomBytes(64)),
      Buffer.of(0, 0),
    ]),
  );
