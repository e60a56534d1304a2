import { Duplex } from 'node:stream';

/** Stands between a TCP socket and the TLS server on it, and notes what crosses. */
export class Wire extends Duplex {
  #raw;

  /**
   * @param {import('node:net').Socket} raw
   * @param {(chunk: Buffer) => void} note is told every chunk that arrives
   * @param {Buffer | undefined} already what had been read from `raw` before TLS began
   */
  constructor(raw, note, already) {
    super({ allowHalfOpen: true });
    this.#raw = raw;
    const arrive = (chunk) => {
      note(chunk);
      if (!this.push(chunk)) raw.pause();
    };
    raw.on('data', arrive);
    raw.on('end', () => this.push(null));
    raw.on('error', (error) => this.destroy(error));
    raw.on('close', () => this.destroy());
    if (already?.length) arrive(already);
  }

  _read() {
    this.#raw.resume();
  }

  _write(chunk, _encoding, done) {
    if (this.#raw.writable) this.#raw.write(chunk, done);
    else done();
  }

  _final(done) {
    if (this.#raw.writable) this.#raw.end(() => done());
    else done();
  }

  _destroy(error, done) {
    this.#raw.destroy();
    done(error);
  }
}

/** Splits what arrives into TLS records and keeps the content type of each, 0 where it is no TLS. */
export class Records {
  #rest = Buffer.alloc(0);
  /** @type {number[]} */
  types = [];

  note(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5) {
      const type = this.#rest[0];
      const known = type >= 20 && type <= 24 && this.#rest[1] === 3;
      const size = 5 + this.#rest.readUInt16BE(3);
      if (known && this.#rest.length < size) return;
      this.types.push(known ? type : 0);
      this.#rest = known ? this.#rest.subarray(size) : Buffer.alloc(0);
    }
  }
}
