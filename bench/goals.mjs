/** What has to be reached: ratios within one run, or, without something to compare with, a figure itself. */
import { ratios, summary } from './statistics.mjs';

/**
 * @typedef {object} Goal
 * @property {string} row
 * @property {string} figure
 * @property {string} subject
 * @property {string} [over] The subject it is divided by.
 * @property {number} [most] What it may be at most.
 * @property {number} [least] What it has to be at least.
 *
 * @typedef {(row: string, subject: string, figure: string) => readonly (number | undefined)[]} Measured The values of
 *   all repetitions.
 */

/** @type {readonly Goal[]} */
export const goals = [
  ...most('roundtrip-tls-one', 'p50_us', { node: 0.9 }),
  ...most('roundtrip-tls-two', 'p50_us', { node: 1 }),
  ...most('roundtrip-tcp-one', 'p50_us', { node: 1, toweb: 0.8 }),
  ...most('roundtrip-tcp-two', 'p50_us', { node: 1, toweb: 0.9 }),
  ...most('download-tcp', 'cpu_s_per_gb', { toweb: 0.6, node: 1 }),
  ...most('download-tcp', 'cpu_s_per_gb', { node: 0.8 }, 'wintersock-byob'),
  ...most('download-tls', 'cpu_s_per_gb', { toweb: 0.5 }),
  ...most('download-tls', 'cpu_s_per_gb', { toweb: 0.4 }, 'wintersock-byob'),
  ...least('download-tls', 'mb_per_s', { toweb: 1.5, node: 1 }),
  ...most('download-tls', 'utilisation', { node: 0.25 }, 'wintersock-ahead'),
  ...least('upload-tcp', 'mb_per_s', { node: 4 }),
  ...least('upload-tls', 'mb_per_s', { node: 1 }),
  ...least('connect-tcp', 'connects_per_s', { node: 1 }),
  ...least('connect-tls', 'connects_per_s', { node: 3.5 }),
  ...least('pingpong-tcp', 'rounds_per_s', { toweb: 2.5, node: 1 }),
  ...least('pingpong-tls', 'rounds_per_s', { toweb: 3.5, node: 2 }),
  { row: 'idle-tcp', figure: 'kib_per_socket', subject: 'wintersock', most: 20 },
  { row: 'idle-tls', figure: 'kib_per_socket', subject: 'wintersock', most: 30 },
  ...most('pg-tcp-one', 'p50_us', { node: 1.1 }),
  ...most('pg-tls-one', 'p50_us', { node: 1.1 }),
  ...most('roundtrip-tcp-one', 'p50_us', { node: 1 }, 'duplex'),
  ...most('roundtrip-tcp-two', 'p50_us', { node: 1 }, 'duplex'),
  ...most('roundtrip-tls-one', 'p50_us', { node: 1 }, 'duplex'),
  ...most('pg-tcp-one', 'p50_us', { node: 1.1 }, 'duplex'),
  ...most('pg-tls-one', 'p50_us', { node: 1.1 }, 'duplex'),
  ...most('pg-tls-one', 'p50_us', { node: 1.1 }, 'duplex-replaced'),
];

/** @returns {Goal[]} */
function most(row, figure, limits, subject = 'wintersock') {
  return Object.entries(limits).map(([over, limit]) => ({ row, figure, subject, over, most: limit }));
}

/** @returns {Goal[]} */
function least(row, figure, limits, subject = 'wintersock') {
  return Object.entries(limits).map(([over, limit]) => ({ row, figure, subject, over, least: limit }));
}

/**
 * How far a goal is reached. Decided by the median, as it is shown: with two digits.
 * @param {Goal} goal @param {Measured} measured
 * @returns {{ reached: import('./statistics.mjs').Summary, met: boolean } | undefined} `undefined`: not measured.
 */
export function evaluate({ row, figure, subject, over, most: highest, least: lowest }, measured) {
  const values = measured(row, subject, figure);
  const reached = over === undefined ? summary(values) : ratios(values, measured(row, over, figure));
  if (reached === undefined) return undefined;
  const shown = Math.round(reached.median * 100) / 100;
  return { reached, met: highest === undefined ? shown >= lowest : shown <= highest };
}
