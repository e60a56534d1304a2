/**
 * Tries scenarios while something fails in the native half of this process: asked by its parent, trial for trial. Imports the package only when
 * that is asked for, so that a trial can be the first that happens to it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { inventory, surplus } from '../fixtures/inventory.mjs';
import { native } from './native.mjs';

/** Milliseconds in which everything settles, on the slowest machine. */
const DEADLINE = 20_000 * Number(process.env['WINTERSOCK_SLOWNESS'] || 1);

/**
 * @typedef {object} Plan
 * @property {string} point
 * @property {number} after How often the point is passed before.
 * @property {number} times How often it fails.
 * @property {number} [errno] What the system says. Without: it panics.
 */

/** @typedef {{ scenario: string, plan?: Plan }} Trial */
/** @typedef {import('./native.mjs').Passed} Passed */

/** @typedef {{ name: string, code?: string | undefined, message?: string, hung?: boolean, thrown?: boolean, wrong?: boolean }} Outcome */

/** @typedef {{ outcomes: Outcome[], uncaught: string[], left: string[], health: Outcome[] } & Passed} Result */

/** @type {string[]} */
const uncaught = [];
process.on('uncaughtException', (error) => uncaught.push(`uncaught: ${error?.stack ?? error}`));
process.on('unhandledRejection', (error) =>
  uncaught.push(`unhandled: ${/** @type {Error} */ (error)?.stack ?? error}`),
);

/** @param {Outcome[]} outcomes @param {import('./peers.mjs').Places} places */
function sceneOf(outcomes, places) {
  /** @param {string} name @param {unknown} error @param {readonly string[] | undefined} codes @param {boolean} thrown */
  const failed = (name, error, codes, thrown) => {
    const { code, message } = /** @type {Error & { code?: string }} */ (error);
    // A worker's error comes as a copy, which knows no classes.
    const kind = /** @type {{ constructor: { name?: string } | string }} */ (error).constructor;
    const wrong = (typeof kind === 'string' ? kind : kind.name) !== 'SocketError';
    if (!(code !== undefined && codes?.includes(code))) outcomes.push({ name, code, message, thrown, wrong });
  };
  return {
    places,
    /** @param {string} name @param {Promise<unknown>} promise @param {readonly string[]} [codes] */
    async heard(name, promise, codes) {
      const timer = new AbortController();
      const late = sleep(DEADLINE, 'late', { signal: timer.signal }).catch(() => 'late');
      try {
        const first = await Promise.race([promise.then((value) => ({ value })), late]);
        if (first === 'late') outcomes.push({ name, hung: true });
        else if (codes) outcomes.push({ name, message: 'it did not fail' });
        return typeof first === 'object' ? first.value : undefined;
      } catch (error) {
        failed(name, error, codes, false);
        return undefined;
      } finally {
        timer.abort();
      }
    },
    /** @param {string} name @param {() => unknown} act */
    tried(name, act) {
      try {
        return act();
      } catch (error) {
        failed(name, error, undefined, true);
        return undefined;
      }
    },
  };
}

/** @param {readonly Passed[]} all @returns {Passed} */
function merged(all) {
  /** @type {Passed} */
  const sum = { points: {}, failed: 0 };
  for (const { points, failed } of all) {
    sum.failed += failed;
    for (const [name, count] of Object.entries(points)) sum.points[name] = (sum.points[name] ?? 0) + count;
  }
  return sum;
}

/** Whether nothing has been tried in this process. */
let fresh = true;

/** @param {Trial} trial @param {import('./peers.mjs').Places} places @returns {Promise<Result>} */
async function run({ scenario, plan }, places) {
  const before = inventory();
  // The first trial opens what stays: an epoll of the loop, those of the native half's thread.
  const counted = fresh ? / descriptor socket$/ : / descriptor /;
  fresh = false;
  const more = () => surplus(before).filter((kind) => counted.test(kind));
  const { scenarios } = await import('./scenarios.mjs');
  /** @type {Outcome[]} */
  const outcomes = [];
  /** @type {Outcome[]} */
  const health = [];
  /** @type {import('node:worker_threads').Worker[]} */
  const workers = [];
  /** @type {Passed[]} */
  const others = [];
  native.inject(plan?.point, plan?.after ?? 0, plan?.times ?? 0, plan?.errno);
  const scene = {
    ...sceneOf(outcomes, places),
    plan,
    ends: (/** @type {import('node:worker_threads').Worker} */ worker) => workers.push(worker),
    elsewhere: (/** @type {Passed} */ passed) => others.push(passed),
    passed: (/** @type {string} */ point) => native.passed().points[point] ?? 0,
  };
  await scenarios[scenario]?.(/** @type {any} */ (scene)).catch((error) => {
    const { code, message } = error;
    outcomes.push({
      name: 'connect',
      code,
      message,
      thrown: true,
      wrong: error.constructor.name !== 'SocketError',
    });
  });
  for (const worker of workers) await worker.terminate();
  const { points, failed } = merged([native.passed(), ...others]);
  native.inject(undefined, 0, 0);
  const later = /** @type {any} */ (sceneOf(health, places));
  for (const name of ['plain', 'tls']) await scenarios[name]?.(later);
  const patience = performance.now() + DEADLINE;
  while (more().length > 0 && performance.now() < patience) {
    globalThis.gc?.();
    await sleep(20);
  }
  return { outcomes, uncaught: uncaught.splice(0), left: more(), points, failed, health };
}

process.on(
  'message',
  async (/** @type {{ trial: Trial, places: import('./peers.mjs').Places }} */ { trial, places }) => {
    process.send?.(await run(trial, places));
  },
);
