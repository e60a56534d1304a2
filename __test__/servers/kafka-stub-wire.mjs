/** Kafka's numbers, strings and arrays. */
export class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  skip(length) {
    this.#at += length;
    return this.#at - length;
  }

  int16() {
    return this.#bytes.readInt16BE(this.skip(2));
  }

  int32() {
    return this.#bytes.readInt32BE(this.skip(4));
  }

  int64() {
    return this.#bytes.readBigInt64BE(this.skip(8));
  }

  string() {
    const length = this.int16();
    if (length < 0) return null;
    const start = this.skip(length);
    return this.#bytes.toString('utf8', start, this.#at);
  }

  bytes() {
    const length = this.int32();
    const start = this.skip(Math.max(length, 0));
    return this.#bytes.subarray(start, this.#at);
  }

  array(element) {
    return Array.from({ length: Math.max(this.int32(), 0) }, element);
  }
}

export class Writer {
  #pieces = [];

  #push(length, write) {
    const piece = Buffer.alloc(length);
    write(piece);
    this.#pieces.push(piece);
    return this;
  }

  int8(value) {
    return this.#push(1, (piece) => piece.writeInt8(value));
  }

  int16(value) {
    return this.#push(2, (piece) => piece.writeInt16BE(value));
  }

  int32(value) {
    return this.#push(4, (piece) => piece.writeInt32BE(value));
  }

  int64(value) {
    return this.#push(8, (piece) => piece.writeBigInt64BE(value));
  }

  string(text) {
    if (text === null) return this.int16(-1);
    const bytes = Buffer.from(text);
    this.int16(bytes.length).#pieces.push(bytes);
    return this;
  }

  bytes(bytes) {
    this.int32(bytes.length).#pieces.push(bytes);
    return this;
  }

  array(elements, write) {
    this.int32(elements.length);
    elements.forEach((element) => {
      write(element);
    });
    return this;
  }

  /** With its length in front. */
  framed() {
    const body = Buffer.concat(this.#pieces);
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length);
    return Buffer.concat([length, body]);
  }
}
