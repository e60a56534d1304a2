import { createPrivateKey } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { beforeAll } from 'vitest';
import { temporaryDirectory } from '../behaviour/trust.ts';
import { createAuthority } from '../fixtures/pki.mjs';

export const authority = await createAuthority();
export const other = await createAuthority({ commonName: 'another authority' });
/** Of the server. */
export const credentials = await authority.issue({ names: ['localhost'] });
export const client = await authority.issue({ names: ['client'], client: true });
export const stranger = await authority.issue({ names: ['stranger'], client: true });
export const ca = authority.certPem;
export const { certPem: cert, keyPem: key } = client;

/** Of the client's key, where it is encrypted. */
export const PASSPHRASE = 'open sesame ä';

/** The client's key, encrypted. */
export function encrypted(type: 'pkcs8' | 'sec1', format: 'pem' | 'der' = 'pem'): Buffer {
  const cipher = type === 'sec1' ? 'aes-128-cbc' : 'aes-256-cbc';
  return createPrivateKey(key).export({ type, format, cipher, passphrase: PASSPHRASE } as never) as Buffer;
}

export const derOf = (pem: string): Buffer =>
  Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');

let directory: string;
beforeAll(async () => {
  directory = await temporaryDirectory();
  await mkdir(join(directory, 'directory'));
  const files = { 'ca.pem': ca, 'cert.pem': cert, 'key.pem': key, 'locked.pem': encrypted('pkcs8') };
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
});

/** Of a file with one of these: ca.pem, cert.pem, key.pem, locked.pem; or the directory, or what is not there. */
export const url = (name: string): URL => pathToFileURL(join(directory, name));

/** A server that asks who is there, and believes the authority only. */
export const asks: TlsOptions = { requestCert: true, rejectUnauthorized: true, ca };
