/** The subjects: every file in subjects/ exports some. A new one needs a new file, nothing else. */
import { readdir } from 'node:fs/promises';

/**
 * @typedef {object} Subject
 * @property {string} name
 * @property {string} says What it is, in a few words.
 * @property {number} rank Where it stands in tables: ascending.
 * @property {boolean} required Whether it has to work wherever this package is developed.
 * @property {boolean} [perNode] Whether the version of Node makes a difference to it.
 * @property {boolean} [detail] Left out of `--quick`.
 * @property {(row: import('./rows.mjs').Row) => boolean} runs Whether it takes part in a row.
 * @property {(context: { node: string, row: import('./rows.mjs').Row }) => { command: string, args: string[],
 *   env?: Record<string, string> }} launch How to start its process, which reads jobs and answers them.
 * @property {() => string | undefined} version Empty if there is nothing to say; `undefined` if
 *   it is not there.
 * @property {() => Promise<(job: import('./workloads.mjs').Job) => Promise<object>>} [load] Called in its process:
 *   what performs jobs.
 */

const directory = new URL('subjects/', import.meta.url);

/** All of them, in the order of tables. @returns {Promise<Subject[]>} */
export async function findSubjects() {
  const files = (await readdir(directory)).filter((file) => file.endsWith('.mjs'));
  const modules = await Promise.all(files.map((file) => import(new URL(file, directory).href)));
  return modules.flatMap(({ subjects }) => subjects).sort((a, b) => a.rank - b.rank);
}

/** @param {string} wanted */
export async function findSubject(wanted) {
  const found = (await findSubjects()).find(({ name }) => name === wanted);
  if (!found) throw new Error(`no subject ${wanted}`);
  return found;
}
