/**
 * `npm run bench`: measures wintersock, what Node has, and other implementations of connect(), side by side.
 * docs/performance.md says how, and how to read it.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeExecutable } from '../scripts/node-versions.mjs';
import { buildProducts, installDependencies, root, WorkspaceError } from '../scripts/workspace.mjs';
import { writeDocuments } from './document.mjs';
import { goals } from './goals.mjs';
import { busyness, describeMachine, pinning } from './machine.mjs';
import { rowsOf } from './rows.mjs';
import { Session } from './session.mjs';
import { findSubjects } from './subjects.mjs';
import { goalTable, plain, rowTable } from './table.mjs';

const USAGE = `npm run bench -- [options]

  --quick              short jobs, few repetitions, fewer rows and subjects: under three minutes
  --only <pattern>     rows whose name fits this regular expression
  --subjects <a,b>     these subjects only
  --node <20,24,26>    these release lines of Node (default: the one that runs this)
  --repetitions <n>    default 5, with --quick 3
  --json <file>        write the results there too
  --write              write the documents: docs/performance.md, its picture, the figures of the README
  --from <file>        measure nothing, use these results
  --no-build           use what has been built
  --list               print rows and subjects, and measure nothing`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    subjects: { type: 'string' },
    node: { type: 'string' },
    repetitions: { type: 'string' },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    from: { type: 'string' },
    'no-build': { type: 'boolean', default: false },
    list: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

/** Something that the user has to do differently. */
class UsageError extends Error {}

// So that what a run has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

try {
  if (values.help) console.log(USAGE);
  else if (values.list) await list();
  else conclude(values.from ? JSON.parse(readFileSync(values.from, 'utf8')) : await measure());
} catch (error) {
  const known = error instanceof WorkspaceError || error instanceof UsageError;
  console.error(known ? error.message : error);
  process.exitCode = 1;
}

/** Whether a run measures all that the goals speak of. */
function answersGoals(rows, subjects) {
  return goals.every(
    ({ row, subject, over = subject }) =>
      rows.some(({ id }) => id === row) &&
      [subject, over].every((needed) => subjects.some(({ name }) => name === needed)),
  );
}

async function list() {
  for (const { id, title } of rowsOf(values.quick)) console.log(`${id}: ${title}`);
  for (const { name, says, version } of await findSubjects()) {
    console.log(`${name}: ${says}, ${version() ?? 'not here'}`.replace(/, $/, ''));
  }
}

async function measure() {
  const { quick } = values;
  const rows = rowsOf(quick).filter(({ id }) => new RegExp(values.only).test(id));
  if (rows.length === 0) throw new UsageError(`No row fits ${values.only}; --list prints them.`);
  await installDependencies();
  if (!values['no-build']) {
    await buildProducts();
    buildPeer();
  }
  const { present, absent } = await chosenSubjects();
  if (values.write && !answersGoals(rows, present))
    throw new UsageError('The documents are written only from runs that answer all goals.');
  const nodes = await chosenNodes();
  const repetitions = Number(values.repetitions ?? (quick ? 3 : 5));
  const pinned = pinning();

  /** @type {import('./report.mjs').Run} */
  const run = {
    date: new Date().toISOString(),
    command: ['npm run bench', ...process.argv.slice(2, 3).map(() => '--'), ...process.argv.slice(2)].join(
      ' ',
    ),
    quick,
    repetitions,
    machine: describeMachine(),
    pinning: pinned.says,
    nodes: nodes.map(({ version }) => version),
    rows: rows.map(({ id, title, cores, figures }) => ({ id, title, cores, figures })),
    subjects: present.map(({ name, says, required, version }) => ({
      name,
      says,
      required,
      version: version(),
    })),
    absent: absent.map(({ says }) => says),
    measurements: [],
  };
  console.log(`${run.machine}\n${run.pinning}`);
  for (const says of run.absent) console.log(`not on this machine: ${says}`);
  const busy = await busyness();
  if (busy > 0.1)
    console.log(`The machine has other work (${Math.round(busy * 100)} %): the figures will not be good.`);

  const session = new Session({ pinning: pinned, quick, repetitions });
  try {
    for (const [at, node] of nodes.entries()) {
      console.log(`\n=== Node ${node.version}`);
      for (const [number, row] of rows.entries()) {
        // What does not depend on Node is measured once.
        const subjects = present.filter((subject) => subject.runs(row) && (at === 0 || subject.perNode));
        if (subjects.length === 0) continue;
        run.measurements.push(...(await session.measure(row, subjects, node)));
        console.log(`\n${plain(rowTable(run, node.version, run.rows[number]))}`);
      }
    }
  } finally {
    await session.end();
  }
  const results = fileURLToPath(
    new URL(`results/${run.date.replaceAll(/[:.]/g, '-')}.json`, import.meta.url),
  );
  for (const path of [results, values.json].filter(Boolean)) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${JSON.stringify(run, null, 2)}\n`);
    console.log(`\nresults: ${path}`);
  }
  return run;
}

/** @param {import('./report.mjs').Run} run */
function conclude(run) {
  const goals = goalTable(run);
  if (goals.length > 1) console.log(`\n=== goals\n\n${plain(goals)}`);
  const failures = run.measurements.filter(({ error }) => error !== undefined);
  if (failures.length > 0) console.log('\n=== failed');
  for (const { row, subject, node, error } of failures)
    console.log(`${row}, ${subject}, Node ${node}: ${error}`);
  if (values.write) for (const path of writeDocuments(run)) console.log(`written: ${path}`);
  const required = new Set(run.subjects.filter((subject) => subject.required).map(({ name }) => name));
  if (failures.some(({ subject }) => required.has(subject))) process.exitCode = 1;
}

async function chosenSubjects() {
  const all = await findSubjects();
  const wanted = values.subjects?.split(',');
  for (const name of wanted ?? []) {
    if (!all.some((subject) => subject.name === name)) throw new UsageError(`There is no subject ${name}.`);
  }
  const chosen = all.filter(({ name, detail }) => wanted?.includes(name) ?? !(values.quick && detail));
  const isThere = (subject) => subject.required || subject.version() !== undefined;
  return { present: chosen.filter(isThere), absent: chosen.filter((subject) => !isThere(subject)) };
}

/** @returns {Promise<import('./session.mjs').Node[]>} */
async function chosenNodes() {
  const nodes = [];
  for (const major of values.node?.split(',') ?? [process.versions.node]) {
    const executable = await nodeExecutable(Number.parseInt(major, 10));
    const { stdout } = spawnSync(executable, ['--version'], { encoding: 'utf8' });
    nodes.push({ executable, version: stdout.trim().slice(1) });
  }
  return nodes;
}

function buildPeer() {
  const args = ['build', '--release', '--locked', '--quiet', '-p', 'wintersock-bench-peer'];
  const { status, error } = spawnSync('cargo', args, { cwd: root, stdio: 'inherit' });
  if (error) throw new WorkspaceError(`The peer of the benchmark needs Rust to be built: ${error.message}`);
  if (status !== 0) throw new WorkspaceError('The peer of the benchmark could not be built, see above.');
}
