/** That a sanitizer was there, and that tests ran: what nothing has found says nothing. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { WorkspaceError } from '../workspace.mjs';
import { launcher, options } from './builds.mjs';
import { readReports } from './reports.mjs';

/** @param {string} name */
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const FLAGS = { asan: 'address', tsan: 'thread', lsan: 'leak' };

/**
 * What is wrong with a step whose command has ended well.
 * @param {string} output Of cargo, vitest or a suite.
 * @param {readonly string[]} [filters] Of the names of Rust tests: each has to fit one that has passed.
 * @returns {{ passed: number, faults: string[] }} How many tests, or scenarios, have passed.
 */
export function judge(output, filters = []) {
  const text = stripVTControlCharacters(output);
  const cargo = [...text.matchAll(/^test result: \w+\. (\d+) passed/gm)];
  // vitest counts files first; the suites say one total.
  const totals = cargo.length > 0 ? cargo : [...text.matchAll(/\b(\d+) passed/g)].slice(-1);
  const passed = totals.reduce((sum, [, count]) => sum + Number(count), 0);
  const names = [...text.matchAll(/^test (\S+)(?: - should panic)? \.\.\. ok$/gm)].map(
    ([, name = '']) => name,
  );
  const idle = filters.filter((filter) => !names.some((name) => name.includes(filter)));
  const faults = [
    ...(passed > 0 ? [] : ['nothing has run']),
    ...idle.map((filter) => `no test fits ${filter}`),
  ];
  return { passed, faults };
}

/** The binaries of tests that cargo says it runs. @param {string} output @param {string} directory Where it ran. */
export function testBinaries(output, directory) {
  const text = stripVTControlCharacters(output);
  return [...text.matchAll(/^ *Running .*\((.+)\)$/gm)].map(([, path = '']) => resolve(directory, path));
}

/** The addon of a mirror. @param {string} mirror */
export function addonsOf(mirror) {
  return readdirSync(mirror)
    .filter((name) => name.endsWith('.node'))
    .map((name) => join(mirror, name));
}

/** What of these was not built with the sanitizer, or is not there. @param {string} which @param {readonly string[]} files */
export function plain(which, files) {
  if (files.length === 0) return ['nothing was built'];
  const built = (/** @type {string} */ file) =>
    existsSync(file) && readFileSync(file).includes(`__${which}_`);
  return files.filter((file) => !built(file)).map((file) => `not built with the sanitizer: ${file}`);
}

/**
 * Has something go wrong, on purpose, and looks whether that is reported as it would be in a test: in a program of Rust, and in
 * an addon in Node.
 * @param {string} which @param {string} directory For what is built and said.
 * @param {{ node: string, preload: string }} [host] For the addon.
 * @throws {WorkspaceError} What was not.
 */
export function checkReports(which, directory, host) {
  mkdirSync(directory, { recursive: true });
  if (which === 'miri') return checkMiri();
  const program = join(directory, 'wrong');
  const flags = [
    `-Zsanitizer=${FLAGS[/** @type {keyof typeof FLAGS} */ (which)]}`,
    '-Cunsafe-allow-abi-mismatch=sanitizer',
  ];
  must('rustc', ['+nightly', ...flags, '-g', '-o', program, beside('wrong.rs')], { WRONG: which });
  const reports = join(directory, 'reports');
  check(which, reports, 'a program of Rust', [program], {}, true);
  if (host === undefined) return;
  const [object, addon] = [join(directory, 'wrong.o'), join(directory, 'wintersock-wrong.node')];
  must('gcc', [
    `-fsanitize=${FLAGS[/** @type {keyof typeof FLAGS} */ (which)]}`,
    '-g1',
    '-fPIC',
    '-c',
    '-o',
    object,
    beside('wrong.c'),
  ]);
  must('gcc', ['-shared', '-o', addon, object, '-lpthread']);
  const load = [host.node, '-e', 'process.dlopen({ exports: {} }, process.argv[1])', addon];
  check(which, reports, 'an addon in Node', load, { LD_PRELOAD: host.preload }, which === 'asan');
}

/** @param {string} which @param {string} reports @param {string} what @param {string[]} line @param {NodeJS.ProcessEnv} env @param {boolean} instrumented */
function check(which, reports, what, line, env, instrumented) {
  rmSync(reports, { recursive: true, force: true });
  const [command = '', ...args] = [...launcher(which), ...line];
  spawnSync(command, args, { env: { ...process.env, ...env, ...options(which, reports) } });
  if (readReports(reports, instrumented).found.length > 0) return;
  throw new WorkspaceError(`test:${which}: what ${what} does wrong, on purpose, is not reported.`);
}

function checkMiri() {
  const sysroot = must('cargo', ['+nightly', 'miri', 'setup', '--print-sysroot']).trim();
  const args = ['run', 'nightly', 'miri', '--sysroot', sysroot, beside('wrong.rs')];
  const { stderr } = spawnSync('rustup', args, { encoding: 'utf8' });
  if (/Undefined Behavior/.test(stderr ?? '')) return;
  throw new WorkspaceError(`test:miri: what a program does wrong, on purpose, is not reported.\n${stderr}`);
}

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function must(command, args, env = {}) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  if (status !== 0) throw new WorkspaceError(`${command} ${args.join(' ')} failed:\n${stderr}`);
  return stdout;
}
