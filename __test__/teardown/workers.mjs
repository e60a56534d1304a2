/** Workers that end, each by its plan, and what their parent sees of that. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/**
 * What an environment does, and how it ends.
 * @typedef {object} Plan
 * @property {string} program
 * @property {string} [ending] Default: by itself, because of what it does.
 * @property {string[]} [activities] Of the program `work`. Default: others each round.
 * @property {boolean} [atOnce] Whether it ends without waiting for its parent.
 * @property {number} [after] Milliseconds after which it is terminated, whatever it does.
 * @property {import('node:worker_threads').ResourceLimits} [resourceLimits]
 * @property {number} [turn] Which of the callbacks. @property {string} [kind]
 */

/** @param {import('./activities.mjs').Where} where @param {Plan} plan */
export function startWorker(where, plan) {
  const { resourceLimits = {} } = plan;
  const options = { workerData: { where, plan }, resourceLimits };
  const worker = new Worker(new URL('worker.mjs', import.meta.url), options);
  const happens = (event) => new Promise((resolve) => worker.once(event, resolve));
  return { worker, atWork: happens('message'), error: happens('error'), exit: happens('exit') };
}

/** Runs a worker to its end. Says how it ended: the exit code, and its error. */
export async function runWorker(where, plan) {
  const { worker, atWork, error, exit } = startWorker(where, plan);
  const { ending, after, atOnce } = plan;
  if (after !== undefined) {
    await sleep(after);
    await worker.terminate();
  } else if (!atOnce) {
    // It may end before it is told to.
    await Promise.race([atWork, exit]);
    if (ending === 'terminate') await worker.terminate();
    else if (ending) worker.postMessage('end');
  }
  const code = await exit;
  const thrown = await Promise.race([error, sleep(0)]);
  return thrown === undefined ? String(code) : `${code} ${thrown.code ?? thrown.message}`;
}
