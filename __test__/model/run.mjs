/**
 * Performs sequences in this process: many at a time, each from a seed of its own; what fails is performed again alone, and shrunk.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { openSockets } from '../fixtures/descriptors.mjs';
import { found as everFound } from './found.mjs';
import { createTrust } from './peer.mjs';

const { values } = parseArgs({
  options: {
    what: { type: 'string', default: 'machine' },
    runs: { type: 'string', default: '0' },
    minutes: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    path: { type: 'string' },
    sequence: { type: 'string' },
    parallel: { type: 'string', default: '8' },
  },
});

/** So long is something shrunk. */
const SHRINK_MS = 60_000;
/** So many failures are looked at. */
const ENOUGH = 3;
/** So often what has failed beside others is tried again alone. */
const AGAIN = 10;
/** Bytes by which it may grow: eight sequences have more than that under way. */
const GROWTH = 32 * 2 ** 20;

/** @type {Record<string, () => Promise<{ arbitrary: import('fast-check').Arbitrary<unknown>, perform(sequence: any, trust: any): Promise<void> }>>} */
const machines = {
  machine: async () => {
    const { Machine } = await import('./machine.mjs');
    const { sequences } = await import('./sequences.mjs');
    return { arbitrary: sequences, perform: (sequence, trust) => new Machine(sequence, trust).perform() };
  },
  duplex: async () => {
    const { DuplexMachine } = await import('./duplex.mjs');
    const { duplexSequences } = await import('./duplex-sequences.mjs');
    return {
      arbitrary: duplexSequences,
      perform: (sequence, trust) => new DuplexMachine(sequence, trust).perform(),
    };
  },
  handover: async () => {
    const { handovers, perform } = await import('./handover.mjs');
    return { arbitrary: handovers, perform };
  },
};

const { arbitrary, perform } = await machines[values.what]();
const trust = await createTrust();
/** What has failed once is performed first. @type {any[]} */
const found = everFound[values.what] ?? [];

/** What no promise and no call has told. @type {string[]} */
const strays = [];
/** Seeds of what is being performed. @type {Set<number>} */
const underWay = new Set();
/** Seeds of what was being performed when the peer broke. @type {Set<number>} */
const broken = new Set();
process.on('unhandledRejection', (reason) => strays.push(`unhandled rejection: ${show(reason)}`));
process.on('uncaughtException', (error) => {
  // Of Node's TLS over a stream, as the peers have it: an assertion of its own when both end at the same time.
  if (/js_stream_socket/.test(error.stack ?? '')) for (const seed of underWay) broken.add(seed);
  else strays.push(`uncaught exception: ${show(error)}`);
});
process.on('warning', ({ name, message }) => {
  if (!/verify|NODE_TLS|ExperimentalWarning/.test(`${name} ${message}`))
    strays.push(`warning: ${name}: ${message}`);
});

/** @param {unknown} reason */
function show(reason) {
  return reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
}

/** Performs one alone: nothing may be left of it. @param {any} sequence */
async function alone(sequence) {
  const before = openSockets();
  strays.length = 0;
  await perform(sequence, trust);
  await back(before);
  if (strays.length > 0) throw new Error(strays.join('\n'));
}

/** Waits until no more sockets are open. @param {number} before */
async function back(before) {
  for (const deadline = performance.now() + 6000; openSockets() > before && performance.now() < deadline; )
    await sleep(5);
  const left = openSockets() - before;
  if (left > 0) throw new Error(`${left} sockets are left`);
}

/** @param {number} seed */
const sequenceOf = (seed) => fc.sample(arbitrary, { seed, numRuns: 1 })[0];

/** Performs one again, alone, and shrinks it. @param {number} seed @param {string} first What it said beside others. */
async function examine(seed, first) {
  const property = fc.asyncProperty(arbitrary, alone);
  const options = {
    seed,
    numRuns: 1,
    interruptAfterTimeLimit: SHRINK_MS,
  };
  for (let attempt = 0; attempt < AGAIN; attempt += 1) {
    const { failed, counterexample, counterexamplePath, errorInstance } = await fc.check(property, options);
    if (!failed || !counterexample) continue;
    return { seed, path: counterexamplePath, sequence: counterexample[0], error: show(errorInstance) };
  }
  if (broken.has(seed)) {
    console.log(`set aside, because the peer broke: --seed ${seed}: ${first}`);
    return undefined;
  }
  return {
    seed,
    path: null,
    sequence: sequenceOf(seed),
    error: `${first} (not again in ${AGAIN} times alone)`,
  };
}

const runs = Number(values.runs);
const until = performance.now() + Number(values.minutes) * 60_000;
const from = Number(values.seed);
/** @type {NonNullable<Awaited<ReturnType<typeof examine>>>[]} */
const failures = [];
/** What is wrong with the process as a whole. @type {string[]} */
const faults = [];
let performed = 0;

if (values.sequence) await only(JSON.parse(values.sequence));
else if (values.path) await again();
else await many();
tell();

/** @param {any} sequence */
async function only(sequence) {
  performed += 1;
  await alone(sequence).catch((error) =>
    failures.push({ seed: 0, path: null, sequence, error: show(error) }),
  );
}

/** What an earlier run has shrunk. */
async function again() {
  performed += 1;
  const options = { seed: from, numRuns: 1, endOnFailure: true, path: values.path };
  const { failed, counterexample, errorInstance } = await fc.check(
    fc.asyncProperty(arbitrary, alone),
    options,
  );
  if (failed) {
    const sequence = /** @type {any} */ (counterexample)[0];
    failures.push({ seed: from, path: values.path ?? null, sequence, error: show(errorInstance) });
  }
}

async function many() {
  for (const sequence of found) await only(sequence);
  const before = openSockets();
  /** @type {Map<number, string>} */
  const suspects = new Map();
  // If the process dies of it, that is the only trace.
  process.once('exit', () => {
    if (underWay.size > 0)
      writeSync(2, `under way: --what ${values.what}, seeds ${[...underWay].join(', ')}\n`);
  });
  let next = from;
  let least = Number.POSITIVE_INFINITY;
  const worker = async () => {
    while (suspects.size < ENOUGH && (next < from + runs || performance.now() < until)) {
      const seed = next;
      next += 1;
      underWay.add(seed);
      const sequence = sequenceOf(seed);
      await (values.parallel === '1' ? alone(sequence) : perform(sequence, trust)).catch((error) =>
        suspects.set(seed, show(error)),
      );
      underWay.delete(seed);
      performed += 1;
      if (performed % 500 === 0 && performed <= 2000) least = Math.min(least, grown());
    }
  };
  await Promise.all(Array.from({ length: Number(values.parallel) }, worker));
  await back(before).catch(({ message }) => faults.push(message));
  faults.push(...strays);
  const growth = performed >= 2000 ? grown() - least : 0;
  if (growth > GROWTH) faults.push(`what is reachable has grown by ${Math.round(growth / 2 ** 20)} MiB`);
  for (const [seed, error] of suspects) {
    const failure = await examine(seed, error);
    if (failure) failures.push(failure);
  }
}

/** Bytes that are reachable. Not the resident set, which says more of allocators. */
function grown() {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function tell() {
  for (const { seed, path, sequence, error } of failures) {
    const { steps = [], ...rest } = sequence;
    const again =
      path === null ? `--sequence '${JSON.stringify(sequence)}'` : `--seed ${seed} --path ${path}`;
    console.log(`\nFAILED: ${error}\n${JSON.stringify(rest)}`);
    for (const step of steps) console.log(`  ${JSON.stringify(step)}`);
    console.log(`again: npm run test:model -- --what ${values.what} ${again}`);
  }
  for (const fault of faults) console.log(`\nFAILED: ${fault}`);
  console.log(`MODEL ${performed} performed, ${failures.length + faults.length} failed`);
  process.exit(failures.length + faults.length > 0 ? 1 : 0);
}
