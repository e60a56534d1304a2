/** As much of ASN.1's DER as an answer of LDAP and the public key of a certificate want. */

/** One element, and where the next one begins. */
export interface Element {
  tag: number;
  content: Uint8Array;
  /** All of it, header included. */
  whole: Uint8Array;
}

/** The first element of bytes; `undefined` if it is not all there, or none. */
export function elementOf(bytes: Uint8Array): Element | undefined {
  const length = lengthOf(bytes);
  const [tag] = bytes;
  if (tag === undefined || length === undefined || bytes.length < length.header + length.content) {
    return undefined;
  }
  const end = length.header + length.content;
  return { tag, content: bytes.subarray(length.header, end), whole: bytes.subarray(0, end) };
}

/** How long an element's header and content are; `undefined` until that can be told. */
export function lengthOf(bytes: Uint8Array): { header: number; content: number } | undefined {
  const [, first] = bytes;
  if (first === undefined) return undefined;
  if (first < 0x80) return { header: 2, content: first };
  const header = 2 + (first & 0x7f);
  // Longer than four bytes is nothing that anybody sends; no bytes is the indefinite form, which DER does not have.
  if (header === 2 || header > 6 || bytes.length < header) return undefined;
  return { header, content: bytes.subarray(2, header).reduce((sum, byte) => sum * 256 + byte, 0) };
}

/** The elements that a constructed one consists of. */
export function partsOf(content: Uint8Array): Element[] {
  const parts: Element[] = [];
  for (let rest = content; rest.length > 0; ) {
    const element = elementOf(rest);
    if (element === undefined) break;
    parts.push(element);
    rest = rest.subarray(element.whole.length);
  }
  return parts;
}

/** The SubjectPublicKeyInfo of a certificate, as it stands there: what pins are made of. */
export function publicKeyOf(certificate: Uint8Array): Uint8Array | undefined {
  const [body] = partsOf(elementOf(certificate)?.content ?? new Uint8Array());
  const fields = partsOf(body?.content ?? new Uint8Array());
  // The version is there only if it is not the first one.
  const serial = fields[0]?.tag === 0xa0 ? 1 : 0;
  return fields[serial + 5]?.whole;
}
