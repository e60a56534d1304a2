/**
 * The process at the near end: runs workloads over the line, one after the other, each with several kinds of connections at a time. It
 * has to end by itself when the stage lets it go.
 */
import { slowness } from '../fixtures/environment.mjs';
import { inventory, surplus } from '../fixtures/inventory.mjs';
import { addresses } from './line.mjs';
import { destroyOthers, openWire } from './wires.mjs';
import { warmUp, workloads } from './workloads/index.mjs';

/** Those that promise something. */
const ours = ['connect()', 'wintersock/node'];

/** What is to happen is given this long, in ms, unless something is promised. */
const PATIENCE = 60_000 * slowness;
/** How much later than promised something may come, in ms. */
const LATENESS = 2000;

let nextId = 1;
/** @type {Map<number, (answer: { result?: unknown, error?: string }) => void>} */
const asked = new Map();
/** What nobody has handled, since the workload began. @type {string[]} */
let stray = [];
process.on('unhandledRejection', (reason) => stray.push(`unhandled rejection: ${reason?.stack ?? reason}`));
process.on('uncaughtException', (error) => stray.push(`uncaught: ${error.stack}`));

/** Asks the stage. @param {string} method @param {object} params */
function ask(method, params) {
  const id = nextId++;
  process.send({ id, method, params });
  return new Promise((resolve, reject) => {
    asked.set(id, ({ result, error }) => (error === undefined ? resolve(result) : reject(new Error(error))));
  });
}

/** @template T @param {Promise<T>} promise @param {string} what @param {number} [patience] @returns {Promise<T>} */
function within(promise, what, patience = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${patience} ms`)), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Where all connections of a workload meet before the line changes: it changes once, for all of them. */
class Turns {
  #live;
  #waiting = [];
  #change;

  /** @param {number} live @param {(name: string) => Promise<unknown>} change */
  constructor(live, change) {
    this.#live = live;
    this.#change = change;
  }

  /** @param {string} name */
  arrive(name) {
    const turn = new Promise((resolve, reject) => this.#waiting.push({ name, resolve, reject }));
    this.#look();
    return turn;
  }

  /** One will not come any more. */
  leave() {
    this.#live -= 1;
    this.#look();
  }

  #look() {
    if (this.#waiting.length === 0 || this.#waiting.length < this.#live) return;
    const waiting = this.#waiting.splice(0);
    this.#change(waiting[0].name).then(
      () => {
        for (const { resolve } of waiting) resolve(performance.now());
      },
      (error) => {
        for (const { reject } of waiting) reject(error);
      },
    );
  }
}

async function run({ name, subjects, ca, size, prepared }) {
  const workload = workloads.find((one) => one.name === name);
  const turns = new Turns(subjects.length, (turn) => ask('turn', { name: turn }));
  const before = inventory();
  const more = () => surplus(before).filter((kind) => / descriptor /.test(kind));
  stray = [];
  const results = await Promise.all(
    subjects.map(async ({ api, security, port }) => {
      const open = (change = {}) => {
        const { host = addresses.v4, port: other = port, ...rest } = change;
        return openWire(api, security, { host, port: other, ca, ...rest });
      };
      const begun = performance.now();
      try {
        const done = workload.run({
          ...{ api, security, size, ca, port, prepared, open },
          turn: (name) => turns.arrive(name),
          within: (promise, what) => within(promise, what),
          ends: () => ask('ends', { port }),
          seen: () => within(ask('seen', { port }), 'what the peer saw'),
        });
        const { ms = performance.now() - begun, ...rest } =
          (await within(done, 'all of it', 3 * PATIENCE)) ?? {};
        const bound = ((workload.promises ?? Number.POSITIVE_INFINITY) + LATENESS) * slowness;
        if (ours.includes(api) && ms > bound)
          throw new Error(`it took ${Math.round(ms)} ms, and ${bound} ms are allowed`);
        return { api, security, ms: Math.round(ms), ...rest };
      } catch (error) {
        return {
          api,
          security,
          error: error.stack ?? String(error),
          ms: Math.round(performance.now() - begun),
        };
      } finally {
        turns.leave();
      }
    }),
  );
  destroyOthers();
  // Closed sockets listen on for a second; what is dropped goes with the collector only.
  // The first connections open what stays: an epoll of the loop, those of the native half's thread.
  const deadline = performance.now() + (workload === warmUp ? 0 : 20_000 * slowness);
  while (more().length > 0 && performance.now() < deadline) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const left = more();
  return { results, wrong: left.length > 0 ? [...stray, `left open: ${left.join(', ')}`] : stray };
}

process.on('message', async (message) => {
  if (message.method === undefined) {
    const settle = asked.get(message.id);
    asked.delete(message.id);
    settle?.(message);
  } else if (message.method === 'run') {
    process.send({ done: await run(message.params) });
  } else {
    // Nothing may hold it now.
    process.off('disconnect', orphaned);
    process.disconnect();
  }
});

/** Whoever waits for this is gone. */
const orphaned = () => process.exit(1);
process.on('disconnect', orphaned);
