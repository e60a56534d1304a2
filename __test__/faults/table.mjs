/** The result as tables: one for each phase, and in it one row for all faults that end the same way. */
import { excluded, impossible, transports } from './matrix.mjs';
import { phases } from './phases.mjs';

const code = (word) => `\`${word}\``;

/** A pattern as it is printed. */
const alternatives = (word) =>
  word
    .replace(/^\/\^\((.*)\)\$\/$/, '$1')
    .split('|')
    .map(code)
    .join(' or ');

/** What has to come of a cell, in words. */
function expectedIn({ verdict: { how, code: word }, phase }) {
  if (phase === 'closed' || phase === 'closing') return 'closes';
  if (how === 'ends') return 'the end, after all data';
  if (how === 'closed' || (how === 'abandoned' && word === 'ERR_SOCKET_CLOSED')) return 'closes';
  return `${how === 'breaks' ? 'breaks' : 'fails'}: ${alternatives(String(word))}`;
}

/** What has come of a cell, in few words. */
function observedIn({ seen, api }) {
  if (seen === undefined) return 'nothing';
  const { opened, closed, read, write, error = 'none' } = seen;
  const words = [];
  if (api === 'web') {
    if (opened !== 'resolves') words.push(code(opened));
    else words.push(read === 'done' ? 'end' : code(read));
    if (/^[A-Z]/.test(write) && write !== read && write !== opened && write !== 'ERR_SOCKET_CLOSED') {
      words.push(`write ${code(write)}`);
    }
  } else {
    if (read === 'done') words.push('end');
    if (error !== 'none') words.push(code(error));
    if (words.length === 0) words.push(closed === 'pending' ? 'nothing' : 'close');
    else if (closed === 'pending') words.push("no 'close'");
  }
  return words.join(', ');
}

/** All words that were seen, most frequent first; only a few if there are many. */
function wordsOf(cells, most = 3) {
  const counts = new Map();
  for (const cell of cells) {
    const word = observedIn(cell);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const words = [...counts].sort(([, a], [, b]) => b - a).map(([word]) => word);
  const more = words.length > most ? [`and ${words.length - most} more`] : [];
  return [...words.slice(0, most), ...more].join('; ');
}

/** Transports in short: all that the phase has, those with TLS, or each. */
function transportsIn(names, all) {
  if (names.size === all.size) return 'all';
  const kinds = ['on', 'starttls'];
  const both = kinds.filter((kind) =>
    transports.every(({ name, kind: of }) => of !== kind || names.has(name)),
  );
  const rest = [...names].filter((name) => !both.some((kind) => name.startsWith(kind)));
  const versions = ['TLS 1.2', 'TLS 1.3'].filter((version) =>
    kinds.every((kind) => rest.includes(`${kind}, ${version}`)),
  );
  const single = rest.filter((name) => !versions.some((version) => name.endsWith(version)));
  return [...single, ...(both.length === 2 ? ['TLS'] : both), ...versions]
    .map((name) => `${name}`)
    .join('; ');
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** @param {readonly import('./session.d.mts').CellResult[]} results Of all runs. */
export function render(results) {
  const parts = Object.entries(phases).flatMap(([phase, says]) => {
    const here = results.filter((cell) => cell.phase === phase);
    return here.length === 0 ? [] : [`**${phase}**: ${says}`, tableOf(here)];
  });
  return [...parts, absent()].join('\n\n');
}

function tableOf(cells) {
  const all = new Set(cells.map(({ transport }) => transport));
  // First what is one fault over several transports, then faults of which the same comes.
  const faults = new Map();
  for (const cell of cells) {
    const own = cells.filter(({ name, transport }) => name === cell.name && transport === cell.transport);
    const key = [
      cell.name,
      expectedIn(cell),
      ...['web', 'duplex'].map((api) => wordsOf(own.filter((one) => one.api === api))),
    ].join('\n');
    faults.set(key, [...(faults.get(key) ?? []), cell]);
  }
  const rows = new Map();
  for (const [key, own] of faults) {
    const over = transportsIn(new Set(own.map(({ transport }) => transport)), all);
    const same = [over, ...key.split('\n').slice(1)].join('\n');
    rows.set(same, [...(rows.get(same) ?? []), ...own]);
  }
  const lines = [...rows].map(([key, own]) => {
    const [over, expected, web, duplex] = key.split('\n');
    const names = [...new Set(own.map(({ name }) => name))].join('; ');
    const node = wordsOf(own.filter(({ api }) => api === 'node'));
    const times = own.filter(({ api }) => api !== 'node').map(({ ms = 0 }) => ms);
    const slow = own.filter(({ once }) => once).length;
    const note = slow > 0 ? `; ${slow} slow once` : '';
    return `| ${[names, over, expected, web || '-', duplex || '-', node || '-', `${median(times)}, ${Math.max(...times)}${note}`].join(' | ')} |`;
  });
  const head =
    '| fault | over | has to be | `wintersock` | `wintersock/node` | Node’s own | ms: median, most |';
  return [head, '| --- | --- | --- | --- | --- | --- | --- |', ...lines].join('\n');
}

function absent() {
  const rows = [...excluded, ...Object.values(impossible)].map(([what, why]) => `| ${what} | ${why} |`);
  return ['Cells that there are not:', ['| what | why |', '| --- | --- |', ...rows].join('\n')].join('\n\n');
}
