/**
 * `npm run test:model`: random sequences of operations and events against real sockets, held against a model. See
 * __test__/model/model.mjs for the model, and docs/reliability.md for what it has found.
 */
import { parseArgs } from 'node:util';
import { clearedEnvironment } from '../__test__/fixtures/environment.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';
import { runStep } from './step.mjs';

const MACHINES = { machine: 'connect()', duplex: 'wintersock/node', handover: 'startTls()' };
const IO = ['direct', 'thread', 'ahead'];
/** Sequences of each kind with --quick, and without anything. */
const QUICK = { machine: 1200, duplex: 500, handover: 300 };
const USUAL = 2000;

const USAGE = `npm run test:model -- [options]

  --what <names>    ${Object.keys(MACHINES).join(', ')} (default: all)
  --runs <n>        sequences of each (default: ${USUAL})
  --minutes <m>     instead: so long for each
  --seed <n>        the seed of the first sequence; the next ones follow it (default: by the time)
  --path <path>     with --seed and one --what: performs one shrunk sequence again
  --sequence <json> performs this sequence
  --node <majors>   versions of Node (default: ${nodeMajors.join(',')})
  --io <ways>       values of WINTERSOCK_IO (default: direct,thread)
  --parallel <n>    sequences at a time (default: 8; 1 looks for open sockets after each)
  --quick           what npm test runs: fewer of each, this Node, direct
  --write           puts the result into docs/reliability.md
  --help`;

const { values } = parseArgs({
  options: {
    what: { type: 'string' },
    runs: { type: 'string' },
    minutes: { type: 'string' },
    seed: { type: 'string' },
    path: { type: 'string' },
    sequence: { type: 'string' },
    node: { type: 'string' },
    io: { type: 'string' },
    parallel: { type: 'string', default: '8' },
    quick: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

/** @param {string | undefined} value @param {readonly (string | number)[]} all */
const listOf = (value, all) => value?.split(',') ?? all.map(String);

if (values.help) console.log(USAGE);
else await main();

async function main() {
  if (values.write) checkSection('model');
  const current = String(Number.parseInt(process.versions.node, 10));
  const majors = listOf(values.node, values.quick ? [current] : nodeMajors);
  const ways = listOf(values.io, values.quick ? ['direct'] : ['direct', 'thread']);
  const machines = listOf(values.what, Object.keys(MACHINES));
  const unknown = [
    ...machines.filter((name) => !(name in MACHINES)),
    ...ways.filter((way) => !IO.includes(way)),
  ];
  if (unknown.length > 0) throw new Error(`there is no ${unknown.join(', ')}; see --help`);
  // A new one each time, so that each run looks at something else.
  const seed = values.seed ?? String(Math.floor(Date.now() / 1000) % 2 ** 30);
  /** @type {{ name: string, performed: number, failures: number }[]} */
  const results = [];
  for (const major of majors) {
    const node = await nodeExecutable(Number(major));
    for (const way of ways)
      for (const what of machines) results.push(await run({ node, major, way, what, seed }));
  }
  console.log('');
  for (const { name, performed, failures } of results) {
    console.log(
      `${failures === 0 ? 'ok    ' : 'FAILED'} ${name}: ${performed} sequences, ${failures} failed`,
    );
  }
  const failed = results.reduce((sum, { failures }) => sum + failures, 0);
  const passed = results.reduce((sum, { performed, failures }) => sum + Math.max(performed - failures, 0), 0);
  const usual = { what: Object.keys(MACHINES).join(','), runs: USUAL, minutes: 10, path: '', sequence: '' };
  const full = isFull(values, { ...usual, node: nodeMajors.join(','), io: 'direct,thread', quick: false });
  if (values.write) writeSection('model', table(results), { full });
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

/** @param {{ node: string, major: string, way: string, what: string, seed: string }} of */
async function run({ node, major, way, what, seed }) {
  const name = `${MACHINES[/** @type {keyof typeof MACHINES} */ (what)]}, Node ${major}, I/O ${way}`;
  const minutes = Number(values.minutes ?? 0);
  const runs =
    values.runs ??
    (minutes > 0 ? '0' : String(values.quick ? QUICK[/** @type {keyof typeof QUICK} */ (what)] : USUAL));
  const given = Object.entries({ path: values.path, sequence: values.sequence }).filter(
    ([, value]) => value !== undefined,
  );
  console.log(`\n=== ${name}, from seed ${seed}`);
  const options = {
    what,
    runs,
    minutes: String(minutes),
    seed,
    parallel: values.parallel,
    ...Object.fromEntries(given),
  };
  const args = Object.entries(options).map(([option, value]) => `--${option}=${value}`);
  const outcome = await runStep(node, ['--expose-gc', '__test__/model/run.mjs', ...args], {
    env: { ...clearedEnvironment(), WINTERSOCK_IO: way },
    // Each failure may be shrunk for some minutes.
    minutes: minutes + 30,
  });
  const last = outcome.output.trim().split('\n').at(-1) ?? '';
  const summary = /^MODEL (\d+) performed, (\d+) failed$/.exec(last);
  if (summary === null) {
    console.log(`${name}: ${outcome.ending}, and no result; the sequences that were under way are above`);
    return { name, performed: 0, failures: 1 };
  }
  const [, performed, failures] = summary.map(Number);
  return { name, performed, failures: outcome.ok ? failures : Math.max(failures, 1) };
}

/** @param {{ name: string, performed: number, failures: number }[]} results */
function table(results) {
  const rows = results.map(({ name, performed, failures }) => `| ${name} | ${performed} | ${failures} |`);
  return ['| what | sequences | failed |', '| --- | --- | --- |', ...rows].join('\n');
}
