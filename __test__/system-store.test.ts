/** The system's store of certificates, if Node was told to use it. In a view of the file system of its own: the real one is not touched. */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { BindingConfig } from 'wintersock';
import { temporaryDirectory } from './behaviour/trust.ts';
import { Peer } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';
import { type Authority, createAuthority } from './fixtures/pki.mjs';

/** Where most systems have it. */
const STORE = '/etc/ssl/certs';

let authority: Authority;
let other: Authority;
let directory: string;
const path = (name: string) => join(directory, name);

beforeAll(async () => {
  authority = await createAuthority();
  other = await createAuthority({ commonName: 'another authority' });
  directory = await temporaryDirectory();
  await writeFile(path('ca-certificates.crt'), authority.certPem);
  await writeFile(path('other.pem'), other.certPem);
});

/** How TLS with a server of the authority ends, where that is the only one in the system's store. */
async function connecting(env: Record<string, string>, config: BindingConfig): Promise<string> {
  await using peer = await Peer.open();
  const credentials = await authority.issue({ names: ['localhost'] });
  peer.onWire = (wire) => void wire.secure({ credentials }).catch(() => {});
  const host = '--import ./__test__/fixtures/host-config.mjs';
  const script = `${host} __test__/fixtures/error-report.mjs tls=localhost:${peer.port}`;
  const shell = `mount --bind "$1" ${STORE} && exec "$0" ${script}`;
  const { stdout, stderr } = await runNode(['-rm', 'sh', '-c', shell, process.execPath, directory], {
    node: 'unshare',
    env: { ...env, HOST_CONFIG: JSON.stringify(config) },
    deadline: 30_000,
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout).code;
}

const ownView = spawnSync('unshare', ['-rm', 'mount', '--bind', STORE, STORE]).status === 0;
describe.runIf(ownView)('an authority of the system', () => {
  const USE = { NODE_USE_SYSTEM_CA: '1' };
  const UNKNOWN = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  const cases: {
    how: string;
    env?: () => Record<string, string>;
    config?: () => BindingConfig;
    code: string;
  }[] = [
    { how: 'by default', env: () => ({}), code: UNKNOWN },
    { how: 'NODE_USE_SYSTEM_CA=1', env: () => USE, code: 'opened' },
    { how: 'NODE_USE_SYSTEM_CA=0', env: () => ({ NODE_USE_SYSTEM_CA: '0' }), code: UNKNOWN },
    {
      how: 'asked for, and SSL_CERT_FILE',
      env: () => ({ ...USE, SSL_CERT_FILE: path('other.pem') }),
      code: 'opened',
    },
    {
      how: 'asked for, and NODE_EXTRA_CA_CERTS',
      env: () => ({ ...USE, NODE_EXTRA_CA_CERTS: path('other.pem') }),
      code: 'opened',
    },
    { how: 'systemCa', config: () => ({ systemCa: true }), code: 'opened' },
    { how: 'systemCa beside ca', config: () => ({ systemCa: true, ca: other.certPem }), code: 'opened' },
    {
      how: 'NODE_USE_SYSTEM_CA=1, and systemCa is false',
      env: () => USE,
      config: () => ({ systemCa: false }),
      code: UNKNOWN,
    },
    {
      how: 'NODE_USE_SYSTEM_CA=1, and ca replaces it',
      env: () => USE,
      config: () => ({ ca: other.certPem }),
      code: UNKNOWN,
    },
    { how: 'SSL_CERT_FILE alone', env: () => ({ SSL_CERT_FILE: path('other.pem') }), code: UNKNOWN },
  ];
  test.concurrent.each(cases)('$how: $code', async ({ env, config, code }) => {
    expect(await connecting(env?.() ?? {}, config?.() ?? {})).toBe(code);
  });
});
