import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type Authority, createAuthority } from '../fixtures/pki.mjs';

const directories: string[] = [];
afterAll(() => Promise.all(directories.map((path) => rm(path, { recursive: true, force: true }))));

/** A directory that is removed after the tests of the file that imports this. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'wintersock-test-'));
  directories.push(directory);
  return directory;
}

/**
 * An authority that this process trusts for `secureTransport: 'on'`. The variables are read with the first TLS
 * connection of the process, so this has to come before it.
 */
export async function trustedAuthority(): Promise<Authority & { file: string }> {
  const authority = await createAuthority();
  const file = join(await temporaryDirectory(), 'authority.pem');
  await writeFile(file, authority.certPem);
  for (const name of ['SSL_CERT_FILE', 'SSL_CERT_DIR', 'NODE_USE_SYSTEM_CA']) delete process.env[name];
  process.env['NODE_EXTRA_CA_CERTS'] = file;
  return { ...authority, file };
}
