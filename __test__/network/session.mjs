/** Runs workloads, some stages at a time. */
import { slowness } from '../fixtures/environment.mjs';
import { Stage } from './stage.mjs';
import { Tallies } from './tallies.mjs';
import { warmUp, workloads } from './workloads/index.mjs';

export const apis = ['connect()', 'wintersock/node', 'node:net'];
export const securities = ['off', 'on', 'starttls'];

/** Stages at a time. Their workloads wait far more than they work. */
const AT_A_TIME = 6;
/** A workload that has not ended after this long, in ms, has failed, and its processes with it. */
const DEADLINE = 240_000 * slowness;

/**
 * @typedef {object} Plan
 * @property {{ major: number, executable: string }[]} nodes
 * @property {string[]} ways Values of WINTERSOCK_IO.
 * @property {number[]} seeds
 * @property {boolean} quick
 * @property {('own' | 'netem')[]} kinds
 * @property {string} only Workloads whose name begins so.
 *
 * @typedef {object} Row What became of one connection (or one set of them) of a workload.
 * @property {string} workload @property {string} condition @property {string} api @property {string} security
 * @property {string} where Node, I/O, kind of line and seed.
 * @property {number} ms @property {string} [note] @property {string} [error]
 *
 * @typedef {{ workload: import('./workloads/index.mjs').Workload, condition: string }} Job
 * @typedef {{ where: string, stage: Parameters<typeof Stage.open>[0], jobs: Job[] }} Lane
 */

/** What is to be run, by stages. @param {Plan} plan @returns {Lane[]} */
function lanesOf({ nodes, ways, seeds, quick, kinds, only }) {
  const jobs = workloads
    .filter(({ name }) => name.startsWith(only))
    .flatMap((workload) =>
      (quick ? workload.quick : workload.on).map((condition) => ({ workload, condition })),
    );
  const lanes = [];
  // Other dice for each combination: the more is seen.
  let combination = 0;
  for (const kind of kinds) {
    for (const { major, executable: node } of kind === 'own' ? nodes : nodes.slice(0, 1)) {
      for (const io of kind === 'own' ? ways : ways.slice(0, 1)) {
        for (const base of seeds) {
          const seed = base + combination++;
          const where = `Node ${major}, I/O ${io}, ${kind === 'own' ? `seed ${seed}` : 'netem'}`;
          for (const impatient of [false, true]) {
            const those = jobs.filter(({ workload }) => {
              return (workload.impatient ?? false) === impatient && (kind === 'own' || !workload.turns);
            });
            for (const some of dealt(those, impatient ? 1 : AT_A_TIME)) {
              lanes.push({ where, stage: { node, io, kind, seed, impatient }, jobs: some });
            }
          }
        }
      }
    }
  }
  return lanes;
}

/** Into so many hands, none of them empty. @param {Job[]} jobs @param {number} hands */
function dealt(jobs, hands) {
  return Array.from({ length: hands }, (_, hand) => jobs.filter((_, at) => at % hands === hand)).filter(
    ({ length }) => length > 0,
  );
}

/**
 * @param {Plan} plan @param {(row: Row) => void} tell Told of each row.
 * @returns {Promise<Row[]>}
 */
export async function runSession(plan, tell) {
  const rows = [];
  const tallies = new Tallies();
  const row = (one) => {
    rows.push(one);
    tell(one);
  };
  const lanes = lanesOf(plan);
  const work = async () => {
    for (let lane = lanes.shift(); lane; lane = lanes.shift()) {
      await runLane(lane, plan.quick, tallies, row);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  for (const one of tallies.rows()) row(one);
  return rows;
}

/** @param {Lane} lane @param {boolean} quick @param {Tallies} tallies @param {(row: Row) => void} tell */
async function runLane({ where, stage: options, jobs }, quick, tallies, tell) {
  let stage;
  const lost = (what, error) =>
    tell({ workload: what, condition: '', api: '', security: '', where, ms: 0, error: error.stack });
  for (const { workload, condition } of jobs) {
    const size = workload.size?.[quick ? 'quick' : 'full'] ?? 0;
    try {
      if (stage === undefined) {
        stage = await Stage.open(options);
        await run(stage, warmUp, { condition: 'good', size: 0 });
      }
      const { results, wrong, packets } = await run(stage, workload, { condition, size });
      tallies.add(options.kind, workload, condition, packets);
      for (const result of results) tell({ workload: workload.name, condition, where, ...result });
      for (const error of wrong) lost(workload.name, { stack: error });
    } catch (error) {
      lost(`${workload.name}, ${condition}`, error);
      await stage?.kill();
      stage = undefined;
    }
  }
  await stage?.close().catch((error) => lost('the end of the process', error));
}

/** @param {Stage} stage @param {import('./workloads/index.mjs').Workload} workload @param {{ condition: string, size: number }} how */
async function run(stage, workload, how) {
  const subjects = (workload.apis ?? apis).flatMap((api) =>
    (workload.securities ?? securities).map((security) => ({ api, security })),
  );
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${DEADLINE / 1000} s`)), DEADLINE);
  });
  return Promise.race([stage.run(workload, { ...how, subjects }), late]).finally(() => clearTimeout(timer));
}
