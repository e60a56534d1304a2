/**
 * `npm test`: everything there is to check, on a machine with nothing but Node and Rust. Ends with a line of totals,
 * `N passed, N failed`, and with exit code 1 if anything failed. What could not be run has failed.
 *
 * Counted are the tests of cargo, those of vitest on each version of Node (the clauses of the conformance suite are
 * among them), and any other step as one.
 *
 * `npm test -- --only 'Node 20|clippy'`: the steps whose name matches.
 *
 * Tests whose server is not installed are skipped and say what to install; with `WINTERSOCK_SERVERS=required` in the environment
 * they have failed.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { runStep } from './step.mjs';
import { buildProducts, installDependencies, root } from './workspace.mjs';

/** @typedef {{ passed: number, failed: number, note?: string }} Tally */

const { only: pattern } = parseArgs({ options: { only: { type: 'string', default: '' } } }).values;
const chosen = new RegExp(`^(install|build|fetch)|${pattern}`);

/** @param {string[]} names */
const without = (names) => names.map((name) => `--exclude=__test__/${name}`);

/** What need not run again: it looks at sources, chooses versions of Node by itself, or has a suite that does. */
const once = without([
  ...['layers.test.ts', 'documents.test.ts', 'bench.test.ts', 'package.test.ts', 'package-content.test.ts'],
  ...['supply-chain.test.ts', 'soak.test.ts', 'model.test.ts', 'teardown.test.ts', 'fuzz**'],
]);

/** What takes long, and depends on the version of Node least: on the oldest and the newest only. */
const atTheEnds = without(['faults.test.ts', 'buffers.test.ts', 'io-ahead.test.ts', 'last-words.test.ts']);

/** What need not run again on the same Node: it chooses by itself where I/O happens. */
const everyWay = without(['io.test.ts', 'io-ahead.test.ts', 'examples.test.ts']);

/** Tests of clients: they wait more than they work, so some files run at a time. */
const clients = ['drivers/', 'duplex', 'shim', 'alias', 'register', 'recipes', 'maintainers'];
/** Of these, what depends on the version of Node most. */
const byNode = ['duplex', 'shim', 'alias-r', 'register', 'drivers/pg.test', 'drivers/postgres.test'];
const byWay = ['drivers/', 'duplex', 'shim'];

/** Tests of what a host decides: servers, proxies and processes of their own, so they wait as well. */
const hosts = [
  ...[
    'certificates',
    'channels',
    'command',
    'config',
    'credentials',
    'default-binding',
    'hosting',
    'idle',
    'keylog',
  ],
  ...[
    'limits',
    'local-address',
    'pins',
    'policy',
    'proxy',
    'rebinding',
    'resolve',
    'stats',
    'timeouts',
    'tls-info',
    'unix',
  ],
];
const hostsByNode = ['certificates', 'channels', 'default-binding', 'hosting', 'proxy', 'timeouts'];
/** What does not look at where I/O happens. */
const hostsOnce = ['certificates', 'command', 'config', 'credentials', 'policy'];
/** @param {string[]} names */
const only = (names) => ['--maxWorkers=3', ...names.map((name) => `__test__/${name}`)];
const others = without([...clients, ...hosts].map((name) => `${name}**`));

const [first, last] = [Math.min(...nodeMajors), Math.max(...nodeMajors)];
const between = nodeMajors.filter((major) => major !== first && major !== last);

/** Suites in processes of their own, by the names of their scripts: docs/reliability.md. @type {[script: string, ...args: string[]][]} */
const suites = [
  ['teardown', '--quick'],
  ['model', '--quick', '--seed', '1'],
  ['network', '--quick'],
  ['inject', '--quick'],
];

/**
 * The runs of vitest: where I/O happens, on which versions of Node, and with which options.
 * @type {{ what: string, way: string, majors: number[], options: string[] }[]}
 */
const runs = [
  { what: 'core', way: 'direct', majors: nodeMajors, options: others },
  { what: 'core', way: 'thread', majors: [first, last], options: [...others, ...everyWay] },
  { what: 'core', way: 'ahead', majors: [first], options: [...others, ...everyWay] },
  { what: 'clients', way: 'direct', majors: [first, last], options: only(clients) },
  { what: 'clients', way: 'direct', majors: between, options: only(byNode) },
  { what: 'clients', way: 'thread', majors: [first], options: only(byWay) },
  { what: 'hosts', way: 'direct', majors: [first, last], options: only(hosts) },
  { what: 'hosts', way: 'direct', majors: between, options: only(hostsByNode) },
  {
    what: 'hosts',
    way: 'thread',
    majors: [first],
    options: only(hosts.filter((name) => !hostsOnce.includes(name))),
  },
];

const reports = join(root, '.cache', 'test');
const one = { passed: 1, failed: 0 };
const serversRequired = process.env['WINTERSOCK_SERVERS'] === 'required';
/** Tests that failed, and with what, for the end: what is far above is cut off by some. @type {string[]} */
const failures = [];
/** @type {(Tally & { name: string })[]} */
const results = [];

/**
 * Runs one step and keeps its result.
 * @param {string} name
 * @param {() => Promise<Tally>} run
 * @param {boolean} possible Whether the steps that it needs have passed.
 */
async function step(name, run, possible = true) {
  if (!chosen.test(name)) return true;
  console.log(`\n=== ${name}`);
  const start = performance.now();
  const tally = await (possible ? run() : Promise.reject(new Error('not run'))).catch((error) => {
    return { passed: 0, failed: 1, note: String(error.message) };
  });
  results.push({ name: `${name} (${Math.round((performance.now() - start) / 1000)} s)`, ...tally });
  return tally.failed === 0;
}

/**
 * What a run of tests amounts to. Its exit code counts too: a file that cannot be loaded, or an error outside any
 * test, has no failed test to its name.
 * @param {import('./step.mjs').Outcome} outcome @param {Tally} counted
 */
function tally({ ok, ending }, { passed, failed, note = '' }) {
  if (ok && passed > 0) return { passed, failed, note };
  const why = ok ? 'no test was run' : ending;
  return { passed, failed: Math.max(failed, 1), note: note === '' ? why : `${why}, ${note}` };
}

/** A command that passes or fails as a whole. @param {string} command @param {string[]} args */
async function whole(command, args) {
  const outcome = await runStep(command, args, { minutes: 15 });
  return tally(outcome, { passed: outcome.ok ? 1 : 0, failed: 0 });
}

/** Licences, sources and doubles of the crates of a workspace. @param {string[]} [where] */
async function cargoDeny(where = []) {
  const installed = await runStep('cargo', ['deny', '--version'], { minutes: 1 });
  const args = ['deny', '--locked', ...where, 'check', 'bans', 'licenses', 'sources'];
  if (installed.ok) return whole('cargo', args);
  const note = 'cargo-deny is not installed: cargo install --locked cargo-deny';
  return { passed: 0, failed: serversRequired ? 1 : 0, note };
}

/** The tests of cargo, from the totals of each test binary. @param {string[]} args */
async function cargoTest(args) {
  const outcome = await runStep('cargo', ['test', '--locked', ...args], { minutes: 15 });
  let [passed, failed] = [0, 0];
  for (const [, name] of outcome.output.matchAll(/^test (.*) \.\.\. FAILED$/gm))
    failures.push(`cargo: ${name}`);
  for (const [, good, bad] of outcome.output.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed;/gm)) {
    passed += Number(good);
    failed += Number(bad);
  }
  return tally(outcome, { passed, failed });
}

/** A suite of its own, from the totals that it prints. @param {string} script @param {string[]} args */
async function suite(script, args) {
  const outcome = await runStep(run, [`scripts/${script}.mjs`, ...args], { minutes: 15 });
  const totals = [...outcome.output.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  for (const [, what = ''] of outcome.output.matchAll(/^FAILED:? (.*)$/gm))
    failures.push(`${script}: ${told(what)}`);
  const note = outcome.output.match(/^not run: .*$/m)?.[0] ?? '';
  // It has said what is missing, and failed if that is required.
  if (outcome.ok && !totals && note !== '') return { passed: 0, failed: serversRequired ? 1 : 0, note };
  return tally(outcome, { passed: Number(totals?.[1] ?? 0), failed: Number(totals?.[2] ?? 0), note });
}

/** Tests of vitest, from its report. @param {string} node @param {string} way @param {string[]} options */
async function vitest(node, way, options) {
  const report = join(reports, 'vitest.json');
  rmSync(report, { force: true });
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...options];
  const env = { ...process.env, WINTERSOCK_IO: way };
  const outcome = await runStep(node, ['node_modules/vitest/vitest.mjs', ...args], { env, minutes: 15 });
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = readJson(report);
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const unserved = tests.filter(
    ({ fullName, status }) => status !== 'passed' && fullName.includes('skipped: install'),
  );
  const missed = serversRequired ? unserved : [];
  const bad = tests.filter((test) => test.status === 'failed' || missed.includes(test));
  const files = testResults.filter(({ status, assertionResults }) => {
    return status === 'failed' && !assertionResults.some((test) => test.status === 'failed');
  });
  const names = [
    ...bad.map(({ fullName, failureMessages: [first = ''] = [] }) => `${fullName}: ${told(first)}`),
    ...files.map(({ name }) => relative(root, name)),
  ];
  failures.push(...names.map((name) => `Node ${majorOf(node)}, ${way}: ${name}`));
  const conformance = testResults.find(({ name }) => name.endsWith('/conformance.test.ts'));
  const clauses = conformance?.assertionResults.filter(({ status }) => status === 'passed') ?? [];
  const skipped = `${numPendingTests + numTodoTests} skipped`;
  const note = clauses.length === 0 ? skipped : `${clauses.length} of the conformance suite, ${skipped}`;
  return tally(outcome, { passed: numPassedTests, failed: numFailedTests + missed.length, note });
}

/** The first line of what a failure says, for the end. @param {string} text */
const told = (text) => stripVTControlCharacters(text).split('\n', 1).join('').slice(0, 400);

/** @param {string} node */
const majorOf = (node) => [...nodes].find(([, path]) => path === node)?.[0] ?? runMajor;

/** @param {string} path */
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

mkdirSync(reports, { recursive: true });
const run = process.execPath;
const runMajor = Number.parseInt(process.versions.node, 10);

const installed = await step('install', () => installDependencies().then(() => one));
const built = await step('build', () => buildProducts().then(() => one), installed);

const peer = ['build', '--locked', '--release', '-p', 'wintersock-bench-peer'];
const peerBuilt = await step("build of the benchmark's peer", () => whole('cargo', peer));

await step(
  'biome',
  () => whole(run, ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '.']),
  installed,
);
await step('tsc', () => whole(run, ['node_modules/typescript/bin/tsc', '-p', '.']), installed);
await step('rustfmt', () => whole('cargo', ['fmt', '--all', '--check']));
await step('clippy', () =>
  whole('cargo', ['clippy', '--locked', '--workspace', '--all-targets', '--', '-D', 'warnings']),
);
await step('cargo test', () => cargoTest(['--workspace']));
await step("cargo test of the fuzzers' corpus", () => cargoTest(['--manifest-path', 'fuzz/Cargo.toml']));
await step('cargo deny', () => cargoDeny());
const fuzzers = ['--manifest-path', 'fuzz/Cargo.toml', '--config', 'deny.toml'];
await step('cargo deny of the fuzzers', () => cargoDeny(fuzzers));
await step('licences of what is built in', () => whole(run, ['scripts/licenses.mjs', '--check']));

/** @type {Map<number, string>} */
const nodes = new Map();
for (const major of nodeMajors) {
  await step(`fetch Node ${major}`, async () => {
    nodes.set(major, await nodeExecutable(major));
    return one;
  });
}

for (const { what, way, majors, options } of runs) {
  for (const major of majors) {
    const node = nodes.get(major) ?? run;
    const again = what === 'core' && !(way === 'direct' && major === first) ? once : [];
    const fewer = what === 'core' && between.includes(major) ? atTheEnds : [];
    const all = [...options, ...again, ...fewer];
    await step(`${what}, Node ${major}, I/O ${way}`, () => vitest(node, way, all), built);
  }
}

/** What else nothing should break, each in the form that takes a minute or two. docs/reliability.md has the results of the full ones. */
for (const [script, ...args] of suites) {
  await step(`${script} ${args.join(' ')}`, () => suite(script, args), built);
}

// That it works: what it measures here, beside everything else that this machine does, is of no use.
await step('benchmark', () => whole(run, ['bench/main.mjs', '--quick', '--no-build']), built && peerBuilt);

console.log('\n=== results');
for (const { name, passed, failed, note = '' } of results) {
  const mark = failed === 0 ? 'ok    ' : 'FAILED';
  console.log(`${mark} ${name}: ${passed} passed, ${failed} failed${note === '' ? '' : `, ${note}`}`);
}
for (const name of failures) console.log(`FAILED ${name}`);
const sum = (/** @type {'passed' | 'failed'} */ of) =>
  results.reduce((total, result) => total + result[of], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') === 0 ? 0 : 1;
