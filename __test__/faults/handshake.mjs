/** The server's side of a handshake, message by message, so that any of them can be left out, changed or sent too early. */
import { randomBytes } from 'node:crypto';
import * as make from './messages.mjs';
import { Keys12, Keys13, Type } from './records.mjs';
import { finished12, finished13, handshakeSecrets, hash, keyBlock, masterSecret } from './schedule.mjs';

/** What the server says before it waits for the client. */
export const firstFlight = {
  'TLSv1.2': ['ServerHello', 'Certificate', 'ServerKeyExchange', 'ServerHelloDone'],
  'TLSv1.3': ['ServerHello', 'EncryptedExtensions', 'Certificate', 'CertificateVerify', 'Finished'],
};
/** And after the client has answered. */
export const secondFlight = { 'TLSv1.2': ['ChangeCipherSpec', 'Finished'], 'TLSv1.3': [] };

/**
 * What is to be otherwise.
 * @typedef {object} Plan
 * @property {string} [until] Nothing after this message; '' is nothing at all.
 * @property {(names: string[]) => string[]} [order] Of the first flight.
 * @property {(name: string, message: Buffer) => Buffer} [change] A message, before it is put into a record.
 * @property {(name: string, record: Buffer) => Buffer | Buffer[]} [spoil] Its record.
 * @property {number} [suite]
 * @property {number} [ballast] Bytes of certificates that nobody needs.
 */

/** A handshake over a wire. `hello` has to be there. */
export class Handshake {
  #wire;
  #plan;
  #credentials;
  #transcript;
  #hello;
  #exchange = new make.Exchange();
  #random = randomBytes(32);
  #secrets;
  #keys;
  #master;

  /**
   * @param {import('./wire.mjs').Wire} wire
   * @param {Buffer} hello
   * @param {{ chainPem: string, keyPem: string }} credentials
   * @param {Plan} plan
   */
  constructor(wire, hello, credentials, plan) {
    this.#wire = wire;
    this.#plan = plan;
    this.#credentials = credentials;
    this.#transcript = [hello];
    this.#hello = make.readHello(hello);
  }

  /** Whether it came about. `false` if the plan ends it, or the client does. */
  async run() {
    const { order = (names) => names } = this.#plan;
    const { version } = this.#wire;
    if (!(await this.#say(order(firstFlight[version])))) return false;
    if (version === 'TLSv1.2') {
      if (!(await this.#hearKeys()) || !(await this.#say(secondFlight[version]))) return false;
    } else {
      this.#wire.in = new Keys13(this.#secrets.client);
      if (!(await this.#wire.message())) return false;
      this.#wire.in = new Keys13(this.#keys.client);
    }
    return true;
  }

  async #say(names) {
    const { until, spoil } = this.#plan;
    if (until === '') return false;
    for (const name of names) {
      const [type, message] = this.#message(name);
      const changed = this.#plan.change?.(name, message) ?? message;
      if (type === Type.handshake) this.#transcript.push(changed);
      const records = [];
      for (let from = 0; from < Math.max(1, changed.length); from += 16_384) {
        records.push(this.#wire.seal(type, changed.subarray(from, from + 16_384)));
      }
      const record = Buffer.concat(records);
      this.#sent(name);
      const wires = [spoil?.(name, record) ?? record].flat();
      for (const bytes of wires) await this.#wire.send(bytes);
      if (name === until) return false;
    }
    return true;
  }

  /** @returns {[number, Buffer]} */
  #message(name) {
    const { version } = this.#wire;
    const { keyPem, chainPem } = this.#credentials;
    const { session, random } = this.#hello;
    const { suite, ballast } = this.#plan;
    const { share } = this.#exchange;
    if (name === 'ChangeCipherSpec') return [Type.changeCipherSpec, Buffer.of(1)];
    const makers = {
      ServerHello: () =>
        version === 'TLSv1.3'
          ? make.serverHello13(session, share, suite)
          : make.serverHello12(this.#random, suite),
      EncryptedExtensions: () => make.encryptedExtensions(),
      Certificate: () => make.certificate(version, chainPem, ballast),
      CertificateVerify: () => make.certificateVerify(keyPem, hash(this.#transcript)),
      ServerKeyExchange: () => make.serverKeyExchange(keyPem, random, this.#random, share),
      ServerHelloDone: () => make.message('ServerHelloDone', Buffer.alloc(0)),
      Finished: () =>
        make.message(
          'Finished',
          version === 'TLSv1.3'
            ? finished13(this.#secrets.server, this.#transcript)
            : finished12(this.#master ?? Buffer.alloc(48), this.#transcript),
        ),
    };
    return [Type.handshake, makers[name]()];
  }

  /** What follows for the keys from a message that was sent. */
  #sent(name) {
    const thirteen = this.#wire.version === 'TLSv1.3';
    if (name === 'ServerHello' && thirteen) {
      this.#secrets = handshakeSecrets(this.#exchange.secret(this.#hello.share), this.#transcript);
      this.#wire.out = new Keys13(this.#secrets.server);
    } else if (name === 'Finished' && thirteen) {
      this.#keys = this.#secrets.traffic(this.#transcript);
      this.#wire.out = new Keys13(this.#keys.server);
    } else if (name === 'ChangeCipherSpec') {
      const { key, salt } = this.#keys?.server ?? { key: Buffer.alloc(16), salt: Buffer.alloc(4) };
      this.#wire.out = new Keys12(key, salt);
    }
  }

  /** ClientKeyExchange, from which the keys follow, and Finished. */
  async #hearKeys() {
    const exchange = await this.#wire.message();
    if (!exchange) return false;
    this.#transcript.push(exchange);
    this.#master = masterSecret(this.#exchange.secret(exchange.subarray(5)), this.#transcript);
    this.#keys = keyBlock(this.#master, this.#hello.random, this.#random);
    // ChangeCipherSpec comes in between, and is not protected.
    if ((await this.#wire.record())?.type !== Type.changeCipherSpec) return false;
    this.#wire.in = new Keys12(this.#keys.client.key, this.#keys.client.salt);
    const finished = await this.#wire.message();
    if (!finished) return false;
    this.#transcript.push(finished);
    return true;
  }
}
