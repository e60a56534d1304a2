import { NotApplicable, Trial } from './trial.mjs';

/** How long a clause may take if it does not say otherwise, in milliseconds. */
export const DEADLINE = 5000;

/**
 * A clause of the standard or of our rulings.
 *
 * @typedef {object} Clause
 * @property {string} id stable: reports and users refer to it
 * @property {{ label: string, link: string }} source where it is said
 * @property {string} says the clause in one sentence
 * @property {(t: Trial, subject: Subject) => unknown} body throws or rejects if the subject does otherwise
 * @property {boolean} [node] whether it can be asked of Node alone: it needs processes, or Node's environment
 * @property {number} [deadline] milliseconds, if not `DEADLINE`
 *
 * @typedef {object} Subject what is tested: `connect`, and `SocketError` where the implementation has it
 * @property {Function} connect
 * @property {Function} [SocketError]
 * @property {Function} [Socket]
 *
 * @typedef {object} Result
 * @property {string} id
 * @property {'pass' | 'fail' | 'n.a.'} status
 * @property {string} message why it failed or was not applicable
 * @property {boolean} [timedOut]
 */

/**
 * Runs one clause. Never rejects, and never takes much longer than the clause's deadline.
 *
 * @param {Clause} clause
 * @param {{ subject: Subject, control: Function, node?: object, strays: unknown[] }} world `strays` collects unhandled
 *   rejections and uncaught exceptions
 * @returns {Promise<Result>}
 */
export async function run(clause, { subject, control, node, strays }) {
  const { id, deadline = DEADLINE } = clause;
  if (clause.node && !node) return { id, status: 'n.a.', message: 'needs Node' };
  strays.length = 0;
  const t = new Trial(subject, control, node);
  const late = Symbol('late');
  let timer;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, deadline, late);
  });
  try {
    const ended = await Promise.race([body(clause, t), timeout]);
    if (ended === late) throw new Error(`did not finish within ${deadline} ms`);
    await t.sleep(0);
    await t.sleep(0);
    if (strays.length) throw new Error(`unhandled: ${strays[0]?.message ?? strays[0]}`);
    return { id, status: 'pass', message: '' };
  } catch (error) {
    const status = error instanceof NotApplicable ? 'n.a.' : 'fail';
    const message = String(error?.message ?? error);
    return { id, status, message, ...(message.startsWith('did not finish') && { timedOut: true }) };
  } finally {
    clearTimeout(timer);
    await Promise.race([t.tidy(), t.sleep(1000)]);
    strays.length = 0;
  }
}

async function body(clause, t) {
  await clause.body(t, t.subject);
}
