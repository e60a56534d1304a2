/** Records of TLS as one puts them together by hand: in plain text, and protected with AES-128-GCM, by TLS 1.2 and 1.3. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { expand } from './schedule.mjs';

/** Content types. */
export const Type = { changeCipherSpec: 20, alert: 21, handshake: 22, data: 23 };

const TAG = 16;
/** As much plaintext as a record may have. */
export const FULL = 16 * 1024;

/** A record as it goes over the wire. @param {number} type @param {Buffer} body */
export function record(type, body, length = body.length) {
  return Buffer.concat([Buffer.of(type, 3, 3, length >> 8, length & 255), body]);
}

/** The records that `bytes` begins with, and what is left. @param {Buffer} bytes */
export function split(bytes) {
  const records = [];
  let rest = bytes;
  while (rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3)) {
    const end = 5 + rest.readUInt16BE(3);
    records.push({ header: rest.subarray(0, 5), body: rest.subarray(5, end) });
    rest = rest.subarray(end);
  }
  return { records, rest };
}

/** How one direction is protected under TLS 1.3. */
export class Keys13 {
  #secret;
  #key;
  #iv;
  #sequence = 0n;

  constructor(secret) {
    this.#become(secret);
  }

  /** The next generation: after a KeyUpdate. */
  update() {
    this.#become(expand(this.#secret, 'traffic upd', '', 32));
  }

  #become(secret) {
    this.#secret = secret;
    this.#key = expand(secret, 'key', '', 16);
    this.#iv = expand(secret, 'iv', '', 12);
    this.#sequence = 0n;
  }

  #nonce() {
    const nonce = Buffer.from(this.#iv);
    nonce.writeBigUInt64BE(nonce.readBigUInt64BE(4) ^ this.#sequence, 4);
    this.#sequence += 1n;
    return nonce;
  }

  /** @param {number | null} type `null`: none at all, which no record may be without. */
  seal(type, body) {
    const inner = type === null ? body : Buffer.concat([body, Buffer.of(type)]);
    const header = Buffer.of(Type.data, 3, 3, (inner.length + TAG) >> 8, (inner.length + TAG) & 255);
    const cipher = createCipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(header);
    return Buffer.concat([header, cipher.update(inner), cipher.final(), cipher.getAuthTag()]);
  }

  open({ header, body }) {
    if (header[0] === Type.changeCipherSpec) return { type: header[0], body };
    const decipher = createDecipheriv('aes-128-gcm', this.#key, this.#nonce()).setAAD(header);
    decipher.setAuthTag(body.subarray(-TAG));
    const inner = Buffer.concat([decipher.update(body.subarray(0, -TAG)), decipher.final()]);
    return { type: inner.at(-1), body: inner.subarray(0, -1) };
  }
}

/** How one direction is protected under TLS 1.2. */
export class Keys12 {
  #key;
  #salt;
  #sequence = 0n;

  constructor(key, salt) {
    this.#key = key;
    this.#salt = salt;
  }

  #associated(type, length) {
    const associated = Buffer.alloc(13);
    associated.writeBigUInt64BE(this.#sequence);
    associated.set([type, 3, 3, length >> 8, length & 255], 8);
    this.#sequence += 1n;
    return associated;
  }

  seal(type, body) {
    const associated = this.#associated(type, body.length);
    const explicit = associated.subarray(0, 8);
    const nonce = Buffer.concat([this.#salt, explicit]);
    const cipher = createCipheriv('aes-128-gcm', this.#key, nonce).setAAD(associated);
    return record(type, Buffer.concat([explicit, cipher.update(body), cipher.final(), cipher.getAuthTag()]));
  }

  open({ header, body }) {
    const associated = this.#associated(header[0], body.length - 8 - TAG);
    const nonce = Buffer.concat([this.#salt, body.subarray(0, 8)]);
    const decipher = createDecipheriv('aes-128-gcm', this.#key, nonce).setAAD(associated);
    decipher.setAuthTag(body.subarray(-TAG));
    return {
      type: header[0],
      body: Buffer.concat([decipher.update(body.subarray(8, -TAG)), decipher.final()]),
    };
  }
}
