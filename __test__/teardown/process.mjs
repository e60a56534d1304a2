/**
 * A process under test: `node --expose-gc process.mjs <scenario> <where, as JSON>`. Where workers end, prints a line of JSON about what is left of them,
 * and ends by itself. Otherwise ends as the scenario says.
 */
import { connect as connectByNode } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { endings } from './endings.mjs';
import { inventory, runtimes, surplus } from '../fixtures/inventory.mjs';
import { scenarios } from './scenarios.mjs';
import { runWorker, startWorker } from './workers.mjs';

const [name, text] = process.argv.slice(2);
const where = JSON.parse(text);
const scenario = scenarios.find((one) => one.name === name);

if (scenario.main) await end();
else await outlive();

/** The main thread ends, perhaps with workers at work. */
async function end() {
  const { programs } = await import('./programs.mjs');
  const plan = scenario.main(where.round);
  const beside = (scenario.beside?.(where.round) ?? []).map((other) => startWorker(where, other));
  for (const { worker } of beside) worker.on('error', (error) => console.error('of a worker:', error));
  if (plan.ending === 'return') for (const { worker } of beside) worker.unref();
  const sockets = await programs[plan.program](where, plan, () => {});
  await Promise.all(beside.map(({ atWork }) => atWork));
  if (!plan.atOnce) await sleep((where.round * 7) % 20);
  // Outside of any promise, or an error would be a rejection.
  setImmediate(() => endings[plan.ending](sockets));
}

/** A connection of the main thread; by Node where it does not load the addon. */
async function ownConnection() {
  const { control } = where.ports;
  if (scenario.alone) return Duplex.toWeb(connectByNode(control, '127.0.0.1'));
  const { connect } = await import('wintersock');
  // That starts the native half's own thread, which stays: it looks names up.
  const named = connect(`localhost:${control}`);
  await named.opened;
  await named.close();
  return connect(`127.0.0.1:${control}`);
}

/** Workers end, and the main thread's own connection goes on. */
async function outlive() {
  const own = await ownConnection();
  const [writer, reader] = [own.writable.getWriter(), own.readable.getReader()];
  const ask = async (line) => {
    await writer.write(`${line}\n`);
    let answer = '';
    while (!answer.endsWith('\n')) {
      const { value, done } = await reader.read();
      if (done) throw new Error('the connection of the main thread has ended');
      answer += new TextDecoder().decode(value);
    }
    return answer.trim();
  };
  await ask('hello');
  const plans = scenario.workers(where.round);
  // What a copy of the addon starts once for the process stays.
  if (scenario.warm) await runWorker(where, plans[0]);
  const before = inventory();
  const ended = [];
  if (scenario.together) {
    ended.push(...(await Promise.all(plans.map((plan) => runWorker(where, plan)))));
  } else {
    for (const plan of plans) {
      // For whoever looks for the one that did not end.
      console.log(JSON.stringify(plan));
      ended.push(await runWorker(where, plan));
    }
  }

  const remains = () => {
    const more = runtimes() - (scenario.addons ?? 1);
    return more > 0 ? [...surplus(before), `${more} threads too many for I/O`] : surplus(before);
  };
  let [left, peers] = [remains(), await ask('open?')];
  for (const until = performance.now() + 10_000 * where.slowness; performance.now() < until; ) {
    if (left.length === 0 && peers === '') break;
    await sleep(5);
    [left, peers] = [remains(), await ask('open?')];
  }
  const last = await ask('still here');
  await writer.close();
  console.log(JSON.stringify({ ended, left, peers, own: last }));
}
