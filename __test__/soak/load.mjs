/**
 * The process under load: `node --expose-gc load.mjs <job as JSON>`. Says a line of JSON for each sample, and one at the end. Ends
 * by itself: what kept it would be left over.
 */
import { once } from 'node:events';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { openSockets } from '../fixtures/descriptors.mjs';
import { collect, openDescriptors, read, settles } from './gauge.mjs';
import { Ground } from './ground.mjs';
import { add, Lanes, outcomeOf, total } from './lanes.mjs';
import { good, secure } from './lives.mjs';
import { Database } from './queries.mjs';
import { Streams } from './streams.mjs';

/**
 * @typedef {object} Job
 * @property {import('./ground.mjs').Places} places
 * @property {number} seconds How long.
 * @property {{ tcp: number, tls: number, failing: number }} rates Lives that begin in a second.
 * @property {number} restEvery Seconds between two rests, at which everything but the long-lived has to be over.
 */

/** What this thread does itself; the rest is for the other one. */
const OWN_SHARE = 0.5;
const WAYS = ['terminate', 'exit', 'return'];

/** @type {Job} */
const { places, seconds, rates, restEvery } = JSON.parse(process.argv[2]);
const wrong = {};
process.on('unhandledRejection', (reason) => add(wrong, `unhandled rejection: ${reason}`));
process.on('uncaughtException', (error) => add(wrong, `uncaught exception: ${error?.stack ?? error}`));

const ground = new Ground(places);
// The descriptors of the I/O thread come with the first connection, and stay.
for (const life of [
  good['web streams'],
  secure['web streams, TLS'],
  good['by a name that the system knows'],
]) {
  const outcome = await outcomeOf(life, ground);
  if (outcome !== 'nothing') add(wrong, `the first connections: ${outcome}`);
}
// The first line that is said makes a handle.
process.stdout.write('');
const settled = () => settles(() => read().polls === 0 && ground.alive === 0);
await settled();
/** Without the other thread, which has descriptors and handles of its own. */
const alone = read();
const share = (of) => Object.fromEntries(Object.entries(rates).map(([kind, rate]) => [kind, rate * of]));
const thread = new Worker(new URL('thread.mjs', import.meta.url), {
  workerData: { places, rates: share(1 - OWN_SHARE) },
});
// Until it has loaded everything, it has files open.
await once(thread, 'message');
await settled();
const first = read();

const streams = new Streams(ground);
await streams.opened;
/** Handles of the long-lived: one for each where the event loop watches them, else none. */
const watching = read().handles - first.handles;
if (watching > streams.count) add(wrong, `${watching} handles for ${streams.count} connections`);
const database = new Database(ground);
const lanes = new Lanes(ground, share(OWN_SHARE));
const begun = performance.now();
const passed = () => (performance.now() - begun) / 1000;
let visitors = 0;
/** When last looked. */
let handles = first.handles + watching;
let elsewhere = { counts: { tcp: 0, tls: 0, expected: {}, wrong: {} }, alive: 0, known: 0, handles: 0 };

lanes.start();
while (passed() < seconds) {
  lanes.resume();
  streams.resume();
  thread.postMessage('go');
  await work(Math.min(passed() + restEvery, seconds));
  await rest();
}

await streams.end();
await lanes.stop();
const ended = once(thread, 'exit');
await tell('end');
await ended;
await settles(() => openSockets() <= first.sockets && ground.alive === 0);
const last = read();
say({
  end: {
    ...total([
      lanes.counts,
      elsewhere.counts,
      { tcp: 0, tls: 0, expected: {}, wrong: { ...wrong, ...problems() } },
    ]),
    visitors,
    queries: database.done,
    verified: streams.verified,
    left: {
      descriptors: last.descriptors - alone.descriptors,
      sockets: last.sockets - first.sockets,
      handles: last.handles - alone.handles + elsewhere.handles,
      alive: ground.alive + elsewhere.alive,
      known: ground.known + elsewhere.known,
    },
  },
});

/** Lets everything work, and takes samples. @param {number} until */
async function work(until) {
  const visiting = visit(until);
  const querying = database.query(until, passed);
  while (passed() < until) {
    await sleep(1000);
    const { rss } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const { alive } = ground;
    const open = { descriptors: openDescriptors(), sockets: openSockets(), handles };
    say({ sample: { at: passed(), cpu: (user + system) / 1e6, rss, ...open, alive } });
  }
  await Promise.all([visiting, querying]);
}

/** Workers that come and go. @param {number} until */
async function visit(until) {
  while (passed() < until) {
    const visits = WAYS[visitors % WAYS.length];
    const worker = new Worker(new URL('thread.mjs', import.meta.url), { workerData: { places, visits } });
    const gone = once(worker, 'exit');
    worker.once('error', (error) => add(wrong, `a worker: ${error}`));
    await Promise.race([once(worker, 'message'), gone]).catch(() => {});
    if (visits === 'terminate') await worker.terminate();
    await gone.catch(() => {});
    visitors += 1;
    // Which asks every worker: one that is just ending would have to answer.
    ({ handles } = read());
    await sleep(300);
  }
}

/** Has everything end but the long-lived, and says what there is then. */
async function rest() {
  const [told] = await Promise.all([tell('rest'), lanes.pause(), streams.pause()]);
  const expected = first.sockets + streams.count;
  const watched = first.handles + watching;
  await settles(
    () => openSockets() <= expected && ground.alive <= streams.count && read().handles <= watched,
  );
  await collect();
  const reading = read();
  const counts = total([lanes.counts, told.counts]);
  say({
    rest: {
      at: passed(),
      ...reading,
      own: ground.alive,
      tcp: counts.tcp,
      tls: counts.tls,
      left: {
        descriptors: reading.descriptors - first.descriptors - streams.count,
        sockets: reading.sockets - expected,
        alive: ground.alive + told.alive - streams.count,
        known: ground.known + told.known - streams.count,
        handles: reading.handles - watched + told.handles,
      },
    },
  });
}

/** Tells the other thread, and hears how it is. @param {'rest' | 'end'} word */
async function tell(word) {
  const answer = once(thread, 'message');
  thread.postMessage(word);
  [elsewhere] = await answer;
  return elsewhere;
}

function problems() {
  const all = {};
  for (const text of [...streams.wrong, ...database.wrong]) add(all, text);
  return all;
}

function say(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
