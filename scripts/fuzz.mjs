/**
 * `npm run fuzz -- [--minutes 1] [--target name ...] [--keep] [--write]`: looks for inputs that break what reads bytes or text.
 *
 * The native half's targets are in fuzz/ (cargo-fuzz, which needs a nightly compiler), those of the TypeScript layer in
 * __test__/fuzz/ (fast-check). One runs after the other, each for so many minutes. What libFuzzer finds on its way is kept in
 * .cache/fuzz/; with `--keep` the few inputs that reach the most of it become the committed corpus, fuzz/corpus/.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { checkSection, isFull, writeSection } from './section.mjs';
import { runStep } from './step.mjs';
import { root } from './workspace.mjs';

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    target: { type: 'string', multiple: true },
    keep: { type: 'boolean' },
    list: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

/** What is kept of the corpus of a target: fuzz/tests/corpus.rs lets it have 100 files and 200 KiB, with those that are put there by hand. */
const MOST_FILES = 90;
const MOST_BYTES = 160 * 1024;
/** Longer inputs say nothing new, and take longer. */
const LENGTHS = { certificates: 6000, pem: 4000, records: 300 };

const directory = join(root, 'fuzz');
const work = join(root, '.cache', 'fuzz');
const manifest = readFileSync(join(directory, 'Cargo.toml'), 'utf8');
const native = [...manifest.matchAll(/^\[\[bin\]\]\nname = "(\w+)"/gm)].map(([, name = '']) => name);
const sources = readdirSync(join(root, '__test__', 'fuzz')).map((file) =>
  readFileSync(join(root, '__test__', 'fuzz', file), 'utf8'),
);
const script = sources.flatMap((source) =>
  [...source.matchAll(/\btarget\(\s*'([^']+)'/g)].map(([, name = '']) => name),
);

/** @type {{ name: string, passed: boolean, said: string }[]} */
const results = [];

/** The nightly compiler, in front of a command of cargo. */
const cargo = (/** @type {string[]} */ ...args) => ['+nightly', ...args];

function missing() {
  const has = (/** @type {string[]} */ ...args) => spawnSync('cargo', args, { stdio: 'ignore' }).status === 0;
  if (!has('+nightly', '--version')) return 'a nightly compiler: rustup toolchain install nightly';
  if (!has('fuzz', '--version')) return 'cargo-fuzz: cargo install --locked cargo-fuzz';
  return undefined;
}

/** Beside a corpus, what fuzzers begin with. @param {string} name */
const placeOf = (name) => join(work, 'corpus', name);

/** @param {string} name @param {number} seconds */
async function fuzz(name, seconds) {
  const dictionary = join(directory, 'dictionaries', `${name}.dict`);
  const places = [placeOf(name), join(directory, 'corpus', name)].filter((place) => existsSync(place));
  const artifacts = join(work, 'artifacts', name, '/');
  mkdirSync(artifacts, { recursive: true });
  const args = [
    ...['fuzz', 'run', '--features', 'libfuzzer', name, ...places, '--'],
    ...[`-max_total_time=${seconds}`, '-timeout=20', '-rss_limit_mb=2048', '-print_final_stats=1'],
    ...[
      `-max_len=${LENGTHS[/** @type {keyof typeof LENGTHS} */ (name)] ?? 600}`,
      `-artifact_prefix=${artifacts}`,
    ],
    ...(existsSync(dictionary) ? [`-dict=${dictionary}`] : []),
  ];
  const outcome = await runStep('cargo', cargo(...args), { minutes: seconds / 60 + 10 });
  const runs = /stat::number_of_executed_units: (\d+)/.exec(outcome.output)?.[1];
  conclude(name, outcome, runs, `; see ${relative(root, artifacts)}`);
}

/**
 * What has had no input has found nothing.
 * @param {string} name @param {import('./step.mjs').Outcome} outcome @param {string | undefined} runs As it says. @param {string} [where]
 */
function conclude(name, { ok, ending }, runs, where = '') {
  const inputs = `${Number(runs ?? 0).toLocaleString('en-GB')} inputs`;
  results.push({ name, passed: ok && Number(runs) > 0, said: ok ? inputs : `${ending}${where}` });
}

/** A few inputs that reach what the others reach, as far as there is room. @param {string} name */
async function keep(name) {
  const kept = mkdtempSync(join(work, 'kept-'));
  const from = [join(directory, 'corpus', name), placeOf(name)].filter((place) => existsSync(place));
  const merge = ['-set_cover_merge=1', '-use_counters=0', '-use_value_profile=0', '-max_len=2048'];
  const args = ['fuzz', 'run', '--features', 'libfuzzer', name, kept, ...from, '--', ...merge];
  const outcome = await runStep('cargo', cargo(...args), { minutes: 15 });
  if (!outcome.ok) throw new Error(`the corpus of ${name} could not be merged: ${outcome.ending}`);
  const files = readdirSync(kept).map((file) => ({ file, size: statSync(join(kept, file)).size }));
  files.sort((a, b) => a.size - b.size);
  let room = MOST_BYTES;
  // Some of each size: the long ones say more, the short ones say it clearer.
  const step = Math.max(1, files.length / MOST_FILES);
  const chosen = files
    .filter((_, index) => Math.floor(index / step) !== Math.floor((index - 1) / step))
    .filter(({ size }) => {
      room -= size;
      return room >= 0;
    });
  const corpus = join(directory, 'corpus', name);
  // What was put there by hand, because it was once wrong, stays.
  const fixed = existsSync(corpus) ? readdirSync(corpus).filter((file) => file.startsWith('fixed-')) : [];
  const stays = mkdtempSync(join(work, 'fixed-'));
  for (const file of fixed) cpSync(join(corpus, file), join(stays, file));
  rmSync(corpus, { recursive: true, force: true });
  mkdirSync(corpus, { recursive: true });
  for (const file of fixed) cpSync(join(stays, file), join(corpus, file));
  for (const { file } of chosen) cpSync(join(kept, file), join(corpus, file.slice(0, 12)));
  rmSync(kept, { recursive: true });
  rmSync(stays, { recursive: true });
}

/** @param {string} name @param {number} seconds */
async function fuzzScript(name, seconds) {
  const env = { ...process.env, WINTERSOCK_FUZZ_TIME: String(seconds * 1000), WINTERSOCK_FUZZ_TARGET: name };
  const args = [join('node_modules', 'vitest', 'vitest.mjs'), 'run', join('__test__', 'fuzz.test.ts')];
  const outcome = await runStep(process.execPath, args, { env, minutes: seconds / 60 + 5 });
  conclude(name, outcome, /(\d+) inputs$/m.exec(outcome.output)?.[1]);
}

async function main() {
  const minutes = Number(options.minutes);
  const wanted = options.target ?? [...native, ...script];
  const unknown = wanted.filter((name) => !native.includes(name) && !script.includes(name));
  if (!(minutes > 0) || unknown.length > 0) {
    throw new Error(
      unknown.length > 0 ? `no such target: ${unknown.join(', ')}` : '--minutes takes a number',
    );
  }
  if (options.write) checkSection('fuzz');
  const inNative = native.filter((name) => wanted.includes(name));
  if (inNative.length > 0) {
    const what = missing();
    if (what !== undefined) throw new Error(`the targets of the native half need ${what}`);
    mkdirSync(work, { recursive: true });
    const seeds = ['run', '--locked', '--manifest-path', join(directory, 'Cargo.toml'), '--example', 'seeds'];
    const seeded = await runStep('cargo', [...seeds, '--', join(work, 'corpus')], { minutes: 20 });
    const built = await runStep('cargo', cargo('fuzz', 'build', '--features', 'libfuzzer'), { minutes: 40 });
    if (!seeded.ok || !built.ok) throw new Error('the targets could not be built');
  }
  for (const name of inNative) {
    await fuzz(name, minutes * 60);
    if (options.keep) await keep(name);
  }
  for (const name of script.filter((name) => wanted.includes(name))) await fuzzScript(name, minutes * 60);

  const failed = results.filter(({ passed }) => !passed);
  console.log('\n=== results');
  for (const { name, passed, said } of results)
    console.log(`${passed ? 'ok    ' : 'FAILED'} ${name}: ${said}`);
  console.log(`\n${results.length - failed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length === 0 ? 0 : 1;
  if (options.write) report(minutes);
}

/** @param {number} minutes */
function report(minutes) {
  const rows = results.map(
    ({ name, passed, said }) => `| ${name} | ${passed ? 'nothing' : 'something'} | ${said} |`,
  );
  const text = [
    `Each target ran for ${minutes} minutes.`,
    '',
    '| target | found | |',
    '| --- | --- | --- |',
    ...rows,
  ];
  const full = isFull(options, { minutes: 10, target: [...native, ...script].join(',') });
  writeSection('fuzz', text.join('\n'), { full });
}

if (options.help) {
  console.log(`npm run fuzz -- [options]

  --minutes n     For each target. Default 1.
  --target name   This one only; may be given more than once.
  --keep          Make the smallest inputs that reach the most the committed corpus.
  --list          The names of all targets.
  --write         Put the result into docs/reliability.md.`);
} else if (options.list) {
  for (const name of [...native, ...script]) console.log(name);
} else {
  await main().catch((error) => {
    console.error(`\n${error.message}\n\n0 passed, 1 failed`);
    process.exitCode = 1;
  });
}
