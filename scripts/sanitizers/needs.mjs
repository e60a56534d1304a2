/** What has to be installed for the sanitizers, and what to do if it is not. */
import { spawnSync } from 'node:child_process';
import { isAbsolute } from 'node:path';
import { WorkspaceError } from '../workspace.mjs';

/** Components of the nightly toolchain. @type {Record<string, string[]>} */
const components = { asan: [], lsan: [], tsan: ['rust-src'], miri: ['rust-src', 'miri'] };

/**
 * Adds components to the nightly toolchain that are missing. Nothing else is installed.
 * @param {string} which
 * @throws {WorkspaceError} What is missing, and how to get it.
 */
export function checkNeeds(which) {
  if (process.platform !== 'linux' && which !== 'miri') {
    throw new WorkspaceError(`test:${which} runs on Linux with glibc, x64 or arm64.`);
  }
  const wanted = components[which] ?? [];
  if (ask('rustup', ['--version']) === undefined) {
    throw new WorkspaceError(
      `rustup was not found. Install it from https://rustup.rs, then: ${install(wanted)}`,
    );
  }
  if (ask('rustc', ['+nightly', '--version']) === undefined) {
    throw new WorkspaceError(`The nightly toolchain of Rust is missing: ${install(wanted)}`);
  }
  const listed = ask('rustup', ['+nightly', 'component', 'list', '--installed']) ?? '';
  for (const name of wanted.filter((component) => !listed.includes(component))) {
    const added = spawnSync('rustup', ['+nightly', 'component', 'add', name], { stdio: 'inherit' });
    if (added.status !== 0)
      throw new WorkspaceError(`rustup +nightly component add ${name} failed, see above.`);
  }
  if (which === 'miri') return;
  for (const [command, packaged] of /** @type {const} */ ([
    ['gcc', 'build-essential'],
    ['addr2line', 'binutils'],
  ])) {
    if (ask(command, ['--version']) === undefined) {
      throw new WorkspaceError(`${command} was not found (Debian, Ubuntu: apt install ${packaged}).`);
    }
  }
}

/** GCC's library of that name. @param {string} name As `libtsan.so`. */
export function gccLibrary(name) {
  const path = ask('gcc', [`-print-file-name=${name}`])?.trim() ?? '';
  if (isAbsolute(path)) return path;
  throw new WorkspaceError(
    `GCC has no ${name} (Debian, Ubuntu: apt install build-essential; Fedora: dnf install libtsan).`,
  );
}

/** Where the nightly toolchain has the libraries of a target. @param {string} triple */
export function nightlyLibraries(triple) {
  return ask('rustc', ['+nightly', '--print', 'target-libdir', '--target', triple])?.trim() ?? '';
}

/** @param {readonly string[]} wanted */
function install(wanted) {
  const options = wanted.length > 0 ? ` --component ${wanted.join(',')}` : '';
  return `rustup toolchain install nightly --profile minimal${options}`;
}

/** What a command says, unless it fails. @param {string} command @param {string[]} args */
function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' });
  return status === 0 ? stdout : undefined;
}
