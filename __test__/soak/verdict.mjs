/** What a soak has shown: figures beside what they have to be. */

const MIB = 2 ** 20;
/** Bytes that resident memory may grow by after the first minute. */
export const GROWTH = 10 * MIB;
/** Connections that a minute has to bring: a million and 150,000 in ten. */
const PER_MINUTE = { tcp: 100_000, tls: 15_000 };
/** What a connection may cost for ever, in bytes: noise, over thousands of them. A leak of the smallest object costs more. */
export const LEAK = { heap: 40, rss: 400 };

/**
 * @typedef {object} Check
 * @property {string} what
 * @property {string} found
 * @property {string} wanted
 * @property {boolean} ok
 *
 * @typedef {object} Sample
 * @property {number} at Seconds from the beginning.
 * @property {number} rss
 * @property {number} descriptors
 * @property {number} sockets
 * @property {number} handles Of the event loop of the main thread.
 * @property {number} [alive] Sockets of the main thread that have not been collected; at rest `own`.
 *
 * @typedef {object} Found What load.mjs has said.
 * @property {number} minutes
 * @property {boolean} quick
 * @property {string} node Its version.
 * @property {string} io
 * @property {string} date
 * @property {string} machine
 * @property {Sample[]} samples
 * @property {(Sample & { heap: number, own: number, left: Record<string, number> })[]} rests
 * @property {any} end
 */

/** When memory has come to its size, in seconds: after a minute, or a third of a short run. @param {Found} found */
const warm = ({ minutes }) => Math.min(60, minutes * 20);

/** Growth of resident memory at rest, from the first readings after the first minute to the last ones, in bytes. @param {Found} found */
export function growth(found) {
  const later = found.rests.filter(({ at }) => at >= warm(found)).map(({ rss }) => rss);
  const some = Math.max(1, Math.min(5, Math.floor(later.length / 3)));
  return median(later.slice(-some)) - median(later.slice(0, some));
}

/** @param {Found} found @param {{ memory?: boolean }} [options] `memory`: whether that is to be judged. @returns {Check[]} */
export function checks(found, { memory = true } = {}) {
  const { end, rests, quick, minutes } = found;
  const goal = (kind) => (quick ? 1 : Math.round(PER_MINUTE[kind] * minutes));
  const least = (what, count, wanted) => ({
    what,
    found: number(count),
    wanted: `at least ${number(wanted)}`,
    ok: count >= wanted,
  });
  const none = (what, all) => {
    const list = Object.entries(all).filter(([, count]) => count > 0);
    const text = list
      .map(([name, count]) => `${name}${typeof count === 'number' ? ` (${count})` : ''}`)
      .join('; ');
    return { what, found: text || '0', wanted: '0', ok: list.length === 0 };
  };
  const left = (name) =>
    Object.fromEntries(rests.map(({ at, left }) => [`after ${Math.round(at)} s: ${left[name]}`, left[name]]));
  const grown = growth(found);
  return [
    least('TCP connections', end.tcp, goal('tcp')),
    least('TLS connections', end.tls, goal('tls')),
    none('errors', end.wrong),
    least('errors that had to be, each with its code', sum(end.expected), 1),
    least('workers that came and went', end.visitors, 1),
    least('bytes of long-lived connections, each compared', end.verified, 1),
    none('descriptors beyond those of the long-lived connections, at each rest', left('descriptors')),
    none('sockets, in the same way', left('sockets')),
    none('handles of the event loops, in the same way', left('handles')),
    none('JavaScript objects of sockets that were not collected, in the same way', left('alive')),
    none('connections that bindings count, in the same way', left('known')),
    none('left at the end: descriptors, sockets, handles, objects, connections', end.left),
    ...(memory
      ? [
          {
            what: 'growth of resident memory after the first minute',
            found: `${(grown / MIB).toFixed(1)} MiB`,
            wanted: `at most ${GROWTH / MIB} MiB`,
            ok: grown <= GROWTH,
          },
        ]
      : []),
  ];
}

/** Of lives that leave nothing: those that do. @param {any[]} lives @param {{ memory?: boolean }} [options] */
export function leaks(lives, { memory = true } = {}) {
  return lives.map((life) => {
    const wrong = Object.entries({ ...life.wrong, ...life.left }).filter(([, count]) => count > 0);
    const faults = [...wrong.map(([name, count]) => `${name}: ${count}`), ...life.strays];
    if (memory && life.heap > LEAK.heap) faults.push(`${life.heap.toFixed(0)} bytes of JavaScript each`);
    if (memory && life.rss > LEAK.rss) faults.push(`${life.rss.toFixed(0)} bytes of memory each`);
    return { ...life, faults };
  });
}

/** Markdown for docs/reliability.md. @param {Found} found @param {Check[]} all */
export function report(found, all) {
  const { minutes, node, end, rests } = found;
  const errors = Object.entries(end.expected).sort(([, one], [, other]) => other - one);
  const names = errors.map(
    ([code, count]) =>
      `${code === 'nothing' ? 'destroyed before it was open' : `\`${code}\``} ${number(count)}`,
  );
  return [
    `${minutes} minutes, Node ${node}, I/O ${found.io}: ${number(end.tcp)} TCP and ${number(end.tls)} TLS connections, ${number(end.queries)} queries by pg, ${rests.length} rests.`,
    [
      '| what | found | wanted | |',
      '| --- | --- | --- | --- |',
      ...all.map(
        ({ what, found, wanted, ok }) => `| ${what} | ${found} | ${wanted} | ${ok ? 'yes' : 'NO'} |`,
      ),
    ].join('\n'),
    `Errors that had to be: ${names.join(', ')}.`,
    '![Resident memory, descriptors, handles of the event loop, sockets and their objects over time](reliability-soak.svg)',
  ].join('\n\n');
}

/** The same of what leaks() has judged. @param {any[]} lives @param {number} count Lives of each kind. */
export function reportLeaks(lives, count) {
  const rows = lives.map(({ name, heap, rss, faults, times }) => {
    const found = faults.length === 0 ? 'yes' : `NO: ${faults.join('; ').replaceAll('|', '\\|')}`;
    const verdict = times > 1 ? `${found} (looked at ${times} times)` : found;
    return `| ${name} | ${heap.toFixed(1)} | ${rss.toFixed(1)} | ${verdict} |`;
  });
  const head = [
    '| kind | bytes of JavaScript each | bytes of resident memory each | nothing left |',
    '| --- | ---: | ---: | --- |',
  ];
  return [`${number(count)} lives of each of ${lives.length} kinds.`, '', ...head, ...rows].join('\n');
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? 0;
}

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((total, count) => total + count, 0);

/** @param {number} value */
export const number = (value) => value.toLocaleString('en-GB');
