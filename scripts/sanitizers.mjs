/**
 * The tests under sanitizers: `node scripts/sanitizers.mjs <asan|tsan|lsan|miri> [options]`. What is built stays in .cache/variants/; nothing
 * of the checkout is touched.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { builds, launcher, options, preloads, slowness } from './sanitizers/builds.mjs';
import { checkNeeds } from './sanitizers/needs.mjs';
import { addonsOf, checkReports, judge, plain, testBinaries } from './sanitizers/proof.mjs';
import { readReports } from './sanitizers/reports.mjs';
import { miri, miriTests, suites, tests } from './sanitizers/subjects.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';
import { runStep } from './step.mjs';
import { cargoPlan, makeVariant, mirrorCheckout } from './variant.mjs';
import { WorkspaceError } from './workspace.mjs';

const USAGE = `node scripts/sanitizers.mjs <asan|tsan|lsan|miri> [options]

  asan  AddressSanitizer: the Rust tests, and the addon in Node
  tsan  ThreadSanitizer: the same
  lsan  LeakSanitizer: the Rust tests
  miri  Miri: the Rust tests of what needs no system

  --quick           a part of it
  --node <majors>   versions of Node, as 20,26 (default: the first and the last; with --quick the first)
  --io <ways>       where I/O happens, as direct,thread (default: both; with --quick direct)
  --only <words>    steps with one of these words in their name, separated by commas
  --no-build        the addon that is there
  --write           put the result into docs/reliability.md`;

/**
 * `passed`: tests, or scenarios of a suite.
 * @typedef {{ name: string, ok: boolean, ending: string, passed: number, found: string[], aside: number, seconds: number }} Result
 */

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    node: { type: 'string' },
    io: { type: 'string' },
    only: { type: 'string', default: '' },
    build: { type: 'boolean', default: true },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowNegative: true,
});
const [which = ''] = positionals;

if (values.help || builds[which] === undefined) {
  console.log(USAGE);
  process.exitCode = values.help ? 0 : 1;
} else {
  try {
    await main(builds[which]);
  } catch (error) {
    if (!(error instanceof WorkspaceError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

/** @param {import('./variant.mjs').VariantOptions} build */
async function main(build) {
  checkNeeds(which);
  if (values.write) checkSection(which);
  const begun = performance.now();
  const plan = cargoPlan(which, build);
  const inNode = which === 'asan' || which === 'tsan';
  const host = inNode
    ? { node: await nodeExecutable(nodeMajors[0] ?? 20), preload: preloads(which, plan) }
    : undefined;
  checkReports(which, join(plan.target, 'wrong'), host);
  const mirror = inNode && values.build ? (await makeVariant(which, build)).root : mirrorCheckout(which);
  const strange = inNode ? plain(which, addonsOf(mirror)) : [];
  if (strange.length > 0) throw new WorkspaceError(strange.join('\n'));
  const built = seconds(begun);
  /** @type {Result[]} */
  const results = [];
  for (const { name, command, args, env, instrumented, cargo } of [
    // They take about as long to build as the addon.
    ...(inNode && values.quick ? [] : rust(plan)),
    ...(inNode ? await node(plan) : []),
  ]) {
    if (!values.only.split(',').some((word) => name.includes(word))) continue;
    console.log(`\n=== ${which}: ${name}`);
    const reports = join(mirror, '.cache', 'reports', name.replaceAll(/\W+/g, '-'));
    rmSync(reports, { recursive: true, force: true });
    mkdirSync(reports, { recursive: true });
    const start = performance.now();
    const environment = { ...env, ...options(which, reports), WINTERSOCK_SLOWNESS: String(slowness[which]) };
    const outcome = await runStep(command, args, {
      cwd: mirror,
      env: environment,
      minutes: values.quick ? 30 : 240,
    });
    const { found, aside } = readReports(reports, instrumented);
    const { passed, faults } = judge(outcome.output, cargo ? filters() : []);
    if (cargo && which !== 'miri') faults.push(...plain(which, testBinaries(outcome.output, mirror)));
    const ok = outcome.ok && faults.length === 0;
    const ending = outcome.ok && !ok ? faults.join('; ') : outcome.ending;
    results.push({ name, ok, ending, passed, found, aside, seconds: seconds(start) });
  }
  conclude(results, built);
}

/** What has to be among the Rust tests that have passed. */
function filters() {
  return which === 'miri' ? miriTests(values.quick).filters : [];
}

/** The Rust tests. @param {import('./variant.mjs').CargoPlan} plan */
function rust({ args, env }) {
  const [command = '', ...before] = [...launcher(which), 'cargo'];
  const rest = which === 'miri' ? ['--', ...miri(values.quick)] : [];
  const test = [...(which === 'miri' ? args('miri', 'test') : args('test')), '--lib', ...rest];
  return [
    { name: 'the Rust tests', command, args: [...before, ...test], env, instrumented: true, cargo: true },
  ];
}

/** What runs in Node. @param {import('./variant.mjs').CargoPlan} plan */
async function node(plan) {
  const libraries = preloads(which, plan);
  const [first = 20, last = first] = [nodeMajors.at(0), nodeMajors.at(-1)];
  const majors = values.node?.split(',').map(Number) ?? (values.quick ? [first] : [first, last]);
  const ways = values.io?.split(',') ?? (values.quick ? ['direct'] : ['direct', 'thread']);
  const limit = String(30_000 * (slowness[which] ?? 1));
  const limits = [`--testTimeout=${limit}`, `--hookTimeout=${limit}`, '--maxWorkers=2'];
  const steps = [];
  for (const major of majors) {
    for (const way of ways) {
      const [command = '', ...before] = [...launcher(which), await nodeExecutable(major)];
      const env = { ...process.env, LD_PRELOAD: libraries, WINTERSOCK_IO: way };
      const on = `Node ${major}, ${way}`;
      for (const [suite, own] of Object.entries(suites(values.quick))) {
        const args = [`scripts/${suite}.mjs`, ...own, '--node', String(major), '--io', way];
        steps.push({ name: `${suite}, ${on}`, command, args: [...before, ...args], env });
      }
      for (const [name, files] of Object.entries(tests(values.quick))) {
        const args = ['node_modules/vitest/vitest.mjs', 'run', ...limits, ...files];
        steps.push({ name: `${name}, ${on}`, command, args: [...before, ...args], env });
      }
    }
  }
  return steps.map((step) => ({ ...step, instrumented: which === 'asan', cargo: false }));
}

/** @param {Result[]} results @param {number} built Seconds. */
function conclude(results, built) {
  console.log(`\n=== ${which}: result (build: ${built} s)`);
  for (const { name, ok, ending, passed, found, aside, seconds } of results) {
    const about = [
      `${passed} tests`,
      `${found.length} reports`,
      ...(aside > 0 ? [`${aside} of Node itself set aside`] : []),
    ];
    console.log(
      `${ok && found.length === 0 ? 'ok    ' : 'FAILED'}  ${name} (${seconds} s): ${ending}, ${about.join(', ')}`,
    );
  }
  const distinct = new Map(results.flatMap(({ found }) => found).map((report) => [essence(report), report]));
  for (const report of [...distinct.values()].slice(0, 20)) console.log(`\n${report}`);
  if (distinct.size > 20)
    console.log(`\n... and ${distinct.size - 20} more, in .cache/variants/${which}/.cache/reports`);
  const failed = results.filter(({ ok, found }) => !ok || found.length > 0).length;
  console.log(`\n${results.length - failed} passed, ${failed} failed`);
  if (failed > 0 || results.length === 0) process.exitCode = 1;
  if (values.write && results.length > 0) write(results, built);
}

/** What two reports of the same thing have in common. @param {string} report */
function essence(report) {
  return report.replaceAll(/0x[0-9a-f]+|\d+/g, '').slice(report.indexOf('\n'));
}

/** Each of the four has a section of its own. @param {Result[]} results @param {number} built */
function write(results, built) {
  const rows = results.map(({ name, ok, found, passed, aside, seconds }) => {
    const result = ok ? `${found.length} reports` : `failed, ${found.length} reports`;
    return `| ${name} | ${result} | ${passed} | ${aside} | ${duration(seconds)} |`;
  });
  const head = [
    '| what | result | tests | of Node itself, set aside | time |',
    '| --- | --- | ---: | ---: | ---: |',
  ];
  const text = [`\`test:${which}\`, built in ${duration(built)}.`, '', ...head, ...rows];
  const ends = [Math.min(...nodeMajors), Math.max(...nodeMajors)].join(',');
  const usual = { node: ends, io: 'direct,thread', only: '', quick: false };
  writeSection(which, text.join('\n'), { full: isFull(values, usual) });
}

/** @param {number} start */
function seconds(start) {
  return Math.round((performance.now() - start) / 1000);
}

/** @param {number} seconds */
function duration(seconds) {
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
