/** What documents say of a run: docs/performance.md, its picture, and the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import { chart } from './chart.mjs';
import { exemplary, headlines, measuredOn } from './report.mjs';
import { figures } from './rows.mjs';
import { goalTable, markdown, number, spread } from './table.mjs';

const START = '<!-- performance:start -->';
const END = '<!-- performance:end -->';
/** What the README has room for. */
const README_SUBJECTS = ['wintersock', 'node', 'toweb', 'arrowood'];

const places = {
  document: new URL('../docs/performance.md', import.meta.url),
  picture: new URL('../docs/performance.svg', import.meta.url),
  readme: new URL('../README.md', import.meta.url),
};

/**
 * Writes what a run has found. Documents without the markers are left as they are.
 * @param {import('./report.mjs').Run} run
 * @returns {string[]} What was written.
 */
export function writeDocuments(run) {
  writeFileSync(places.picture, chart(run, exemplary(run)));
  const written = ['docs/performance.svg'];
  for (const [name, place, content] of [
    ['docs/performance.md', places.document, report(run)],
    ['README.md', places.readme, digest(run)],
  ]) {
    const before = readFileSync(place, 'utf8');
    const after = replaced(before, content);
    if (after === undefined) continue;
    writeFileSync(place, after);
    written.push(name);
  }
  return written;
}

/**
 * Puts `content` between the markers of `text`.
 * @param {string} text @param {string} content
 * @returns {string | undefined} `undefined` if it does not have them.
 */
export function replaced(text, content) {
  const [start, end] = [text.indexOf(START), text.indexOf(END)];
  if (start === -1 || end < start) return undefined;
  return `${text.slice(0, start + START.length)}\n${content}\n${text.slice(end)}`;
}

/** The generated part of docs/performance.md. @param {import('./report.mjs').Run} run */
export function report(run) {
  return [
    provenance(run),
    '![The figures of the README as bars](performance.svg)',
    '### Goals',
    'Ratios pair by pair: the median, and in brackets the lowest and the highest.',
    markdown(goalTable(run)),
    '### Results',
    'Medians, in brackets the lowest and the highest, and how many times the figure of `node:net` or `node:tls` that is.',
    ...run.rows.flatMap((row) => nodesTable(run, row, row.figures[0])),
    '### Further figures',
    ...run.rows.flatMap((row) => row.figures.slice(1).flatMap((figure) => nodesTable(run, row, figure))),
  ].join('\n\n');
}

/** The generated part of the README. @param {import('./report.mjs').Run} run */
export function digest(run) {
  const node = exemplary(run);
  const on = measuredOn(run, node);
  const shown = run.subjects.filter(({ name }) => README_SUBJECTS.includes(name));
  const rows = run.rows.filter(({ id }) => headlines.includes(id));
  const table = [
    ['', ...shown.map(({ says }) => says)],
    ...rows.map(({ id, title, figures: [figure] }) => {
      const { title: name, unit, digits, better } = figures[figure];
      const cells = shown.map((subject) => on.summary(id, subject.name, figure));
      return [
        `${title}: ${name}, ${unit} (${better} is better)`,
        ...cells.map((summary) => (summary ? number(summary.median, digits) : '')),
      ];
    }),
  ];
  const says = `Node ${node}, medians of ${run.repetitions} repetitions on ${run.machine}, ${run.date.slice(0, 10)}.`;
  return `${markdown(table)}\n\n${says}`;
}

/** One figure of one row, with a column for each Node. @returns {string[]} none if it was not measured */
function nodesTable(run, row, figure) {
  const { title, unit, digits, better } = figures[figure];
  const columns = run.nodes.map((node) => measuredOn(run, node));
  const lines = run.subjects.flatMap(({ name, says }) => {
    const failed = columns.some((on) => on.find(row.id, name)?.error !== undefined);
    const cells = columns.map((on) => {
      const found = on.summary(row.id, name, figure);
      if (found === undefined) return '';
      const ratio = name === 'node' ? undefined : on.ratio(row.id, name, 'node', figure);
      return `${spread(found, digits)}${ratio ? `, ${number(ratio.median, 2)}x` : ''}`;
    });
    if (!failed && cells.every((cell) => cell === '')) return [];
    return [[`${says}${failed ? ' (failed)' : ''}`, ...cells]];
  });
  if (lines.length === 0) return [];
  const what = [title, unit].filter(Boolean).join(', ');
  const table = [['', ...run.nodes.map((node) => `Node ${node}`)], ...lines];
  return [`**${row.title}**: ${what} (${better} is better)`, markdown(table)];
}

function provenance(run) {
  const versions = run.subjects
    .filter(({ version }) => version)
    .map(({ says, version }) => `${says} ${version}`);
  return [
    `- Measured on ${run.date.slice(0, 10)} with \`${run.command}\`, ${run.repetitions} repetitions.`,
    `- Machine: ${run.machine}. Processors: ${run.pinning}.`,
    `- Node ${run.nodes.join(', ')}; ${versions.join('; ')}.`,
    ...run.absent.map((says) => `- Not on this machine: ${says}.`),
  ].join('\n');
}
