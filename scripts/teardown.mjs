/**
 * `npm run test:teardown`: environments of JavaScript that end while sockets are at work. Each run of a scenario has a process of its own; what is
 * checked is its exit code or signal, what it prints, and what is left: descriptors, threads, connections at the peer.
 */
import { parseArgs } from 'node:util';
import { run } from '../__test__/teardown/run.mjs';
import { scenarios } from '../__test__/teardown/scenarios.mjs';
import { Surroundings } from '../__test__/teardown/surroundings.mjs';
import { tables } from '../__test__/teardown/table.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';

const MODES = ['direct', 'thread', 'ahead'];
/** Runs at the same time. They wait about as much as they work. */
const AT_A_TIME = 2;

const USAGE = `npm run test:teardown -- [options]

  --node <versions>   such as 20,26 (default: ${nodeMajors.join(',')})
  --io <modes>        where I/O happens (default: ${MODES.join(',')})
  --only <pattern>    scenarios whose name matches this regular expression
  --repeat <count>    runs of each (default: 10); a third of that where tasks read ahead
  --quick             each once: on every version of Node with I/O direct, and in the other ways on the oldest
  --list              print the scenarios and run nothing
  --write             put the result into docs/reliability.md

In the environment: WINTERSOCK_SLOWNESS, by how much deadlines are longer than usual (default 1). A name server that is silent needs root:
without it, the scenario that needs one is not run; with WINTERSOCK_SERVERS=required it has failed.`;

/** Of a full run. */
const usual = { node: nodeMajors.join(','), io: MODES.join(','), only: '', repeat: '10' };
const { values } = parseArgs({
  options: {
    node: { type: 'string', default: usual.node },
    io: { type: 'string', default: usual.io },
    only: { type: 'string', default: usual.only },
    repeat: { type: 'string', default: usual.repeat },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

// So that what a run has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const chosen = scenarios.filter(({ name }) => new RegExp(values.only).test(name));
if (values.help) console.log(USAGE);
else if (values.list) for (const { name, ends } of chosen) console.log(`${name}: ${ends}`);
else await main();

async function main() {
  if (values.write) checkSection('teardown');
  const surroundings = await Surroundings.open();
  const possible = ({ deaf }) => surroundings.deaf || !deaf;
  const absent = chosen.filter((scenario) => !possible(scenario));
  const cells = (await plan()).filter(({ scenario }) => possible(scenario));
  const results = [];
  const next = async () => {
    for (let cell = cells.shift(); cell !== undefined; cell = cells.shift()) {
      const wrongs = await run(cell.scenario, { ...cell, surroundings });
      results.push({ ...cell, wrongs });
      for (const { what } of wrongs) console.log(`FAILED ${title(cell)}: ${what}`);
      if (results.length % 100 === 0)
        console.log(`${results.length} of ${results.length + cells.length} run`);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, next));
  } finally {
    await surroundings.close();
  }
  const notes = absent.map(
    ({ name }) => `not run: ${name} (it needs a name server that is silent, and that root)`,
  );
  const report = [tables(results, chosen.filter(possible)), ...notes].join('\n\n');
  console.log(`\n${report}`);
  if (values.write)
    writeSection('teardown', report, {
      full: isFull({ ...values, absent: absent.length }, { ...usual, quick: false, absent: 0 }),
    });
  const missed = process.env['WINTERSOCK_SERVERS'] === 'required' ? absent.length : 0;
  const failed = results.filter(({ wrongs }) => wrongs.length > 0).length + missed;
  console.log(`\n${results.length + missed - failed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || results.length === 0 ? 1 : 0;
}

/** What is to be run, in this order: all scenarios once, then once more. */
async function plan() {
  const ways = [];
  for (const major of values.node.split(',').map(Number)) {
    const node = await nodeExecutable(major);
    for (const io of values.io.split(',')) ways.push({ major, node, io });
  }
  const first = ways[0];
  const used = values.quick ? ways.filter(({ major, io }) => io === first.io || major === first.major) : ways;
  const repeat = values.quick ? 1 : Number(values.repeat);
  return Array.from({ length: repeat }, (_, index) => {
    // A thread reads ahead of few sockets; all else is as with I/O direct.
    const now = used.filter(({ io }) => io !== 'ahead' || index % 3 === 0);
    return chosen.flatMap((scenario) =>
      // What a scenario does in turns is done in all of them sooner or later, in every way.
      now.map((way) => ({ ...way, scenario, round: index + used.indexOf(way) * 3 })),
    );
  }).flat();
}

function title({ scenario, major, io, round }) {
  return `${scenario.name}, Node ${major}, I/O ${io}, round ${round}`;
}
