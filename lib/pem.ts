/** Certificates and keys as they are given: text, bytes, `file:` URLs; keys that are encrypted. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { types } from 'node:util';
import { SocketError } from './error.ts';
import { describe, invalid } from './options.ts';

/** What a member that cannot be used is refused with. */
export type PemCode = 'ERR_INVALID_CA' | 'ERR_INVALID_CERT' | 'ERR_INVALID_KEY';

const SECTION = '-----BEGIN ';
const DER_SEQUENCE = 0x30;

/**
 * Certificates or keys, one or several. Undefined: none were given.
 * @param name The member, for messages.
 * @throws {SocketError} with `code` if something is not PEM, or a file cannot be read; ERR_INVALID_OPTION if it is of another type.
 */
export function readPem(value: unknown, name: string, code: PemCode): Buffer[] | undefined {
  if (value === undefined || value === null) return undefined;
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return items.map((item) => {
    if (typeof item === 'string') return textOf(item, name, code);
    // Copies: what becomes of the caller's memory is his affair.
    if (ArrayBuffer.isView(item)) {
      return Buffer.from(new Uint8Array(item.buffer, item.byteOffset, item.byteLength));
    }
    if (types.isAnyArrayBuffer(item)) return Buffer.from(new Uint8Array(item));
    if (isUrl(item)) return fileAt(item, name, code);
    throw invalid(`\`${name}\` must be PEM, bytes or a file: URL, not ${describe(item)}`);
  });
}

function textOf(text: string, name: string, code: PemCode): Buffer {
  if (text.includes(SECTION)) return Buffer.from(text);
  throw new SocketError(`\`${name}\` is not PEM; pass a file: URL for a file`, { code });
}

/** Also a URL of another realm. */
function isUrl(value: unknown): value is URL {
  const { href, protocol } = (value ?? {}) as Partial<URL>;
  return typeof href === 'string' && typeof protocol === 'string';
}

function fileAt(url: URL, name: string, code: PemCode): Buffer {
  // A data: URL would be quoted with the key that it holds.
  if (url.protocol !== 'file:') {
    throw new SocketError(
      `\`${name}\` is a URL that begins with ${url.protocol}; pass a file: URL, or the PEM itself`,
      {
        code,
      },
    );
  }
  let path = url.href;
  try {
    path = fileURLToPath(url.href);
    return readFileSync(path);
  } catch (error) {
    const { code: reason, message } = error as NodeJS.ErrnoException;
    const known = reason === undefined || reason.startsWith('ERR_') ? message : reason;
    throw new SocketError(
      `\`${name}\` names ${path}, which cannot be read: ${known}; check the path and its permissions`,
      {
        code,
        cause: error,
      },
    );
  }
}

/**
 * The key as the native half takes it. One that is not encrypted needs no passphrase, and minds none.
 * @throws {SocketError} ERR_INVALID_KEY if it cannot be decrypted.
 */
export function readKey(parts: readonly Buffer[], passphrase: string | undefined, name: string): Buffer {
  const key = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  // A text may begin with that digit, too.
  const der = key[0] === DER_SEQUENCE && !key.includes(SECTION);
  if (!(der ? isEncrypted(key) : isEncryptedPem(key.toString('latin1')))) return key;
  if (passphrase === undefined) {
    throw new SocketError(`\`${name}\` is encrypted; pass its \`passphrase\``, { code: 'ERR_INVALID_KEY' });
  }
  try {
    const from = der ? ({ key, format: 'der', type: 'pkcs8' } as const) : ({ key, format: 'pem' } as const);
    // Not imported: loading it takes time, and few keys are encrypted.
    const { createPrivateKey } = process.getBuiltinModule('node:crypto');
    return createPrivateKey({ ...from, passphrase }).export({ type: 'pkcs8', format: 'der' });
  } catch (error) {
    const why = `could not be decrypted with \`passphrase\` (${(error as Error).message})`;
    throw new SocketError(`\`${name}\` ${why}; check that it is the passphrase of this key`, {
      code: 'ERR_INVALID_KEY',
      cause: error,
    });
  }
}

/** Of the first private key in PEM, which may hold certificates, too. */
function isEncryptedPem(pem: string): boolean {
  const begin = /-----BEGIN ([A-Z ]*)PRIVATE KEY-----/.exec(pem);
  if (begin === null) return false;
  if (begin[1] === 'ENCRYPTED ') return true;
  // Not one pattern for the whole key: it would look for the end again and again.
  const end = pem.indexOf('-----END ', begin.index);
  return end !== -1 && /^Proc-Type:.*ENCRYPTED/m.test(pem.slice(begin.index, end));
}

/** Of PKCS#8 in DER: what is encrypted begins with its algorithm, anything else with a version. */
function isEncrypted(der: Buffer): boolean {
  const length = der[1] ?? 0;
  return der[length < 0x80 ? 2 : 2 + (length & 0x7f)] === DER_SEQUENCE;
}
