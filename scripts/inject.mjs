/**
 * npm run test:inject: bugs and failing calls of the system, at every point of the native half where there can be one, with an addon that is built
 * for it in a mirror of the checkout; and a process that runs out of something, with the addon as it is.
 */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { startPeers } from '../__test__/inject/peers.mjs';
import { pointsOfTheCode } from '../__test__/inject/points.mjs';
import { Short, shortages } from '../__test__/inject/shortages.mjs';
import { sweep } from '../__test__/inject/sweep.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';
import { makeVariant } from './variant.mjs';

const help = `Usage: npm run test:inject -- [options]

  --quick         one scenario for each point, on this Node
  --node <list>   versions of Node, as 20,22 (default: ${nodeMajors.join(',')})
  --io <list>     direct, thread, ahead (default: all)
  --only <name>   points whose name begins so, and nothing else
  --write         put the result into docs/reliability.md`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean' },
    quick: { type: 'boolean', default: false },
    node: { type: 'string' },
    io: { type: 'string', default: 'direct,thread,ahead' },
    only: { type: 'string', default: '' },
    write: { type: 'boolean' },
  },
});

/** @typedef {{ panic: Set<string>, system: Set<string> }} Seen */

// What it has made and started goes with it, and that is done when a process exits.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

if (values.help) console.log(help);
else process.exitCode = await main();

/** What is missing here, in words. */
function missing() {
  if (process.platform === 'win32') return 'the peers listen on a Unix socket, too';
  const { error } = spawnSync('cargo', ['--version'], { stdio: 'ignore' });
  return error && `cargo cannot be run (${error.message}): install Rust from https://rustup.rs`;
}

async function main() {
  const lacking = missing();
  if (lacking !== undefined) {
    console.log(`not run: ${lacking}`);
    return process.env.WINTERSOCK_SERVERS === 'required' ? 1 : 0;
  }
  const own = Number.parseInt(process.versions.node, 10);
  const majors = values.node?.split(',').map(Number) ?? (values.quick ? [own] : nodeMajors);
  if (values.write) checkSection('inject');
  const points = pointsOfTheCode().filter(({ name }) => name.startsWith(values.only));
  if (points.length === 0) {
    console.log(`FAILED no point has a name that begins with ${values.only}`);
    return 1;
  }
  // Faster to build than the cryptography that is published, and debug assertions are on.
  const options = { profile: 'dev', defaultFeatures: false, features: ['ring', 'inject'] };
  const variant = await makeVariant('inject', options);
  const { places, stop } = await startPeers();
  const results = {
    passed: 0,
    /** @type {string[]} */
    failures: [],
    /** @type {Map<string, Seen>} */
    seen: new Map(points.map(({ name }) => [name, { panic: new Set(), system: new Set() }])),
    unreached: new Set(points.map(({ name }) => name)),
  };
  try {
    for (const major of majors) {
      const node = await nodeExecutable(major);
      for (const io of values.io.split(',')) {
        console.log(`\n=== Node ${major}, I/O ${io}`);
        await runOne(variant, { node, io, places }, results, `Node ${major}, ${io}`);
      }
    }
  } finally {
    await stop();
  }
  const { passed, failures, seen, unreached } = results;
  const everyWay = ['direct', 'thread', 'ahead'].every((io) => values.io.split(',').includes(io));
  for (const name of unreached) {
    const said = `${name}: no scenario fails there`;
    // Some are passed in one of the ways only.
    if (everyWay || unreached.size === points.length) failures.push(said);
    else console.log(`${said}, with I/O ${values.io}`);
  }
  for (const failure of failures) console.log(`FAILED ${failure}`);
  console.log(`\n${passed} passed, ${failures.length} failed`);
  const usual = { node: nodeMajors.join(','), io: 'direct,thread,ahead', only: '', quick: false };
  const full = isFull(values, usual);
  if (values.write) writeSection('inject', table(seen, passed, failures.length), { full });
  return failures.length === 0 ? 0 : 1;
}

/**
 * @param {{ root: string, addon: string }} variant
 * @param {{ node: string, io: string, places: import('../__test__/inject/peers.d.mts').Places }} place
 * @param {{ passed: number, failures: string[], seen: Map<string, Seen>, unreached: Set<string> }} results
 * @param {string} where
 */
async function runOne(variant, place, results, where) {
  const { quick, only } = values;
  const swept = await sweep(variant, { ...place, quick, only, log: (line) => console.log(line) });
  results.passed += swept.passed;
  results.failures.push(...swept.failures.map((failure) => `${where}: ${failure}`));
  for (const name of swept.reached) results.unreached.delete(name);
  for (const [name, { panic, system }] of swept.seen) {
    for (const one of panic) results.seen.get(name)?.panic.add(one);
    for (const one of system) results.seen.get(name)?.system.add(one);
  }
  // npm test runs them with the other tests.
  for (const shortage of quick || only !== '' ? [] : shortages) {
    const { name, skip } = shortage;
    if (skip) console.log(`${name}: ${skip}`);
    const missed =
      skip && process.env.WINTERSOCK_SERVERS === 'required' && skip.startsWith('skipped: install');
    const wrongs = missed ? [skip] : skip ? [] : await runShortage(shortage, place);
    results.failures.push(...wrongs.map((wrong) => `${where}, ${name}: ${wrong}`));
    if (!skip && wrongs.length === 0) results.passed += 1;
  }
  console.log(`${results.passed} passed, ${results.failures.length} failed so far`);
}

/** @param {import('../__test__/inject/shortages.d.mts').Shortage} shortage @param {ConstructorParameters<typeof Short>[0]} place */
async function runShortage({ run, inside }, place) {
  const short = new Short({ ...place, inside });
  try {
    return await run(short);
  } catch (error) {
    return [String(error)];
  } finally {
    await short.end();
  }
}

/** @param {Map<string, Seen>} seen @param {number} passed @param {number} failed */
function table(seen, passed, failed) {
  const cell = (/** @type {Set<string>} */ all) => [...all].sort().join(', ') || '-';
  const rows = [...seen].map(
    ([name, { panic, system }]) => `| \`${name}\` | ${cell(panic)} | ${cell(system)} |`,
  );
  return [
    `${passed} trials passed, ${failed} failed. What promises and calls failed with; \`-\`: nobody waited for what was lost there (\`ahead\`: only in that way of I/O).`,
    '',
    '| point | a panic there | what the system says there |',
    '| --- | --- | --- |',
    ...rows,
  ].join('\n');
}
