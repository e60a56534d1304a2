import { clauses } from './clauses/index.mjs';
import { defects } from './defects/index.mjs';
import { PeerHost } from './peers/host.mjs';
import { runSession } from './session.mjs';

/** What the clauses are asked of: ours, and two that were made by others. */
export const SUBJECTS = ['wintersock', '@arrowood.dev/socket', 'workerd'];
const OURS = SUBJECTS[0];

/** How many sessions run at a time: most of their time they wait. */
const LANES = 2;

/**
 * Asks every clause of each subject, and of ours with each defect in it.
 *
 * @param {{ only: (clause: import('./clause.mjs').Clause) => boolean, print: (line: string) => void }} how
 * @returns {Promise<{ results: Map<string, Map<string, import('./clause.mjs').Result>>, seen: Map<string, string[]>,
 *   unnoticed: string[], broken: string[] }>} by subject and clause what came out; by clause what it was seen to fail
 *   against; which defects no clause noticed; which subjects did not run
 */
export async function gather({ only, print }) {
  const host = await PeerHost.open();
  const results = new Map();
  const noticed = new Map();
  const broken = [];
  const ask = async (subject) => {
    try {
      const told = await runSession({ subject, host, only });
      results.set(subject, new Map(told.map((result) => [result.id, result])));
      print(`${subject}: ${told.length} clauses asked`);
    } catch (error) {
      broken.push(`${subject}: ${error.message}`);
      print(`${subject} could not be run: ${error.message}`);
    }
  };
  const plant = async ({ name, tries }) => {
    const tried = (clause) => only(clause) && tries.some((prefix) => clause.id.startsWith(prefix));
    const told = await runSession({ subject: OURS, defect: name, host, only: tried });
    const failures = told.filter(({ id, status }) => status === 'fail' && passes(results, id));
    noticed.set(name, { failures, asked: told.some(({ status }) => status !== 'n.a.') });
    print(`defect ${name}: noticed by ${failures.length} of ${told.length} clauses`);
  };
  try {
    await ask(OURS);
    const wanted = defects.filter(({ tries }) =>
      clauses.some((clause) => only(clause) && tries.some((prefix) => clause.id.startsWith(prefix))),
    );
    const others = SUBJECTS.slice(1).map((subject) => () => ask(subject));
    await inLanes([...others, ...wanted.map((defect) => () => plant(defect))]);
  } finally {
    await host.close();
  }
  return { results, broken, ...evidence({ results, noticed, only }) };
}

/** Whether our own implementation, without a defect, is known to pass the clause. */
const passes = (results, id) => results.get(OURS)?.get(id)?.status === 'pass';

function evidence({ results, noticed, only }) {
  const seen = new Map(clauses.filter(only).map(({ id }) => [id, []]));
  for (const subject of SUBJECTS.slice(1)) {
    for (const { id, status } of results.get(subject)?.values() ?? []) {
      if (status === 'fail') seen.get(id).push(subject);
    }
  }
  for (const [name, { failures }] of noticed) for (const { id } of failures) seen.get(id).push(name);
  const unnoticed = [...noticed]
    .filter(([, { failures, asked }]) => asked && !failures.length)
    .map(([name]) => name);
  return { seen, unnoticed };
}

async function inLanes(jobs) {
  const lane = async () => {
    for (let job = jobs.shift(); job; job = jobs.shift()) await job();
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}
