/** DER, as far as it is needed to change a certificate. */

/** An element: its tag, the length, and what is in it. */
export function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  const header = length < 0x80 ? Buffer.of(tag, length) : Buffer.of(tag, 0x82, length >> 8, length & 0xff);
  if (length > 0x7f && length < 0x100) return Buffer.concat([Buffer.of(tag, 0x81, length), ...content]);
  return Buffer.concat([header, ...content]);
}

/** What is in an element, whole. */
export function elements(element: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = headerOf(element, 0).header; at < element.length; ) {
    const { header, length } = headerOf(element, at);
    found.push(element.subarray(at, at + header + length));
    at += header + length;
  }
  return found;
}

function headerOf(bytes: Buffer, at: number): { header: number; length: number } {
  const first = bytes[at + 1] ?? 0;
  if (first < 0x80) return { header: 2, length: first };
  const size = first & 0x7f;
  return { header: 2 + size, length: bytes.readUIntBE(at + 2, size) };
}
