/** The result of a run, for people. */

/** What may be wrong with how a process ended, and the head of its column. */
const WRONGS = {
  crashed: 'wrong exit code',
  signal: 'signal',
  hung: 'not ended',
  left: 'descriptors, threads left',
  peer: 'open at the peer',
  other: 'other',
};

/** How many of these runs are wrong, in each way. */
const counts = (results) =>
  Object.keys(WRONGS).map(
    (kind) => results.filter(({ wrongs }) => wrongs.some((one) => one.kind === kind)).length,
  );

const line = (cells) => `| ${cells.join(' | ')} |`;

function tableOf(heads, groups) {
  const rows = groups.map(({ cells, results }) => line([...cells, results.length, ...counts(results)]));
  return [
    line([...heads, 'runs', ...Object.values(WRONGS)]),
    line(
      heads
        .map(() => '---')
        .concat(
          '---:',
          counts([]).map(() => '---:'),
        ),
    ),
    ...rows,
  ].join('\n');
}

/** By version of Node and by where I/O happens, then by scenario. */
export function tables(results, scenarios) {
  const ways = [...new Set(results.map(({ major, io }) => `${major} ${io}`))]
    .sort()
    .map((way) => way.split(' '));
  return [
    tableOf(
      ['Node', 'I/O'],
      ways.map((cells) => ({
        cells,
        results: results.filter(({ major, io }) => String(major) === cells[0] && io === cells[1]),
      })),
    ),
    tableOf(
      ['scenario', 'has to end by'],
      scenarios.map(({ name, ends }) => ({
        cells: [name, ends],
        results: results.filter(({ scenario }) => scenario.name === name),
      })),
    ),
  ].join('\n\n');
}
