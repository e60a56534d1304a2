/** The byte that stands at `index` of the test pattern: no two neighbouring blocks look alike. */
const at = (index) => (index ^ (index >>> 8) ^ ((index >>> 16) * 7)) & 255;

/**
 * `length` bytes of the test pattern, beginning at `offset`.
 * @param {number} length
 * @param {number} [offset]
 */
export function pattern(length, offset = 0) {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = at(offset + i);
  return bytes;
}

/**
 * Where `bytes` leave the test pattern, -1 if they do not.
 * @param {Uint8Array} bytes
 * @param {number} [offset]
 */
export function mismatch(bytes, offset = 0) {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== at(offset + i)) return offset + i;
  return -1;
}
