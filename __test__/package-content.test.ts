/** What users get, file by file. */

import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { homedir, hostname, tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { installInto, packInto } from './fixtures/packed.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

let directory: string;
/** Has the package and the one for this platform. */
let app: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wintersock-content-'));
  app = await installInto(directory, 'app', await packInto(directory));
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

test('the package has what it needs and nothing else', async () => {
  const installed = join(app, 'node_modules', 'wintersock');
  const entries = await readdir(installed, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1));
  expect(paths.map((path) => path.split(sep).join('/')).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'cloudflare-sockets.d.ts',
    'dist/command.mjs',
    'dist/host.cjs',
    'dist/index.cjs',
    'dist/index.d.cts',
    'dist/index.mjs',
    'dist/net.cjs',
    'dist/net.mjs',
    'dist/node.cjs',
    'dist/node.d.cts',
    'dist/node.mjs',
    'dist/register-thread.mjs',
    'dist/register.mjs',
    'dist/registration.mjs',
    'dist/rolldown-runtime.cjs',
    'dist/socket.cjs',
    'dist/socket2.cjs',
    'dist/stand-in.cjs',
    'dist/tcp.cjs',
    'dist/tls.cjs',
    'dist/tls.mjs',
    'dist/workerd.mjs',
    'index.d.ts',
    'node.d.ts',
    'package.json',
    'register.d.ts',
  ]);
});

test('a platform package has its binary, its licences and nothing else', async () => {
  const [name = ''] = (await readdir(join(app, 'node_modules'))).filter((one) =>
    one.startsWith('wintersock-'),
  );
  const installed = join(app, 'node_modules', name);
  const binary = `wintersock.${name.slice('wintersock-'.length)}.node`;
  const files = await readdir(installed);
  expect(files.sort()).toEqual(
    ['LICENSE', 'README.md', 'THIRD-PARTY-LICENSES', 'package.json', binary].sort(),
  );
  // Of a megabyte it says that something was built in that should not be.
  expect((await stat(join(installed, binary))).size).toBeLessThan(12_000_000);
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  for (const member of ['scripts', 'dependencies', 'optionalDependencies', 'bin']) {
    expect(manifest).not.toHaveProperty(member);
  }
});

test('nothing in it tells where it was built', async () => {
  const names = (await readdir(join(app, 'node_modules'))).filter((one) => one.startsWith('wintersock'));
  const places = [join(homedir(), sep), root, join('.cargo', 'registry'), hostname()];
  // Of a machine that is called so, everything would tell.
  const telling = places.filter((place) => place.length > 4 && place !== 'localhost');
  expect(names).toHaveLength(2);
  for (const name of names) {
    const entries = await readdir(join(app, 'node_modules', name), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const content = await readFile(join(entry.parentPath, entry.name), 'latin1');
      expect({ file: entry.name, tells: telling.filter((place) => content.includes(place)) }).toEqual({
        file: entry.name,
        tells: [],
      });
      expect(content).not.toContain('sourceMappingURL');
    }
  }
});

test('it uses what Node has, and nothing else', async () => {
  const dist = join(app, 'node_modules', 'wintersock', 'dist');
  const files = (await readdir(dist)).filter((file) => /\.[cm]?js$/.test(file));
  const used = new Set<string>();
  for (const file of files) {
    const code = await readFile(join(dist, file), 'utf8');
    const imports = /(?:\bfrom|\bimport|\brequire\(|\bimport\() ?["']([^"'\n]+)["']/g;
    for (const [, name = ''] of code.matchAll(imports)) used.add(name);
  }
  const others = [...used].filter((name) => !isBuiltin(name) && !name.startsWith('.'));
  expect(others.filter((name) => !/^(?:wintersock|cloudflare:sockets)/.test(name))).toEqual([]);
});

test('nothing runs when it is installed, and each platform has its package', async () => {
  const manifest = JSON.parse(
    await readFile(join(app, 'node_modules', 'wintersock', 'package.json'), 'utf8'),
  );
  expect(manifest).not.toHaveProperty('scripts');
  expect(manifest).not.toHaveProperty('dependencies');
  expect(manifest).not.toHaveProperty('private');
  const platforms = (await readdir(join(root, 'npm'))).map((platform) => [
    `wintersock-${platform}`,
    manifest.version,
  ]);
  expect(platforms).toHaveLength(8);
  expect(manifest.optionalDependencies).toEqual(Object.fromEntries(platforms));
});
