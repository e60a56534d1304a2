/**
 * `npm run soak`: wintersock under load for as long as is wanted, and what that leaves behind. docs/reliability.md says what it does.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { describeMachine } from '../bench/machine.mjs';
import { peerExecutable } from '../bench/server.mjs';
import { chart } from '../__test__/soak/chart.mjs';
import { Surroundings } from '../__test__/soak/surroundings.mjs';
import { checks, leaks, number, report, reportLeaks } from '../__test__/soak/verdict.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';
import { root } from './workspace.mjs';

const USAGE = `npm run soak -- [options]

  --minutes <n>         how long to soak (default 10)
  --quick               less load, for 45 seconds; with --leaks: few lives of each kind
  --leaks               not that, but kinds of lives one by one: what thousands of each leave behind
  --only <pattern>      with --leaks: kinds whose name fits this regular expression
  --count <n>           with --leaks: lives of each kind (default 10000)
  --node <20,24>        these release lines of Node (default: the one that runs this)
  --io <direct,thread>  where I/O happens: direct, ahead, thread (default: direct)
  --no-memory           do not judge memory: for builds that keep what is freed
  --no-database         without PostgreSQL
  --json <file>         write the result there (default, unless quick: .cache/soak/result.json)
  --write               write it into docs/reliability.md, a soak with its picture: of one --node and one --io

WINTERSOCK_SLOWNESS=5 makes deadlines five times as long.`;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string' },
    quick: { type: 'boolean', default: false },
    leaks: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    count: { type: 'string' },
    node: { type: 'string' },
    io: { type: 'string', default: 'direct' },
    'no-memory': { type: 'boolean', default: false },
    'no-database': { type: 'boolean', default: false },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean' },
  },
});

/** Lives that begin in a second. In ten minutes these are a tenth more than a million, and 150,000 with TLS. */
const FULL = { tcp: 1900, tls: 290, failing: 60 };
const QUICK = { tcp: 200, tls: 40, failing: 40 };
/** The allocator gives back what is free, so that what is not shows. */
const ALLOCATOR = { MALLOC_ARENA_MAX: '2', MALLOC_TRIM_THRESHOLD_: '131072' };

const { quick } = values;
const memory = !values['no-memory'];
const minutes = Number(values.minutes ?? (quick ? 0.75 : 10));
const ways = values.io.split(',');
const running = Number.parseInt(process.versions.node, 10);
const majors = (values.node ?? String(running)).split(',').map(Number);
const date = new Date().toISOString().slice(0, 10);
const results = [];
let [passed, failed] = [0, 0];

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

if (values.help) {
  console.log(USAGE);
} else if (
  !(minutes > 0) ||
  majors.some((major) => !nodeMajors.includes(major)) ||
  // The last one would be all that is left.
  (values.write && majors.length * ways.length > 1)
) {
  console.error(USAGE);
  process.exitCode = 1;
} else {
  if (values.write) checkSection(values.leaks ? 'leaks' : 'soak');
  if (!existsSync(peerExecutable)) buildPeer();
  for (const major of majors) {
    const node = await nodeExecutable(major);
    for (const io of ways) await (values.leaks ? leak(node, io) : soak(node, io));
  }
  conclude();
}

/** Without it a peer in JavaScript has to do, which is the limit then. */
function buildPeer() {
  const args = ['build', '--locked', '--release', '-p', 'wintersock-bench-peer'];
  spawnSync('cargo', args, { cwd: root, stdio: 'inherit' });
}

/** @param {string} node @param {string} io */
async function soak(node, io) {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  const found = {
    minutes,
    quick,
    node: stdout.trim().slice(1),
    io,
    date,
    machine: describeMachine(),
    samples: [],
    rests: [],
    end: undefined,
  };
  console.log(`\n=== ${minutes} minutes, Node ${found.node}, I/O ${io}`);
  const around = await Surroundings.open({ database: !values['no-database'] });
  const restEvery = Math.min(60, Math.max(4, minutes * 1.5));
  const job = { seconds: minutes * 60, restEvery, rates: quick ? QUICK : FULL };
  try {
    // Twice the time: a machine that is busy with other things is only slower.
    await around.run('load.mjs', job, { node, io, seconds: minutes * 120 + 120, env: ALLOCATOR }, (line) => {
      if (line.sample) found.samples.push(line.sample);
      if (line.rest) rested(found, line.rest);
      if (line.end) found.end = line.end;
    });
    if (found.end === undefined) throw new Error('load.mjs ended without a result');
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${error.message}`);
  } finally {
    await around.close();
  }
  results.push(found);
  if (found.end === undefined) return;
  // Memory comes to its size within the first minute, which a quick run does not see.
  const all = checks(found, { memory: memory && !quick });
  for (const { what, found, wanted, ok } of all) {
    if (ok) passed += 1;
    else failed += 1;
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${what}: ${found} (${wanted})`);
  }
  if (!values.write) return;
  writeFileSync(join(root, 'docs', 'reliability-soak.svg'), chart(found));
  const usual = { minutes: '10', quick: false, 'no-memory': false, 'no-database': false };
  writeSection('soak', report(found, all), { full: isFull(values, usual) });
}

function rested(found, rest) {
  found.rests.push(rest);
  const mebibytes = (rest.rss / 2 ** 20).toFixed(1);
  console.log(
    `${rest.at.toFixed(0).padStart(6)} s  ${number(rest.tcp)} TCP, ${number(rest.tls)} TLS, ${mebibytes} MiB, ${rest.sockets} sockets`,
  );
}

/** @param {string} node @param {string} io */
async function leak(node, io) {
  console.log(`\n=== lives one by one, ${node}, I/O ${io}`);
  const count = Number(values.count ?? (quick ? 300 : 10_000));
  const around = await Surroundings.open();
  const lives = [];
  try {
    // Sixty kinds, at some milliseconds for each life.
    await around.run(
      'leaks.mjs',
      { count, only: values.only },
      { node, io, seconds: 600 + count, env: { ...ALLOCATOR, MALLOC_ARENA_MAX: '1' } },
      (line) => {
        // Few lives tell nothing of memory.
        const [life] = leaks([line], { memory: memory && count >= 5000 });
        lives.push(life);
        if (life.faults.length === 0) passed += 1;
        else failed += 1;
        const figures = `${life.heap.toFixed(1)} bytes of heap, ${life.rss.toFixed(1)} of memory each`;
        console.log(
          `${life.faults.length === 0 ? 'ok    ' : 'FAILED'} ${life.name}: ${figures} (${life.seconds} s)${life.faults.map((fault) => `\n         ${fault}`).join('')}`,
        );
      },
    );
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${error.message}`);
  } finally {
    await around.close();
  }
  results.push({ node, io, count, lives });
  const usual = { count: '10000', only: '', quick: false };
  if (values.write) writeSection('leaks', reportLeaks(lives, count), { full: isFull(values, usual) });
}

function conclude() {
  const file = values.json ?? (quick ? undefined : join(root, '.cache', 'soak', 'result.json'));
  if (file !== undefined) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(results, undefined, 1));
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  process.exitCode = passed > 0 && failed === 0 ? 0 : 1;
}
