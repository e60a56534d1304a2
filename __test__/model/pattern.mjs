/** What is sent in sequences: bytes that tell by their position whether one is lost, doubled or moved. */

/** More than one sequence sends in one direction. */
const LENGTH = 64 * 1024 * 1024;

/** ASCII, so that it can be written as text, and no type of a TLS record: whoever sees anything else sees the handshake. */
const pattern = Buffer.allocUnsafeSlow(LENGTH);
for (let index = 0; index < LENGTH; index += 1) {
  pattern[index] = 0x20 + ((index * 31 + (index >>> 6) * 7 + (index >>> 15) * 13) % 95);
}

/** Those at a position. A copy: what is sent may be transferred away. @param {number} at @param {number} length */
export function patternAt(at, length) {
  if (at + length > LENGTH) throw new RangeError('a sequence sends more than the pattern is long');
  return Buffer.from(pattern.subarray(at, at + length));
}

/** Takes what arrives and holds it against the pattern. */
export class Received {
  length = 0;
  /** Where it was not the pattern any more. @type {number | undefined} */
  wrongAt;

  /** @param {Uint8Array} chunk */
  add(chunk) {
    const right = pattern.compare(chunk, 0, chunk.length, this.length, this.length + chunk.length) === 0;
    if (!right) this.wrongAt ??= this.length;
    this.length += chunk.length;
  }

  /** So many bytes are put back, and come again. @param {number} length */
  back(length) {
    this.length -= length;
  }
}

/** Whether a byte may be of the pattern. @param {number} byte */
export const isPlain = (byte) => byte >= 0x20 && byte < 0x7f;
