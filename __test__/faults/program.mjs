/**
 * All cells in this process, many at a time, and then what they have left behind. Prints a line of JSON for each, and one for the process.
 * `node program.mjs <apis> [<pattern>]`
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'wintersock';
import { BlackHole } from '../conformance/peers/black-hole.mjs';
import { heldPort } from '../fixtures/closed-port.mjs';
import { inventory, sockets, surplus } from '../fixtures/inventory.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { perform, Unreached } from './cell.mjs';
import { cells, titleOf, transports } from './matrix.mjs';
import { expected, judge, lateness } from './verdict.mjs';

/** So many cells at a time, by their pace. */
const AT_ONCE = { slow: 40, light: 32, heavy: 16 };

const [apis = 'web,duplex', pattern = ''] = process.argv.slice(2);
const strays = [];
process.on('unhandledRejection', (reason) => strays.push(`${reason?.stack ?? reason}`));

const tell = (line) =>
  process.stdout.write(
    `${JSON.stringify(line, (_, value) => (value instanceof RegExp ? String(value) : value))}\n`,
  );

const authority = await createAuthority();
const credentials = await authority.issue({ names: ['127.0.0.1', 'localhost'] });
const hole = await BlackHole.open();
const world = {
  ca: authority.certPem,
  credentials,
  nowhere: { hole: hole.port, closed: await heldPort() },
};

/** Cells that this machine may have been too busy for, and what they were: they are run once more when nothing else runs. */
const again = [];

/** `once`: what it was the first time, of a cell that now runs alone. */
async function run(cell, once) {
  const title = titleOf(cell);
  const named = { title, phase: cell.phase, transport: cell.transport.name, name: cell.name, api: cell.api };
  try {
    const result = await perform(cell, world);
    const wrong = cell.api === 'node' ? [] : judge(cell, result);
    const { seen, ms, trace } = result;
    const late = cell.api === 'node' ? [] : lateness(cell, result);
    if (late.length > 0 && once === undefined && wrong.length === 0) again.push([cell, late.join(', ')]);
    else {
      wrong.push(...late);
      tell({
        ...named,
        verdict: cell.verdict,
        expected: expected(cell),
        seen,
        ms,
        trace,
        wrong,
        once,
      });
    }
  } catch (error) {
    if (error instanceof Unreached && once === undefined) again.push([cell, error.message]);
    else tell({ ...named, wrong: [`${error?.stack ?? error}`] });
  }
}

/** A connection that nothing happens to. */
async function good(transport, api) {
  const act = async ({ wire }) => {
    await wire.say(100_000);
    await wire.finish();
  };
  const name = 'nothing goes wrong';
  await run({ phase: 'reading', transport, name, fault: { act }, api, verdict: { how: 'ends' } }, '');
}

async function runAll(left, atOnce) {
  const worker = async () => {
    for (let cell = left.shift(); cell; cell = left.shift()) await run(cell);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

async function runAtPace(some) {
  for (const [pace, atOnce] of Object.entries(AT_ONCE)) {
    await runAll(
      some.filter((cell) => cell.pace === pace),
      atOnce,
    );
  }
}

// What the first connection, and the first look-up of a name, leave for good is not a leak: the thread for I/O, and its descriptors.
for (const api of apis.split(',')) await good(transports[1], api);
await connect(`localhost:${world.nowhere.closed}`).opened.catch(() => {});
const before = inventory();
const all = [...cells(apis.split(','))].filter((cell) => titleOf(cell).match(pattern));
await runAtPace(all.filter(({ api }) => api !== 'node'));
for (const [cell, once] of again) await run(cell, once);
for (const api of apis.split(',')) for (const transport of transports) await good(transport, api);

// close() may listen for the peer's end for about a second, and a busy machine takes its time.
let leaks = surplus(before);
for (const deadline = performance.now() + 20_000; leaks.length > 0 && performance.now() < deadline; ) {
  await sleep(20);
  leaks = surplus(before);
}
// Which ones, for whoever looks for them.
if (leaks.length > 0) leaks.push(...sockets());
// Only now: what is given up of Node's own sockets stays.
await runAtPace(all.filter(({ api }) => api === 'node'));
await hole.close();
tell({ process: true, leaks, strays });
