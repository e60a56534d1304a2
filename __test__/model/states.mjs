/** Sets of states: the real socket is in one of them, and nobody knows in which. */
import { agrees } from './ledger.mjs';
import { notices } from './model.mjs';

/** @typedef {import('./model.mjs').State} State */

/**
 * What is not as the model says, beside the state that is nearest to it.
 * @param {string} when @param {State[]} states @param {import('./ledger.mjs').Entry[]} entries
 * @param {(state: State, entry: import('./ledger.mjs').Entry) => boolean} owes Whether it has to settle although the state leaves it open.
 */
export function contradiction(when, states, entries, owes) {
  const bests = states.map((state) => ({
    state,
    wrong: entries.filter((entry) => !agrees(entry, state.out[entry.id]) || owes(state, entry)),
  }));
  bests.sort((a, b) => a.wrong.length - b.wrong.length);
  const [{ state, wrong } = { state: undefined, wrong: entries }] = bests;
  const said = wrong.map(({ name, word, id, reason }) => {
    const should = state?.out[id] ?? (word === '' ? 'settled: there is data, or room' : 'pending');
    return `${name} is ${word || 'pending'}, and should be ${should}${reason instanceof Error ? ` (${reason.message})` : ''}`;
  });
  const phases = state?.sockets.map(({ phase, read, write }) => `${phase}/${read}/${write}`).join(', ');
  return new Error(`${when}: ${said.join('; ')} [${phases}; not noticed: ${state?.queue.join(' ')}]`);
}

/** More than sequences of this length come to. */
const MANY = 20_000;

/** @param {State} state */
const keyOf = ({ sockets, queue, out }) => JSON.stringify([sockets, queue, out]);

/** @param {State[]} states */
export const unique = (states) => [...new Map(states.map((state) => [keyOf(state), state])).values()];

/** All states that may follow by themselves, and those that are given. @param {State[]} states */
export function reachable(states) {
  const found = new Map(states.map((state) => [keyOf(state), state]));
  for (const state of found.values()) {
    for (const { state: next } of notices(state)) {
      if (!found.has(keyOf(next))) found.set(keyOf(next), next);
    }
    if (found.size > MANY) throw new Error('the model does not know any more where it is');
  }
  return [...found.values()];
}
