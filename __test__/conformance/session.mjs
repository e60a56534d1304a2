import { clauses } from './clauses/index.mjs';
import { PeerHost } from './peers/host.mjs';
import { NodeRunner } from './runners/node.mjs';

/**
 * Runs clauses against one subject, in order.
 *
 * @param {object} what
 * @param {string} what.subject module specifier or path, or `'workerd'`
 * @param {string} [what.defect] a deliberate defect to put into it
 * @param {(clause: import('./clause.mjs').Clause) => boolean} [what.only] which clauses
 * @param {PeerHost} [what.host] peers to use; without it a host is opened for this run
 * @param {(result: import('./clause.mjs').Result) => void} [what.tell] is told each result as it comes
 * @returns {Promise<import('./clause.mjs').Result[]>}
 */
export async function runSession({ subject, defect, only = () => true, host, tell = () => {} }) {
  const ownHost = host ? undefined : await PeerHost.open();
  const runner = await makeRunner(host ?? ownHost, { subject, defect });
  const results = [];
  try {
    for (const clause of clauses.filter(only)) {
      const result = await runner.run(clause);
      results.push(result);
      tell(result);
    }
  } finally {
    await runner.close();
    await ownHost?.close();
  }
  return results;
}

async function makeRunner(host, what) {
  if (what.subject !== 'workerd') return new NodeRunner(host, what);
  const { WorkerdRunner } = await import('./runners/workerd.mjs');
  return new WorkerdRunner(host);
}

/** How many clauses passed, failed and did not apply. */
export function totals(results) {
  const count = (status) => results.filter((result) => result.status === status).length;
  return { pass: count('pass'), fail: count('fail'), 'n.a.': count('n.a.') };
}
