/**
 * A process under test: `node --expose-gc process.mjs <scenario> <where, as JSON>`. Where workers end, prints a line of JSON about what is left of them,
 * and ends by itself. Otherwise ends as the scenario says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'wintersock';
import { endings } from './endings.mjs';
import { inventory, surplus } from './inventory.mjs';
import { programs } from './programs.mjs';
import { scenarios } from './scenarios.mjs';
import { runWorker, startWorker } from './workers.mjs';

const [name, text] = process.argv.slice(2);
const where = JSON.parse(text);
const scenario = scenarios.find((one) => one.name === name);

if (scenario.main) await end();
else await outlive();

/** Starts the native half's own thread, which stays: it looks names up. */
async function warm() {
  const socket = connect(`localhost:${where.ports.control}`);
  await socket.opened;
  await socket.close();
}

/** The main thread ends, perhaps with workers at work. */
async function end() {
  const plan = scenario.main(where.round);
  const beside = (scenario.beside?.(where.round) ?? []).map((other) => startWorker(where, other));
  for (const { worker } of beside) worker.on('error', (error) => console.error('of a worker:', error));
  const sockets = await programs[plan.program](where, plan, () => {});
  await Promise.all(beside.map(({ atWork }) => atWork));
  if (!plan.atOnce) await sleep((where.round * 7) % 20);
  // Outside of any promise, or an error would be a rejection.
  setImmediate(() => endings[plan.ending](sockets));
}

/** Workers end, and the main thread's own connection goes on. */
async function outlive() {
  const own = connect(`127.0.0.1:${where.ports.control}`);
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
  await warm();
  const before = inventory();
  const plans = scenario.workers(where.round);
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

  let [left, peers] = [surplus(before), await ask('open?')];
  for (const until = performance.now() + 10_000 * where.slowness; performance.now() < until; ) {
    if (left.length === 0 && peers === '') break;
    await sleep(5);
    [left, peers] = [surplus(before), await ask('open?')];
  }
  const last = await ask('still here');
  await own.close();
  console.log(JSON.stringify({ ended, left, peers, own: last }));
}
