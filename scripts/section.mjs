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
 * Puts `markdown` between the markers of the section `name`, under a line that says when and with what it was found.
 * @param {string} name As in `<!-- teardown -->`.
 * @param {string} markdown
 * @param {string} [command] What was run. Default: this process's command line.
 */
export function writeSection(name, markdown, command = commandLine()) {
  const { before, after } = partsOf(name);
  const found = `Last full run: ${today()}, \`${command}\`, ${machine()}.`;
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
