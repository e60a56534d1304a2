/** What the suites have found, as the part of docs/drivers.md between its markers. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../workspace.mjs';
import { reasons } from './reasons.mjs';

const DOCUMENT = join(root, 'docs', 'drivers.md');
const START = '<!-- driver-suites:start -->';
const END = '<!-- driver-suites:end -->';

const passed = (results = []) => new Set(results.filter(({ ok }) => ok).map(keyOf));
const keyOf = ({ file, name }) => `${file}: ${name}`;

/**
 * @param {readonly import('./ways.mjs').Way[]} ways
 * @returns {{ text: string, unexplained: number }} Markdown, and how many differences from node:net have no reason yet.
 */
export function render(runs, ways) {
  const shown = ways.filter(({ id }) => runs.some((run) => run.ways[id]));
  const lists = runs.flatMap((run) => shown.flatMap((way) => differencesOf(run, way, ways)));
  const machines = [...new Set(runs.map(({ host, server }) => `${host}, ${server}.`))];
  const text = [
    `| passed, failed | ${shown.map(({ title }) => title).join(' | ')} |`,
    `| --- |${' ---: |'.repeat(shown.length)}`,
    ...runs.map(
      (run) => `| ${run.title} ${run.version} | ${shown.map(({ id }) => cell(run.ways[id])).join(' | ')} |`,
    ),
    '',
    ...machines,
    '',
    ...lists.flatMap(({ title, lines }) => [`${title}:`, '', ...lines, '']),
  ].join('\n');
  const all = lists.flatMap(({ lines }) => lines);
  return { text: text.trimEnd(), unexplained: all.filter((line) => line.endsWith(UNKNOWN)).length };
}

const UNKNOWN = '**not explained**';

function cell(results) {
  if (!results) return '';
  const good = passed(results).size;
  return `${good}, ${results.length - good}`;
}

/** Where a way, or the one that it is compared with, does not end as node:net does. */
function differencesOf(run, way, ways) {
  const control = ways.find(({ id }) => id === way.against);
  if (!control || !run.ways[way.id] || !run.ways.net) return [];
  const baseline = run.ways.net;
  const [net, there, here] = [baseline, run.ways[control.id] ?? baseline, run.ways[way.id]].map(passed);
  const ran = new Set(run.ways[way.id].map(keyOf));
  const found = [...run.ways[way.id], ...(run.ways[control.id] ?? []), ...baseline];
  const tests = new Map(found.map((test) => [keyOf(test), test]));
  const lines = [...tests]
    .filter(([key]) => net.has(key) !== here.has(key) || net.has(key) !== there.has(key))
    .map(([key, { file, name }]) => {
      // A file of node-postgres ends with its first failure.
      if (!ran.has(key))
        return `- \`${file}\`, "${name}": Not run, because a test before it in its file fails.`;
      const where =
        here.has(key) === there.has(key) ? '' : ` (${here.has(key) ? control.title : way.title} alone)`;
      return `- \`${file}\`, "${name}"${where}: ${reasonOf(run.suite, way, name, file)}`;
    });
  const both = control.id === 'net' ? way.title : `${way.title}, and ${control.title}`;
  return lines.length > 0 ? [{ title: `${run.title}, ${both}`, lines: lines.toSorted() }] : [];
}

function reasonOf(suite, way, name, file) {
  const found = reasons.find(
    (reason) =>
      reason.suite === suite && reason.ways.includes(way.id) && reason.test.test(`${file}: ${name}`),
  );
  return found?.why ?? UNKNOWN;
}

/** Puts `text` between the markers. */
export async function writeDocument(text) {
  const document = await readFile(DOCUMENT, 'utf8');
  const [before, rest] = document.split(START);
  const after = rest?.split(END)[1];
  if (after === undefined) throw new Error(`${DOCUMENT} has no ${START} and ${END}`);
  await writeFile(DOCUMENT, `${before}${START}\n${text}\n${END}${after}`);
}
