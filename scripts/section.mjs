/** A part of docs/reliability.md that a suite writes: what it found, when, on what. */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, type } from 'node:os';
import { join } from 'node:path';
import { root } from './workspace.mjs';

const DOCUMENT = join(root, 'docs', 'reliability.md');

/**
 * Looks whether the section is there, which a run that takes hours wants to know before it begins.
 * @param {string} name As in `<!-- teardown -->`.
 * @throws {Error} What the document needs.
 */
export function checkSection(name) {
  partsOf(name);
}

/** What is before and behind the content of a section. @param {string} name */
function partsOf(name) {
  const [start, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const document = readFileSync(DOCUMENT, 'utf8');
  const [before = '', rest, ...more] = document.split(start);
  const [, after, ...ends] = rest?.split(end) ?? [];
  if (after === undefined || more.length + ends.length > 0) {
    throw new Error(`${DOCUMENT} needs one ${start} and ${end}`);
  }
  return { before: `${before}${start}`, after: `${end}${after}` };
}

/**
 * Whether a run with these options was as wide as `usual`, which has the full form's options by their names: no item less of what is
 * between commas, no smaller number, otherwise the same. Options that were not given are as usual.
 * @param {Record<string, unknown>} values
 * @param {Record<string, string | number | boolean>} usual
 */
export function isFull(values, usual) {
  return Object.entries(usual).every(([name, full]) => {
    const given = values[name] ?? full;
    if (given === full) return true;
    if (typeof full === 'boolean' || full === '') return false;
    if (Number.isFinite(Number(full))) return Number(given) >= Number(full);
    const items = String(given).split(',');
    return full.split(',').every((item) => items.includes(item));
  });
}

/**
 * Puts `markdown` between the markers of the section `name`, under a line that says when and with what it was found.
 * @param {string} name As in `<!-- teardown -->`.
 * @param {string} markdown
 * @param {{ full?: boolean, command?: string }} [run] Whether it was the whole suite (see {@link isFull}; default: no), and what was run (default:
 * this process's command line).
 */
export function writeSection(name, markdown, { full = false, command = commandLine() } = {}) {
  const { before, after } = partsOf(name);
  const found = `Last ${full ? 'full run' : 'run'}: ${today()}, \`${command}\`, ${machine()}.`;
  writeFileSync(DOCUMENT, `${before}\n${found}\n\n${markdown.trim()}\n${after}`);
}

/** What results depend on, in a line. */
function machine() {
  const processors = cpus();
  const model = processors[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? process.arch;
  return `${processors.length} cores (${model}), ${type()} ${release().replace(/-.*/, '')}`;
}

function commandLine() {
  const suite = process.argv[1]?.replace(/^.*[\\/]/, '') ?? '';
  return ['node', `scripts/${suite}`, ...process.argv.slice(2).filter((arg) => arg !== '--write')].join(' ');
}

function today() {
  return new Date().toISOString().slice(0, 10);
}
