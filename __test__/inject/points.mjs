/** The points of src/ at which something can be made to fail, as the code has them. Types: points.d.mts. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const src = fileURLToPath(new URL('../../src/', import.meta.url));

/** What passes a point by its name, the first argument: a panic there. */
const panicking = [
  'inject::point',
  'inject::task',
  'with_entry',
  'guarded',
  'spawn',
  'carry_on',
  'establish',
  'block',
  'called',
];
/** Where the system can fail, too. */
const failing = ['inject::system', 'failing', 'uninterrupted'];

/** The files of src/ without the tests at their ends. @returns {{ file: string, code: string }[]} */
export function sources() {
  const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
    // With the separator of the system.
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.rs'));
  return files.map((file) => {
    const code = readFileSync(join(src, file), 'utf8').split('\n#[cfg(test)]\n')[0] ?? '';
    return { file, code: code.replaceAll(/^\s*\/\/.*$/gm, '') };
  });
}

const called = (/** @type {readonly string[]} */ names) =>
  new RegExp(`(?<![\\w:])(?:\\w+\\.)*(?:${names.join('|')})\\(\\s*"([\\w.]+)"`, 'g');

/** Whether some code passes a point of its own. @param {string} code */
export function passes(code) {
  return called([...panicking, ...failing]).test(code);
}

/** @returns {import('./points.d.mts').Point[]} */
export function pointsOfTheCode() {
  /** @type {Map<string, import('./points.d.mts').Point>} */
  const points = new Map();
  for (const { file, code } of sources()) {
    for (const [names, system] of /** @type {const} */ ([
      [panicking, false],
      [failing, true],
    ])) {
      for (const [, name = ''] of code.matchAll(called(names))) points.set(name, { name, file, system });
    }
  }
  return [...points.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}
