/** What a session found, for docs/reliability.md. */
import { says } from './line.mjs';
import { apis, securities } from './session.mjs';
import { workloads } from './workloads/index.mjs';

/** Whether a row counts: those of node:net are there to compare with. @param {import('./session.mjs').Row} row */
export const counts = ({ api }) => api !== 'node:net';

/**
 * @param {import('./session.mjs').Row[]} rows
 * @param {string} lines Which lines there were.
 */
export function document(rows, lines) {
  // The others are turns of a workload: their names say what they are.
  const used = Object.keys(says).filter((line) => rows.some(({ condition }) => condition === line));
  const counted = rows.filter(counts);
  const failed = counted.filter(({ error }) => error !== undefined);
  return [
    `${lines} ${counted.length - failed.length} of ${counted.length} as expected.`,
    ...failed.map((row) => `\n- **Failed**: ${named(row)}`),
    '\n| line | in both directions |\n| --- | --- |',
    ...used.map((condition) => `| ${condition} | ${says[condition]} |`),
    '\nMedians in milliseconds: without TLS · with TLS · with StartTLS.\n',
    '| what happens | line | what has to come of it | `connect()` | `wintersock/node` | `node:net`, `node:tls` |',
    '| --- | --- | --- | ---: | ---: | ---: |',
    ...workloads.flatMap((workload) => figures(workload, rows)),
  ].join('\n');
}

/** @param {import('./workloads/index.mjs').Workload} workload @param {import('./session.mjs').Row[]} rows */
function figures({ name, says: expected }, rows) {
  const mine = rows.filter(({ workload }) => workload === name);
  const on = [...new Set(mine.map(({ condition }) => condition).filter(Boolean))];
  return on.map((condition, at) => {
    const cells = apis.map((api) => {
      const all = securities.map((security) =>
        mine.filter((row) => row.condition === condition && row.api === api && row.security === security),
      );
      return all.some(({ length }) => length > 0) ? all.map(median).join(' · ') : '';
    });
    return `| ${at === 0 ? name : ''} | ${condition} | ${at === 0 ? expected : ''} | ${cells.join(' | ')} |`;
  });
}

/** @param {import('./session.mjs').Row[]} rows */
function median(rows) {
  if (rows.length === 0) return '–';
  const good = rows.filter(({ error }) => error === undefined).map(({ ms }) => ms);
  if (good.length === 0) return '✗';
  good.sort((a, b) => a - b);
  const middle = Math.round(good[good.length >> 1] ?? 0).toLocaleString('en-GB');
  return good.length < rows.length ? `${middle} (${rows.length - good.length} of ${rows.length} ✗)` : middle;
}

/** @param {import('./session.mjs').Row} row */
export function named({ workload, condition, api, security, where }) {
  return [workload, condition, api, security, where].filter(Boolean).join(', ');
}
