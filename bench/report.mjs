/** What a run has found, and how to look at it. */
import { evaluate, goals } from './goals.mjs';
import { ratios, summary } from './statistics.mjs';

/**
 * @typedef {object} Run
 * @property {string} date ISO 8601.
 * @property {string} command
 * @property {boolean} quick
 * @property {number} repetitions
 * @property {string} machine
 * @property {string} pinning
 * @property {string[]} nodes Their versions, in the order they were measured.
 * @property {{ id: string, title: string, cores: string, figures: readonly string[] }[]} rows
 * @property {{ name: string, says: string, required: boolean, version?: string }[]} subjects
 * @property {string[]} absent What subjects there could be, but are not on this machine.
 * @property {import('./session.mjs').Measurement[]} measurements
 */

/** A server this busy may be what limits the client. */
export const BUSY = 0.85;

/** What documents and pictures show of all rows, where it was measured. */
export const headlines = [
  ...['roundtrip-tcp-one', 'roundtrip-tls-one', 'download-tcp', 'download-tls', 'upload-tcp', 'upload-tls'],
  ...['connect-tcp', 'connect-tls', 'pingpong-tcp', 'pingpong-tls', 'idle-tcp', 'idle-tls'],
  ...['pg-tcp-one', 'pg-tls-one'],
];

/** The Node of a run that stands for all where there is room for one only: the middle one. @param {Run} run */
export const exemplary = ({ nodes }) => nodes[nodes.length >> 1];

/** What a run knows of one Node. */
/** @param {Run} run @param {string} node */
export function measuredOn({ measurements }, node) {
  const find = (row, subject) =>
    measurements.find((one) => one.row === row && one.subject === subject && one.node === node);
  /** @type {import('./goals.mjs').Measured} */
  const values = (row, subject, figure) =>
    (find(row, subject)?.repetitions ?? []).map((repetition) => repetition?.[figure]);
  return {
    find,
    values,
    summary: (row, subject, figure) => summary(values(row, subject, figure)),
    ratio: (row, subject, over, figure) => ratios(values(row, subject, figure), values(row, over, figure)),
    goals: () => goals.map((goal) => ({ goal, outcome: evaluate(goal, values) })),
  };
}
