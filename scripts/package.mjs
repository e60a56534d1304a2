/**
 * Makes the tarballs that are published: `node scripts/package.mjs [--out <directory>] [--all]`.
 *
 * The package itself, and one package for each binary that has been built, the platform packages in npm/. With
 * `--all` every platform must have been built: for a release. Prints the path of each tarball, `wintersock` last.
 *
 * The manifest in the repository names no platform packages: `npm ci` would look for versions that are published
 * only after the build. They are added here, which is also why it is `private`: it must not be published as it is.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values: options } = parseArgs({
  options: { out: { type: 'string', default: join(root, '.cache', 'package') }, all: { type: 'boolean' } },
});
const out = resolve(options.out);

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

/**
 * Packs a directory of exactly what is to be in the package.
 * @param {string} name @param {object} manifest @param {readonly string[]} sources
 */
function pack(name, manifest, sources) {
  const stage = join(out, name);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  for (const source of sources)
    cpSync(source, join(stage, source.split(/[\\/]/).at(-1) ?? ''), { recursive: true });
  writeFileSync(join(stage, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  // npm is a .cmd file on Windows, which can only be started through a shell.
  const npm = ['pack', '--json', '--ignore-scripts', '--pack-destination', out];
  const report = execFileSync('npm', npm, {
    cwd: stage,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  rmSync(stage, { recursive: true });
  console.log(join(out, JSON.parse(report)[0].filename));
}

/** The first path of somebody's home directory, or of cargo's sources, that a binary names. @param {Buffer} binary */
function pathIn(binary) {
  const path = /(?:\/home\/|\/root\/|\/Users\/|[A-Z]:\\Users\\|\.cargo[\\/])[\w .+@\\/-]{4,}/;
  return path.exec(binary.toString('latin1'))?.[0];
}

const manifest = readJson(join(root, 'package.json'));
const platforms = readdirSync(join(root, 'npm')).map((platform) => {
  const directory = join(root, 'npm', platform);
  const platformManifest = readJson(join(directory, 'package.json'));
  if (platformManifest.version !== manifest.version) {
    throw new Error(`npm/${platform} has version ${platformManifest.version}, not ${manifest.version}`);
  }
  return { directory, manifest: platformManifest, binary: join(root, platformManifest.main) };
});

const missing = platforms.filter(({ binary }) => !existsSync(binary));
if (missing.length > (options.all ? 0 : platforms.length - 1)) {
  throw new Error(`not built: ${missing.map(({ manifest }) => manifest.main).join(', ')}`);
}

mkdirSync(out, { recursive: true });
const license = join(root, 'LICENSE');
for (const platform of platforms) {
  if (missing.includes(platform)) continue;
  const binary = readFileSync(platform.binary);
  // What a panic that is asked for says: src/inject.rs.
  if (binary.includes('injected at'))
    throw new Error(
      `${platform.binary} has points that can be made to fail: build it with npm run build:rust`,
    );
  const path = pathIn(binary);
  if (path !== undefined && options.all)
    throw new Error(`${platform.binary} names ${path}: build it with npm run build:rust`);
  pack(platform.manifest.name, platform.manifest, [
    platform.binary,
    join(platform.directory, 'README.md'),
    license,
    join(root, 'THIRD-PARTY-LICENSES'),
  ]);
}

const {
  private: _private,
  scripts: _scripts,
  devDependencies: _development,
  napi: _napi,
  ...published
} = manifest;
published.optionalDependencies = Object.fromEntries(
  platforms.map(({ manifest: { name, version } }) => [name, version]),
);
const files = [...published.files, 'README.md', 'LICENSE'].map((file) => join(root, file));
pack(published.name, published, files);
