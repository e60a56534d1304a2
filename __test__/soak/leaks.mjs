/**
 * Whether anything is left of sockets that have had a life each: `node --expose-gc leaks.mjs <job as JSON>`. Says a line of JSON
 * for each kind of life.
 */
import process from 'node:process';
import { openSockets } from '../fixtures/descriptors.mjs';
import { failures } from './failures.mjs';
import { collect, read, settles, slope } from './gauge.mjs';
import { Ground } from './ground.mjs';
import { good, secure } from './lives.mjs';
import { LEAK } from './verdict.mjs';

/** How many lives at a time. */
const TOGETHER = 16;

const { places, count, only } = JSON.parse(process.argv[2]);
/** Readings after the first ones, between which all should be the same. */
const ROUNDS = count < 1000 ? 2 : 6;
/** How often that is done again where resident memory has grown: what an allocator takes once is no leak, and a leak is there again. */
const AGAIN = 2;
const ground = new Ground(places);
const strays = [];
process.on('unhandledRejection', (reason) => strays.push(String(reason)));

// What stays: the I/O thread's own descriptors, and the memory that the first thousands bring.
for (const life of [good['web streams'], secure['web streams, TLS']]) await many(life, count / 2, new Map());
await settles(() => read().polls === 0);
// The first line that is said makes a handle.
process.stdout.write('');
const { sockets: own, handles: ownHandles } = read();

for (const [name, life] of Object.entries({ ...good, ...secure, ...failures })) {
  if (!new RegExp(only).test(name)) continue;
  console.log(JSON.stringify({ name, ...(await watch(life)) }));
}
process.exit();

/** @param {import('./lives.mjs').Life} life */
async function watch(life) {
  const wrong = new Map();
  const begun = performance.now();
  await many(life, count / 4, wrong);
  let grown = await growth(life, wrong);
  let times = 1;
  for (; grown.rss > LEAK.rss && times <= AGAIN; times += 1) grown = await growth(life, wrong);
  const last = grown.readings.at(-1);
  return {
    seconds: Math.round((performance.now() - begun) / 1000),
    wrong: Object.fromEntries(wrong),
    times,
    heap: grown.heap,
    rss: grown.rss,
    left: {
      sockets: last.sockets - own,
      handles: last.handles - ownHandles,
      alive: ground.alive,
      known: ground.known,
    },
    strays: strays.splice(0),
    readings: grown.readings.map(({ rss, heap }) => ({ rss, heap })),
  };
}

/** Bytes that each of `count` lives costs for good. @param {import('./lives.mjs').Life} life @param {Map<string, number>} wrong */
async function growth(life, wrong) {
  const readings = [await rest()];
  for (let round = 0; round < ROUNDS; round += 1) {
    await many(life, count / ROUNDS, wrong);
    readings.push(await rest());
  }
  const each = (of) => slope(readings.map((reading) => reading[of])) / (count / ROUNDS);
  return { readings, heap: each('heap') + each('external'), rss: each('rss') };
}

async function rest() {
  await settles(() => ground.alive === 0 && ground.known === 0 && openSockets() <= own);
  await collect();
  return read();
}

async function many(life, times, wrong) {
  let left = Math.ceil(times);
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      const outcome = await run(life);
      if (outcome !== undefined) wrong.set(outcome, (wrong.get(outcome) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: TOGETHER }, lane));
}

/** What is wrong with how a life ended. */
async function run({ fails = 'nothing', run }) {
  const failed = await run(ground).then(
    () => 'nothing',
    ({ code, name, message }) => (typeof code === 'string' ? code : (name ?? message)),
  );
  return failed === fails ? undefined : failed;
}
