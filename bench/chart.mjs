/** The headlines of a run as a picture: bars, readable on light and on dark, without anything from elsewhere. */
import { headlines, measuredOn } from './report.mjs';
import { figures } from './rows.mjs';
import { number } from './table.mjs';

/** Who is shown, and how: the class of the bar. */
const SHOWN = { wintersock: 'ours', node: 'node', toweb: 'other', arrowood: 'other', rust: 'limit' };

const COLUMNS = 2;
const PANEL_WIDTH = 420;
const LABELS = 170;
const BARS = 170;
const LINE = 18;
const MARGIN = 16;

const STYLE = `
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; }
  .note { fill: #59636e; }
  .ours { fill: #0969da; }
  .node { fill: #59636e; }
  .other { fill: #a5adb6; }
  .limit { fill: none; stroke: #59636e; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #9198a1; }
    .ours { fill: #4493f8; }
    .node { fill: #9198a1; }
    .other { fill: #59636e; }
    .limit { fill: none; stroke: #9198a1; }
  }
`;

/**
 * @param {import('./report.mjs').Run} run @param {string} node
 * @returns {string} SVG
 */
export function chart(run, node) {
  const on = measuredOn(run, node);
  const panels = headlines
    .map((id) => run.rows.find((row) => row.id === id))
    .map((row) => row && panelOf(run, on, row))
    .filter((panel) => panel && panel.bars.length > 0);

  const heights = [];
  for (let at = 0; at < panels.length; at += COLUMNS) {
    const lines = Math.max(...panels.slice(at, at + COLUMNS).map(({ bars }) => bars.length));
    heights.push((lines + 2) * LINE + MARGIN);
  }
  const tops = heights.map((_, at) => MARGIN + heights.slice(0, at).reduce((sum, height) => sum + height, 0));
  const drawn = panels.map((panel, at) => {
    const x = MARGIN + (at % COLUMNS) * (PANEL_WIDTH + MARGIN);
    return draw(panel, x, tops[Math.floor(at / COLUMNS)]);
  });
  const width = COLUMNS * (PANEL_WIDTH + MARGIN) + MARGIN;
  const height = MARGIN + heights.reduce((sum, one) => sum + one, 0) + LINE;
  const caption = `Node ${node}; medians of ${run.repetitions} repetitions; ${run.machine}; ${run.date.slice(0, 10)}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(`wintersock beside others. ${caption}`)}</title>`,
    `<style>${STYLE}</style>`,
    ...drawn,
    text(MARGIN, height - MARGIN, caption, 'note'),
    '</svg>',
    '',
  ].join('\n');
}

function panelOf(run, on, { id, title, figures: [figure] }) {
  const { title: name, unit, digits, better } = figures[figure];
  const bars = run.subjects
    .filter((subject) => subject.name in SHOWN)
    .map((subject) => ({ ...subject, value: medianOf(run, on, id, subject.name, figure) }))
    .filter(({ value }) => value !== undefined);
  return { title, note: `${name}, ${unit}: ${better} is better`, digits, bars };
}

/** What does not depend on Node was measured with the first one only. */
function medianOf(run, on, row, subject, figure) {
  const summary =
    on.summary(row, subject, figure) ?? measuredOn(run, run.nodes[0]).summary(row, subject, figure);
  return summary?.median;
}

function draw({ title, note, digits, bars }, x, top) {
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const lines = bars.map(({ name, says, value }, at) => {
    const y = top + (at + 2) * LINE;
    const length = Math.max((value / most) * BARS, 1);
    const bar = `<rect class="${SHOWN[name]}" x="${x + LABELS}" y="${y - 11}" width="${length.toFixed(1)}" height="12" rx="2"/>`;
    return `${text(x, y, says)}${bar}${text(x + LABELS + length + 6, y, number(value, digits))}`;
  });
  return [text(x, top, title, 'title'), text(x, top + LINE - 3, note, 'note'), ...lines].join('\n');
}

function text(x, y, content, kind) {
  const style = kind === undefined ? '' : ` class="${kind}"`;
  return `<text${style} x="${Number(x).toFixed(1)}" y="${y}">${escaped(content)}</text>`;
}

function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
