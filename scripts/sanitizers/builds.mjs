/** How the addon and its tests are built and run with each sanitizer. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gccLibrary, nightlyLibraries } from './needs.mjs';

/** @typedef {import('../variant.mjs').VariantOptions} VariantOptions */
/** @typedef {import('../variant.mjs').CargoPlan} CargoPlan */

/** @param {string} name */
const beside = (name) => fileURLToPath(new URL(name, import.meta.url));
const triple = `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}_unknown_linux_gnu`;

/**
 * The published cryptography is partly C. GCC instruments that as well: both compilers keep to one interface.
 * @param {string} flag @param {string[]} [cargo]
 * @returns {VariantOptions}
 */
function instrumented(flag, cargo = []) {
  return {
    toolchain: 'nightly',
    rustflags: `-Zsanitizer=${flag} -Cforce-frame-pointers=yes`,
    cargo,
    env: { [`CFLAGS_${triple}`]: `-fsanitize=${flag} -fno-omit-frame-pointer -g1` },
  };
}

/** Quick to build, for what looks at Rust alone. @type {VariantOptions} */
const rustAlone = { toolchain: 'nightly', profile: 'dev', defaultFeatures: false, features: ['ring'] };

/** @type {Record<string, VariantOptions>} */
export const builds = {
  asan: instrumented('address'),
  // The standard library has to be instrumented too, or what it orders would look like races.
  tsan: instrumented('thread', ['-Zbuild-std']),
  lsan: { ...rustAlone, rustflags: '-Zsanitizer=leak -Cforce-frame-pointers=yes' },
  miri: { ...rustAlone, env: { MIRIFLAGS: '-Zmiri-disable-isolation' } },
};

/** How much longer things may take. @type {Record<string, number>} */
export const slowness = { asan: 3, tsan: 5, lsan: 1, miri: 1 };

/**
 * The libraries that a process without instrumentation has to load before all others, for LD_PRELOAD.
 * @param {string} which @param {CargoPlan} plan
 */
export function preloads(which, plan) {
  mkdirSync(plan.target, { recursive: true });
  if (which === 'asan') {
    // The runtime of the compiler that instrumented the code. It comes for executables alone: as a library it lacks what only those
    // may have, and must not be called as LLVM's own library is, of which it thinks that it must not be there beside it.
    const library = join(plan.target, 'wintersock-asan.so');
    const archive = join(plan.target, 'asan.a');
    execFileSync('cp', [join(nightlyLibraries(plan.triple), 'librustc-nightly_rt.asan.a'), archive]);
    execFileSync('ar', ['d', archive, 'asan_preinit.cpp.o']);
    const whole = ['-Wl,--whole-archive', archive, '-Wl,--no-whole-archive'];
    execFileSync('gcc', [
      '-shared',
      '-o',
      library,
      ...whole,
      '-lpthread',
      '-ldl',
      '-lrt',
      '-lm',
      '-Wl,-z,defs',
    ]);
    return library;
  }
  // The nightly toolchain's is not made for use in libraries.
  const [library, own] = [gccLibrary('libtsan.so'), join(plan.target, 'wintersock-tsan.so')];
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-fno-builtin', '-o', own, beside('tsan.c'), library]);
  return `${library}:${own}`;
}

/**
 * Options of the sanitizers, in their environment variable. Reports go to files in the directory: who reads the output of a process does
 * not always show it.
 * @param {string} which @param {string} reports
 * @returns {NodeJS.ProcessEnv}
 */
export function options(which, reports) {
  mkdirSync(reports, { recursive: true });
  const common = [`log_path=${join(reports, 'report')}`, 'log_exe_name=1', 'allow_addr2line=1'];
  switch (which) {
    case 'asan':
      // Leaks: V8 does not clean up at the end. One definition: a test loads two copies of the package. No memory: Node can deal with it.
      // Segmentation faults: Node takes away every handler at its start.
      return setting('ASAN_OPTIONS', [
        ...[...common, 'detect_leaks=0', 'detect_odr_violation=0', 'allocator_may_return_null=1'],
        ...['handle_segv=2', 'handle_sigbus=2', 'handle_sigill=2'],
      ]);
    case 'lsan':
      return setting('LSAN_OPTIONS', [
        ...common,
        `suppressions=${beside('lsan.txt')}`,
        'print_suppressions=0',
      ]);
    case 'tsan': {
      // Reports about Node itself are set aside later, and must not change how a process ends until then. The threads of tokio end with
      // the process (src/runtime.rs), as some of Node do.
      const quiet = ['exitcode=0', 'report_thread_leaks=0', 'die_after_fork=0', 'history_size=7'];
      const suppressions = `suppressions=${beside('tsan.txt')}`;
      return { ...setting('TSAN_OPTIONS', [...common, ...quiet, suppressions]), TSAN_REPORTS: reports };
    }
    default:
      return {};
  }
}

/** @param {string} name @param {string[]} settings */
const setting = (name, settings) => ({ [name]: settings.join(':') });

/**
 * What to put before a command. ThreadSanitizer wants memory at places that more randomness than this would put other things at.
 * @param {string} which
 * @returns {string[]}
 */
export function launcher(which) {
  const bits = which === 'tsan' ? Number(readFileSync('/proc/sys/vm/mmap_rnd_bits', 'utf8')) : 0;
  return bits > 28 ? ['setarch', '-R'] : [];
}
