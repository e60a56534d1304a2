/** Of a few repetitions. */

/** @typedef {{ median: number, min: number, max: number }} Summary */

/** @param {readonly number[]} values @returns {number} NaN for none. */
export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @param {readonly (number | undefined)[]} values Missing ones are left out. @returns {Summary | undefined} */
export function summary(values) {
  const known = values.filter((value) => Number.isFinite(value));
  if (known.length === 0) return undefined;
  return { median: median(known), min: Math.min(...known), max: Math.max(...known) };
}

/**
 * How two subjects compare: pair by pair, each within one repetition, because the machine may be slower in the next.
 * @param {readonly (number | undefined)[]} values @param {readonly (number | undefined)[]} others
 * @returns {Summary | undefined}
 */
export function ratios(values, others) {
  return summary(values.map((value, repetition) => value / others[repetition]));
}

/** Whose turn it is in a repetition: everybody is first once. @template T @param {readonly T[]} list */
export function rotated(list, repetition) {
  const start = list.length === 0 ? 0 : repetition % list.length;
  return [...list.slice(start), ...list.slice(0, start)];
}
