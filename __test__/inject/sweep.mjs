/** Has every point of the native half fail in every scenario that passes it. */
import { pointsOfTheCode } from './points.mjs';
import { Trials } from './trials.mjs';
import { faults, isTold, plansFor, wasTold } from './verdict.mjs';

/** Passed once in a process, before anything else, and where. */
const FIRST = new Map([
  ['roots', 'tls'],
  ['runtime', 'name'],
]);

/** What the end of an environment waits for, and where one ends: tried there in any case. */
const ENDS = new Map([['handle.closed', 'a worker exits']]);

/** Where an error is heard of that is no consequence of another one. */
const FIRST_OF_ALL = /^(?!startTls|end$|abort)/;

/** So many scenarios show what a point does; those of a point that most pass are many. */
const ENOUGH = 8;

/** The same, those first that are enough. @param {string[]} all */
function spread(all) {
  const part = (/** @type {number} */ index) => Math.floor((index * ENOUGH) / all.length);
  const first = all.filter((_, index) => part(index) !== part(index - 1));
  return [...first, ...all.filter((scenario) => !first.includes(scenario))];
}

/** Those of scenarios.mjs, quickest first: it cannot be imported here, without the addon. */
export const scenarios = [
  'plain',
  'name',
  'unix',
  'tls',
  'proxies',
  'refused',
  'unread',
  'ended by the peer',
  'reset by the peer',
  'aborted',
  'idle',
  'unresolved',
  'hosted',
  'starttls',
  'tunnel',
  'duplex',
  'duplex with a look-up',
  'many',
  'held',
  'late',
  'default roots',
  'dropped',
  'bulk',
  'the process exits',
  'a worker exits',
  'a worker throws',
  'a worker terminated',
  'unheard',
];

/**
 * @typedef {object} Swept
 * @property {number} passed Trials.
 * @property {string[]} failures In words.
 * @property {Set<string>} reached Points at which something has failed.
 * @property {Map<string, { panic: Set<string>, system: Set<string> }>} seen By point: what a panic, and the system, led to: codes.
 */

/**
 * @param {{ root: string, addon: string }} variant
 * @param {{ node: string, io: string, places: import('./peers.mjs').Places, quick: boolean, only?: string, log(line: string): void }} options
 * @returns {Promise<Swept>}
 */
export async function sweep(variant, { quick, only = '', log, ...options }) {
  const trials = new Trials(variant, options);
  /** @type {Swept} */
  const swept = { passed: 0, failures: [], reached: new Set(), seen: new Map() };
  /** @param {import('./trial.mjs').Trial} trial @param {boolean} [fresh] */
  const attempt = async (trial, fresh = false) => {
    const { plan } = trial;
    const what = plan
      ? `${plan.point}, ${plan.errno ?? 'panic'}, after ${plan.after}, in "${trial.scenario}"`
      : `"${trial.scenario}"`;
    try {
      const result = await trials.run(trial, { fresh });
      const wrong = faults(trial, result);
      if (wrong.length === 0) swept.passed += 1;
      for (const fault of wrong) swept.failures.push(`${what}: ${fault}`);
      if (wrong.length > 0) log(`${what}: ${wrong.join('; ')}`);
      return result;
    } catch (error) {
      const fault = `${what}: ${/** @type {Error} */ (error).message}`;
      swept.failures.push(fault);
      log(fault);
      return undefined;
    }
  };
  try {
    /** @type {Map<string, Record<string, number>>} */
    const passes = new Map();
    for (const scenario of scenarios) passes.set(scenario, (await attempt({ scenario }))?.points ?? {});
    for (const [point, scenario] of FIRST) passes.set(scenario, { ...passes.get(scenario), [point]: 1 });
    for (const point of pointsOfTheCode().filter(({ name }) => name.startsWith(only))) {
      const all = spread(scenarios.filter((scenario) => passes.get(scenario)?.[point.name]));
      const seen = { panic: new Set(), system: new Set() };
      swept.seen.set(point.name, seen);
      /** @type {Map<number | undefined, boolean>} */
      const told = new Map();
      for (const [index, scenario] of all.entries()) {
        // Some things happen only if it is slow, or when nobody waits any more: then another one is tried.
        const heard = told.size > 0 && [...told.values()].every(Boolean);
        if (index >= (quick ? 1 : ENOUGH) && heard && scenario !== ENDS.get(point.name)) continue;
        for (const plan of plansFor(point, passes.get(scenario)?.[point.name] ?? 1, quick)) {
          const result = await attempt({ scenario, plan }, FIRST.has(point.name));
          if (!result || result.failed === 0) continue;
          swept.reached.add(point.name);
          told.set(plan.errno, told.get(plan.errno) || !isTold(plan) || wasTold(plan, result));
          const kind = plan.errno === undefined ? seen.panic : seen.system;
          for (const { name, code } of result.outcomes)
            if (code !== undefined && FIRST_OF_ALL.test(name)) kind.add(code);
        }
      }
      for (const [number, was] of told)
        if (!was) swept.failures.push(`${point.name}, ${number ?? 'panic'}: nobody was told`);
    }
  } finally {
    await trials.end();
  }
  return swept;
}
