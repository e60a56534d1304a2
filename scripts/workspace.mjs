/**
 * Brings a clone to the point where its code runs: dependencies installed, products built. Uses Node's own modules
 * only, because nothing else may be there yet.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The clone. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** Something that the user has to do. The message says what. */
export class WorkspaceError extends Error {}

/** Runs `npm ci` unless every package of the lock file is there in its version. Returns whether it ran. */
export async function installDependencies({ log = console.log, signal } = {}) {
  const missing = missingPackage();
  if (!missing) return false;
  log(`Installing the dependencies (${missing} is missing): npm ci`);
  await npm(['ci', '--no-audit', '--no-fund'], signal);
  return true;
}

/** Builds what is missing or older than its sources. Returns the names of the npm scripts that ran. */
export async function buildProducts({ log = console.log, signal } = {}) {
  const stale = products.filter((product) => isStale(product));
  if (stale.some(({ needsRust }) => needsRust)) requireRust();
  for (const { script, what } of stale) {
    log(`Building ${what}: npm run ${script}`);
    await npm(['run', script], signal);
  }
  return stale.map(({ script }) => script);
}

const products = [
  {
    script: 'build:rust',
    what: 'the native addon (the first time takes some minutes)',
    needsRust: true,
    sources: ['src', 'build.rs', 'Cargo.toml', 'Cargo.lock'],
    outputs: () => namesIn('.', (name) => name.startsWith(addonPrefix()) && name.endsWith('.node')),
  },
  {
    script: 'build:js',
    what: 'the TypeScript layer',
    needsRust: false,
    sources: ['lib', 'index.d.ts', 'tsdown.config.ts', join('scripts', 'finish-dist.mjs')],
    outputs: () => namesIn('dist', () => true),
  },
];

/** @returns {string | undefined} */
function missingPackage() {
  // What npm has installed, by its own account: without the optional packages that do not fit this machine.
  const account = join('node_modules', '.package-lock.json');
  const installed = existsSync(join(root, account)) ? readJson(account).packages : {};
  const { packages } = readJson('package-lock.json');
  for (const [path, { version, optional, link }] of Object.entries(packages)) {
    if (path === '' || link || (optional && !installed[path])) continue;
    const manifest = join(path, 'package.json');
    if (!existsSync(join(root, manifest)) || readJson(manifest).version !== version) {
      return path.replace(/^.*node_modules\//, '');
    }
  }
  return undefined;
}

function isStale({ sources, outputs }) {
  const made = outputs().map((path) => statSync(join(root, path)).mtimeMs);
  return made.length === 0 || Math.min(...made) < Math.max(...sources.map(newest));
}

/** When the youngest file at or below `path` was changed. */
function newest(path) {
  const stats = statSync(join(root, path), { throwIfNoEntry: false });
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(0, ...readdirSync(join(root, path)).map((name) => newest(join(path, name))));
}

function namesIn(directory, filter) {
  if (!existsSync(join(root, directory))) return [];
  return readdirSync(join(root, directory))
    .filter(filter)
    .map((name) => join(directory, name));
}

function addonPrefix() {
  const { napi } = readJson('package.json');
  return `${napi.binaryName}.${process.platform}-${process.arch}`;
}

function requireRust() {
  // rustup changes PATH for shells opened later only.
  const cargoHome = process.env.CARGO_HOME ?? join(homedir(), '.cargo');
  if (!runs('cargo', ['--version']) && existsSync(join(cargoHome, 'bin'))) {
    process.env.PATH = `${join(cargoHome, 'bin')}${delimiter}${process.env.PATH}`;
  }
  if (!runs('cargo', ['--version'])) {
    throw new WorkspaceError(
      'Rust is needed to build the native addon, and cargo was not found.\n' +
        'Install it from https://rustup.rs, open a new shell and run this command again.',
    );
  }
  if (process.platform !== 'win32' && !runs(process.env.CC ?? 'cc', ['--version'])) {
    throw new WorkspaceError(
      'A C compiler is needed to link the native addon and to build its cryptography, and none was found.\n' +
        (process.platform === 'darwin'
          ? 'Install one with `xcode-select --install` and run this command again.'
          : 'Install one (Debian, Ubuntu: apt install build-essential; Fedora: dnf install gcc) and run this again.'),
    );
  }
}

function runs(command, args) {
  return spawnSync(command, args, { stdio: 'ignore', windowsHide: true }).status === 0;
}

function npm(args, signal) {
  const options = { cwd: root, stdio: 'inherit', signal };
  // npm says where it is if it started this process, which spares the shell that npm.cmd needs on Windows.
  const script = process.env.npm_execpath;
  const child = script?.endsWith('.js')
    ? spawn(process.execPath, [script, ...args], options)
    : spawn('npm', args, { ...options, shell: process.platform === 'win32' });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, killer) => {
      if (code === 0) return resolve();
      reject(
        new WorkspaceError(`npm ${args.join(' ')} failed (${killer ?? `exit code ${code}`}), see above.`),
      );
    });
  });
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'));
}
