/** What becomes of promises: each settles once, and how is a word. */

/** @typedef {{ id: number, name: string, on: number, kind: import('./model.mjs').Kind, word: string, reason: unknown, settled: number, takes: string }} Entry */

/** A reason in a word: a code, or what stands for it. @param {unknown} reason */
export function wordOf(reason) {
  if (typeof reason !== 'object' || reason === null) return `(${String(reason)})`;
  const { code, name, message } = /** @type {{ code?: unknown, name?: string, message?: string }} */ (reason);
  return typeof code === 'string' ? code : `${name}: ${message}`;
}

export class Ledger {
  /** @type {Entry[]} */
  entries = [];
  /** Faults of promises themselves. @type {string[]} */
  faults = [];
  /** Called when one settles. */
  onSettled = () => {};

  /**
   * @param {{ name: string, on: number, kind: Entry['kind'], takes?: string }} what `takes`: how it may settle whatever the model says.
   * @param {Promise<unknown>} promise @returns {Entry}
   */
  track({ name, on, kind, takes = '' }, promise) {
    /** @type {Entry} */
    const entry = { id: this.entries.length, name, on, kind, word: '', reason: undefined, settled: 0, takes };
    this.entries.push(entry);
    const settles = (/** @type {string} */ word, /** @type {unknown} */ reason) => {
      entry.settled += 1;
      if (entry.settled > 1) this.faults.push(`${name} settled twice: ${entry.word}, then ${word}`);
      entry.word = word;
      entry.reason = reason;
      this.onSettled();
    };
    if (!(promise instanceof Promise)) this.faults.push(`${name} is no promise`);
    Promise.resolve(promise).then(
      (value) => {
        const { done, value: chunk } = /** @type {any} */ (value ?? {});
        settles(kind !== 'read' ? 'resolved' : done ? 'done' : 'data', chunk);
      },
      (reason) => settles(wordOf(reason), reason),
    );
    return entry;
  }
}

/** Whether a promise may be at `entry.word` if the model says `word`. @param {Entry} entry @param {string | undefined} word */
export function agrees(entry, word) {
  if (entry.word === '') return word === undefined;
  if (entry.word === 'data') return true;
  if (entry.word === entry.takes || entry.takes === '*') return true;
  if (word === undefined) return false;
  const words = word.split('|');
  return words.includes('*') || words.includes(entry.word);
}
