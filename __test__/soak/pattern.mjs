/** Bytes that tell where they belong: what is lost, doubled or swapped shows at once. */
import { pattern } from '../conformance/pattern.mjs';

/** No power of two, so that no chunk begins where another one did. */
const LENGTH = 65_521;

/** What the pattern repeats. */
export const BLOCK = Buffer.from(pattern(LENGTH));

const twice = Buffer.concat([BLOCK, BLOCK]);

/** So many bytes of it, from an offset on. At most 65,521. @param {number} offset @param {number} length */
export function patternAt(offset, length) {
  const start = offset % LENGTH;
  return twice.subarray(start, start + length);
}

/** Checks a stream of it. */
export class PatternCheck {
  /** Bytes so far. */
  length = 0;

  /** @param {Uint8Array} bytes */
  add(bytes) {
    for (let at = 0; at < bytes.length; at += LENGTH) {
      const part = bytes.subarray(at, at + LENGTH);
      if (patternAt(this.length, part.length).compare(part) !== 0) {
        throw new Error(`other bytes than were sent, within ${part.length} from ${this.length} on`);
      }
      this.length += part.length;
    }
  }
}
