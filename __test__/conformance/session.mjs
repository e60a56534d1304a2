import { clauses } from './clauses/index.mjs';
import { PeerHost } from './peers/host.mjs';
import { NodeRunner } from './runners/node.mjs';
import { WorkerdRunner } from './runners/workerd.mjs';

/**
 * Makes a subject ready to be asked clause by clause.
 *
 * @param {object} what
 * @param {string} what.subject module specifier or path, or `'workerd'`
 * @param {string} [what.defect] a deliberate defect to put into it
 * @param {PeerHost} [what.host] peers to use; without it a host is opened for this session
 * @returns {Promise<{ run: NodeRunner['run'], close: () => Promise<void> }>}
 */
export async function openSession({ subject, defect, host }) {
  const peers = host ?? (await PeerHost.open());
  const runner =
    subject === 'workerd' ? new WorkerdRunner(peers) : new NodeRunner(peers, { subject, defect });
  return {
    run: (clause) => runner.run(clause),
    async close() {
      await runner.close();
      if (!host) await peers.close();
    },
  };
}

/**
 * Runs clauses against one subject, in order.
 *
 * @param {object} what as for `openSession`, and
 * @param {(clause: import('./clause.mjs').Clause) => boolean} [what.only] which clauses
 * @param {(result: import('./clause.mjs').Result) => void} [what.tell] is told each result as it comes
 * @returns {Promise<import('./clause.mjs').Result[]>}
 */
export async function runSession({ only = () => true, tell = () => {}, ...what }) {
  const session = await openSession(what);
  const results = [];
  try {
    for (const clause of clauses.filter(only)) {
      const result = await session.run(clause);
      results.push(result);
      tell(result);
    }
  } finally {
    await session.close();
  }
  return results;
}

/** How many clauses passed, failed and did not apply. */
export function totals(results) {
  const count = (status) => results.filter((result) => result.status === status).length;
  return { pass: count('pass'), fail: count('fail'), 'n.a.': count('n.a.') };
}
