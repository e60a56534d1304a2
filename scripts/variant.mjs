/**
 * Variants of this checkout: mirrors of it under .cache/variants/ that differ in how their addon is built, for example
 * with AddressSanitizer. Every script and every test runs there as it does here.
 */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { runStep } from './step.mjs';
import { root, WorkspaceError } from './workspace.mjs';

/**
 * How the addon of a variant is built. Without any of it: as cargo's profile `release`, without what only makes the
 * published addon smaller and the build slower.
 * @typedef {object} VariantOptions
 * @property {string} [toolchain] A toolchain of rustup, as `nightly`. Default: the one that is active.
 * @property {readonly string[]} [features] Features of the crate. Default: none but the default ones.
 * @property {boolean} [defaultFeatures] Whether the crate's default features are on. Default: true.
 * @property {string} [rustflags] For the crate and what it depends on, not for build scripts and macros.
 * @property {string} [profile] A profile of cargo. Default: `release`.
 * @property {readonly string[]} [cargo] More arguments for cargo, as `-Zbuild-std`.
 * @property {NodeJS.ProcessEnv} [env] More environment for cargo.
 */

/**
 * @typedef {object} Variant
 * @property {string} root The mirror. Commands run there, with this as their directory.
 * @property {string} addon The addon that was built.
 * @property {string} target What cargo built into.
 */

/**
 * How cargo is called for a variant.
 * @typedef {object} CargoPlan
 * @property {(...command: string[]) => string[]} args The arguments, from the toolchain on, for a command as `build`.
 * @property {NodeJS.ProcessEnv} env
 * @property {string} target The target directory.
 * @property {string} triple The target triple: this machine's.
 */

const variants = join(root, '.cache', 'variants');

/**
 * Makes the variant, or brings it up to date.
 * @param {string} name @param {VariantOptions} [options]
 * @returns {Promise<Variant>} Rejects with a WorkspaceError if it cannot be built.
 */
export async function makeVariant(name, options = {}) {
  const mirror = mirrorCheckout(name);
  const plan = cargoPlan(name, options);
  await must('cargo', [...plan.args('build'), '--lib'], { cwd: mirror, env: plan.env, minutes: 40 });
  const addon = join(mirror, `wintersock.${platformName(plan.triple)}.node`);
  const directory = { dev: 'debug' }[options.profile ?? 'release'] ?? options.profile ?? 'release';
  replace(join(plan.target, plan.triple, directory, libraryName()), addon);
  await must('npm', ['run', 'build:js'], { cwd: mirror, minutes: 5 });
  return { root: mirror, addon, target: plan.target };
}

/**
 * @param {string} name @param {VariantOptions} options
 * @returns {CargoPlan}
 */
export function cargoPlan(name, options) {
  const { toolchain, features = [], defaultFeatures = true, rustflags = '', profile = 'release' } = options;
  const selected = toolchain === undefined ? [] : [`+${toolchain}`];
  const triple = hostTriple(selected);
  const target = join(variants, `target-${name}`);
  return {
    args: (...command) => [
      ...selected,
      // With a target named, the flags do not reach build scripts and macros, which run inside cargo and rustc.
      ...[...command, '--locked', '--profile', profile, '--target', triple],
      ...(defaultFeatures ? [] : ['--no-default-features']),
      ...(features.length > 0 ? ['--features', features.join(',')] : []),
      ...(options.cargo ?? []),
    ],
    env: {
      ...process.env,
      CARGO_TARGET_DIR: target,
      CARGO_PROFILE_RELEASE_LTO: 'off',
      CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
      CARGO_PROFILE_RELEASE_STRIP: 'none',
      CARGO_PROFILE_RELEASE_DEBUG: 'line-tables-only',
      ...(rustflags === '' ? {} : { RUSTFLAGS: rustflags }),
      ...options.env,
    },
    target,
    triple,
  };
}

/**
 * The files of the checkout as they are now, committed or not, without what git ignores.
 * @param {string} name
 * @returns {string} The mirror.
 */
export function mirrorCheckout(name) {
  const mirror = join(variants, name);
  const listing = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', listing, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }).split('\0');
  const present = new Set(files.filter((file) => file !== '' && existsSync(join(root, file))));
  for (const file of present) replace(join(root, file), join(mirror, file));
  for (const file of mirrored(mirror)) if (!present.has(file)) rmSync(join(mirror, file));
  link('node_modules', mirror);
  link(join('.cache', 'node'), mirror);
  return mirror;
}

/** What a mirror has of a checkout, by its own account. @param {string} mirror @param {string} [at] @returns {string[]} */
function mirrored(mirror, at = '') {
  return readdirSync(join(mirror, at), { withFileTypes: true }).flatMap((entry) => {
    if (/^(node_modules|dist|target|\.cache)$|\.node$/.test(entry.name)) return [];
    // As in what git says, whatever the system.
    const path = at === '' ? entry.name : `${at}/${entry.name}`;
    return entry.isDirectory() ? mirrored(mirror, path) : [path];
  });
}

/** Copies a file unless it is the same: cargo builds again what is younger than its products. @param {string} from @param {string} to */
function replace(from, to) {
  const same = statSync(to, { throwIfNoEntry: false })?.size === statSync(from).size;
  if (same && readFileSync(to).equals(readFileSync(from))) return;
  mkdirSync(dirname(to), { recursive: true });
  // Never into the old file: a process may have it mapped.
  rmSync(to, { force: true });
  copyFileSync(from, to);
}

/** @param {string} path @param {string} mirror */
function link(path, mirror) {
  const [source, place] = [join(root, path), join(mirror, path)];
  if (existsSync(place) || !existsSync(source)) return;
  mkdirSync(dirname(place), { recursive: true });
  // A checkout of git worktree may have a link there itself.
  symlinkSync(realpathSync(source), place, process.platform === 'win32' ? 'junction' : 'dir');
}

/** @param {readonly string[]} toolchain As `+nightly`, or nothing. */
function hostTriple(toolchain) {
  try {
    const answer = execFileSync('rustc', [...toolchain, '-vV'], { encoding: 'utf8' });
    return /^host: (.+)$/m.exec(answer)?.[1] ?? '';
  } catch (error) {
    const [name] = toolchain;
    const remedy = name ? `rustup toolchain install ${name.slice(1)}` : 'install Rust from https://rustup.rs';
    throw new WorkspaceError(`rustc ${name ?? ''} cannot be run: ${remedy}`, { cause: error });
  }
}

/** How napi calls the platform. @param {string} triple */
function platformName(triple) {
  const { platform, arch } = process;
  if (platform === 'darwin') return `darwin-${arch}`;
  return platform === 'win32'
    ? `win32-${arch}-msvc`
    : `linux-${arch}-${triple.endsWith('musl') ? 'musl' : 'gnu'}`;
}

function libraryName() {
  if (process.platform === 'win32') return 'wintersock.dll';
  return process.platform === 'darwin' ? 'libwintersock.dylib' : 'libwintersock.so';
}

/** @param {string} command @param {string[]} args @param {Parameters<typeof runStep>[2]} options */
async function must(command, args, options) {
  const { ok, ending } = await runStep(command, args, options);
  if (!ok) throw new WorkspaceError(`${command} ${args.join(' ')} failed: ${ending}`);
}
