/** Results as tables: cells, and two ways to write them down. */
import { BUSY, measuredOn } from './report.mjs';
import { figures } from './rows.mjs';

/** @typedef {string[][]} Table Its first row is the head; the first column is text, the others are numbers. */

/** With the digits that a figure deserves. @param {number} value @param {number} digits */
export function number(value, digits) {
  return value.toLocaleString('en-GB', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** The median, and between what the values are. @param {import('./statistics.mjs').Summary | undefined} summary @param {number} digits */
export function spread(summary, digits) {
  if (summary === undefined) return '';
  const { median, min, max } = summary;
  if (min === max) return number(median, digits);
  return `${number(median, digits)} (${number(min, digits)} to ${number(max, digits)})`;
}

/**
 * One row of the benchmark on one Node: a line for each subject.
 * @param {import('./report.mjs').Run} run @param {string} node @param {import('./report.mjs').Run['rows'][0]} row
 * @returns {Table}
 */
export function rowTable(run, node, row) {
  const on = measuredOn(run, node);
  const there = run.subjects.filter(({ name }) => on.find(row.id, name));
  const shown = row.figures.filter((figure) => there.some(({ name }) => on.summary(row.id, name, figure)));
  const [main] = row.figures;
  const compared = there.some(({ name }) => name === 'node');
  const head = shown.map((figure) =>
    [figures[figure].title, figures[figure].unit].filter(Boolean).join(', '),
  );
  return [
    [row.title, ...head, ...(compared ? ['to node:net, node:tls'] : []), 'server'],
    ...there.map(({ name, says }) => {
      const { error, load } = on.find(row.id, name);
      const busiest = load.length > 0 ? Math.max(...load) : undefined;
      return [
        error === undefined ? says : `${says}: FAILED`,
        ...shown.map((figure) => spread(on.summary(row.id, name, figure), figures[figure].digits)),
        ...(compared ? [name === 'node' ? '' : spread(on.ratio(row.id, name, 'node', main), 2)] : []),
        busiest === undefined
          ? ''
          : `${Math.round(busiest * 100)} %${row.cores !== 'one core' && busiest > BUSY ? ' !' : ''}`,
      ];
    }),
  ];
}

/**
 * What has to be reached, and what is: a column for each Node.
 * @param {import('./report.mjs').Run} run
 * @returns {Table}
 */
export function goalTable(run) {
  const titles = new Map(run.rows.map(({ id, title }) => [id, title]));
  const says = new Map(run.subjects.map((subject) => [subject.name, subject.says]));
  const columns = run.nodes.map((node) => measuredOn(run, node).goals());
  return [
    ['what', 'goal', ...run.nodes.map((node) => `Node ${node}`)],
    ...(columns[0] ?? []).flatMap(({ goal }, at) => {
      if (columns.every((column) => column[at].outcome === undefined)) return [];
      const { row, figure, subject, over, most, least } = goal;
      const { title, unit } = figures[figure];
      const what =
        over === undefined ? `${title}, ${unit}` : `${title}, divided by that of ${says.get(over) ?? over}`;
      return [
        [
          `${titles.get(row) ?? row}: ${what}${subject === 'wintersock' ? '' : ` (${says.get(subject) ?? subject})`}`,
          least === undefined ? `at most ${most}` : `at least ${least}`,
          ...columns.map((column) => reached(column[at].outcome)),
        ],
      ];
    }),
  ];
}

function reached(outcome) {
  if (outcome === undefined) return 'not measured';
  return `${outcome.met ? 'yes' : 'NO'}, ${spread(outcome.reached, 2)}`;
}

/** For a terminal. @param {Table} table @returns {string} */
export function plain(table) {
  const widths = table[0].map((_, column) => Math.max(...table.map((line) => line[column].length)));
  return table
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** For a document. @param {Table} table @returns {string} */
export function markdown(table) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const [head, ...body] = table;
  return [line(head), line(head.map((_, column) => (column === 0 ? '---' : '---:'))), ...body.map(line)].join(
    '\n',
  );
}
