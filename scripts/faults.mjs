/** The fault matrix: everything that a peer can do wrong, in every phase of a connection. `npm run test:faults -- --help` says more. */
import { parseArgs } from 'node:util';
import { runMatrix } from '../__test__/faults/session.mjs';
import { render } from '../__test__/faults/table.mjs';
import { nodeExecutable, nodeMajors } from './node-versions.mjs';
import { checkSection, isFull, writeSection } from './section.mjs';

const USAGE = `npm run test:faults -- [options]

  --node <majors>   versions of Node (default: ${nodeMajors.join(',')})
  --io <ways>       values of WINTERSOCK_IO (default: direct,thread)
  --only <pattern>  cells whose title, "phase | transport | api | fault", matches; api is web, duplex or node
  --quick           the matrix once, with this Node and WINTERSOCK_IO as it is, without Node's own sockets beside it
  --write           puts the tables into docs/reliability.md`;

const { values } = parseArgs({
  options: {
    node: { type: 'string' },
    io: { type: 'string' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

// So that what a run has started ends with it.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

/** One after the other: side by side they would take each other's time. */
async function main() {
  const { quick, only } = values;
  if (values.write) checkSection('faults');
  const majors =
    values.node?.split(',').map(Number) ??
    (quick ? [Number.parseInt(process.versions.node, 10)] : nodeMajors);
  const ways = values.io?.split(',') ?? (quick ? [process.env['WINTERSOCK_IO']] : ['direct', 'thread']);
  const apis = /** @type {const} */ (quick ? ['web', 'duplex'] : ['web', 'duplex', 'node']);
  const all = [];
  let [failed, slow] = [0, 0];
  for (const major of majors) {
    const node = await nodeExecutable(major);
    for (const io of ways) {
      const begun = performance.now();
      const run = await runMatrix({ node, io, apis, only });
      const where = `Node ${major}, I/O ${io ?? 'direct'}`;
      for (const { title, wrong } of run.failures)
        console.log(`FAILED ${where}: ${title}\n  ${wrong.join('\n  ')}`);
      for (const { title, once } of run.again)
        console.log(`slow once, then not: ${where}: ${title}: ${once}`);
      const seconds = Math.round((performance.now() - begun) / 1000);
      console.log(`${where}: ${run.cells.length} cells, ${run.failures.length} failed, ${seconds} s`);
      failed += run.failures.length;
      slow += run.again.length;
      all.push(...run.cells);
    }
  }
  const ours = all.filter(({ api }) => api !== 'node');
  const passed = ours.filter(({ wrong }) => wrong.length === 0).length;
  if (values.write) write(all, ours, { passed, failed, slow });
  if (ours.length === 0) console.log('no cell of ours was chosen');
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

function write(all, ours, { passed, failed, slow }) {
  const slowest = Math.max(...ours.map(({ ms = 0 }) => ms));
  const kinds = new Set(ours.map(({ title }) => title)).size;
  const head = `${kinds} cells, ${ours.length} with all versions of Node and ways of I/O: ${passed} passed, ${failed} failed, ${slow} slow once. The slowest took ${slowest} ms.`;
  const full = isFull(values, { node: nodeMajors.join(','), io: 'direct,thread', only: '', quick: false });
  writeSection('faults', `${head}\n\n${render(all)}`, { full });
}

if (values.help) console.log(USAGE);
else await main();
