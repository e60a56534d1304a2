/**
 * What goes over the line. A workload has both ends: `serve` at the peer for each connection, `run` here.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} says What it does, and what has to come of it.
 * @property {string[]} on The conditions (line.mjs) that it runs under.
 * @property {string[]} quick Those of the quick form.
 * @property {{ full: number, quick: number }} [size] What it gets as `size`.
 * @property {string[]} [apis] Default: all of them.
 * @property {string[]} [securities] Default: all of them.
 * @property {boolean} [impatient] Whether the system is to give up after seconds.
 * @property {number} [promises] After how many ms at most the package has promised that it is done: `ms` may be 2 s more.
 * @property {Record<string, { line?: (members: string) => string[], peer?: string }>} [turns] What `turn(name)` does to the line.
 * @property {(options: object) => Promise<unknown>} [prepare] What it needs at the peer besides; `run` gets it as `prepared`.
 * @property {(socket: import('node:net').Socket, options: { size: number }) => Promise<unknown>} serve What it resolves with is what `seen()` gives.
 * @property {(job: object) => Promise<{ ms?: number, note?: string } | undefined>} run Rejects with what is wrong. `ms`: the figure, default all of it.
 */
import { ends } from './ends.mjs';
import { outages } from './outages.mjs';
import { postgres } from './postgres.mjs';
import { proxies } from './proxies.mjs';
import { reaches } from './reaches.mjs';
import { silences } from './silences.mjs';
import { transfers, warmUp } from './transfers.mjs';

/** @type {Workload[]} */
export const workloads = [
  warmUp,
  ...transfers,
  ...ends,
  ...reaches,
  ...outages,
  ...silences,
  ...proxies,
  ...postgres,
];

export { warmUp };
