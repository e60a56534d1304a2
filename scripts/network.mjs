/** `npm run test:network`: connections over a bad network. See --help. */
import { parseArgs } from 'node:util';
import { missing, prepareLine } from '../__test__/network/line.mjs';
import { runWithRights } from '../__test__/network/rights.mjs';
import { counts, document, named } from '../__test__/network/report.mjs';
import { runSession } from '../__test__/network/session.mjs';
import { workloads } from '../__test__/network/workloads/index.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';

const USAGE = `npm run test:network -- [options]

Connections between two network namespaces, over a line that loses, delays, reorders, doubles and damages packets, is
cut and heals. Needs Linux, root or user namespaces, /dev/net/tun, iproute2, util-linux and cargo. The line is a program of our own; where
the kernel has netem, what it can do is done with that as well.

  --quick           what npm test runs: one version of Node, the worst lines, less data
  --node <majors>   versions of Node (default: ${nodeMajors.join(',')}; with --quick: this one)
  --io <ways>       values of WINTERSOCK_IO (default: direct,thread,ahead; with --quick: the environment's, or direct)
  --seeds <seeds>   of the dice that decide on each packet (default: 6); one more for each combination of the above
  --only <prefix>   workloads whose name begins so
  --list            print the workloads and run nothing
  --write           put the result into docs/reliability.md`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    node: { type: 'string' },
    io: { type: 'string' },
    seeds: { type: 'string' },
    only: { type: 'string', default: '' },
    list: { type: 'boolean' },
    write: { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

// Lines and processes end with this one: they wait for the end of a pipe.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));

if (values.help) console.log(USAGE);
else if (values.list) list();
else await test();

function list() {
  for (const { name, says, on } of workloads)
    if (on.length > 0) console.log(`${name} [${on.join(', ')}]: ${says}`);
}

async function test() {
  const code = await runWithRights();
  if (code !== undefined) {
    process.exitCode = code;
    return;
  }
  const lacking = await prepareLine();
  if (lacking !== undefined) {
    console.log(`not run: a bad network cannot be made here: ${lacking}`);
    process.exitCode = process.env.WINTERSOCK_SERVERS === 'required' ? 1 : 0;
    return;
  }
  const noNetem = await missing('netem');
  const lines =
    noNetem === undefined
      ? 'Lines: our own program, and netem.'
      : `Lines: our own program (netem was not there: ${noNetem}).`;
  console.log(lines);

  const { quick, only } = values;
  if (values.write) checkSection('network');
  const own = Number.parseInt(process.versions.node, 10);
  const majors = values.node?.split(',').map(Number) ?? (quick ? [own] : nodeMajors);
  const nodes = [];
  for (const major of majors) nodes.push({ major, executable: await nodeExecutable(major) });
  const usual = quick ? process.env.WINTERSOCK_IO || 'direct' : 'direct,thread,ahead';
  const ways = (values.io ?? usual).split(',');
  const seeds = (values.seeds ?? '6').split(',').map(Number);
  const kinds = noNetem === undefined ? ['own', 'netem'] : ['own'];

  const begun = performance.now();
  const rows = await runSession({ nodes, ways, seeds, quick, kinds, only }, print);
  const failed = rows.filter((row) => counts(row) && row.error !== undefined);
  const passed = rows.filter((row) => counts(row) && row.error === undefined);
  for (const row of failed) console.log(`FAILED ${named(row)}`);
  const wide = { node: nodeMajors.join(','), io: 'direct,thread,ahead', seeds: '6', only: '', quick: false };
  const full = isFull(values, wide);
  if (values.write) writeSection('network', document(rows, lines), { full });
  console.log(`\n${Math.round((performance.now() - begun) / 1000)} s`);
  console.log(`${passed.length} passed, ${failed.length} failed`);
  process.exitCode = failed.length > 0 || passed.length === 0 ? 1 : 0;
}

/** @param {import('../__test__/network/session.mjs').Row} row */
function print(row) {
  const mark = row.error === undefined ? 'ok    ' : counts(row) ? 'FAILED' : 'other ';
  const note = row.note === undefined ? '' : `, ${row.note}`;
  console.log(`${mark} ${named(row)}: ${row.ms} ms${note}${row.error === undefined ? '' : `\n${row.error}`}`);
}
