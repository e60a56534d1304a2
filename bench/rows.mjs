/** What is measured: the rows of the report, and how long each takes. */

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} title
 * @property {import('./workloads.mjs').Job['workload']} workload
 * @property {boolean} tls
 * @property {boolean} resumed
 * @property {'one core' | 'two cores'} cores Whether client and server share a processor.
 * @property {number} size Bytes of a message, or of one write.
 * @property {number} sockets
 * @property {boolean} [steady] Its figure hardly varies: `--quick` measures it once.
 * @property {boolean} [noTickets] Whether the server lets no session be resumed.
 * @property {readonly string[]} figures What the table shows; the first is what the row is about.
 */

/** How each figure is called and shown, and which way is better. */
export const figures = {
  p50_us: { title: 'median', unit: 'µs', digits: 1, better: 'lower' },
  p99_us: { title: '99 %', unit: 'µs', digits: 1, better: 'lower' },
  mean_us: { title: 'mean', unit: 'µs', digits: 1, better: 'lower' },
  rounds_per_s: { title: 'rounds', unit: '1/s', digits: 0, better: 'higher' },
  mb_per_s: { title: 'throughput', unit: 'MB/s', digits: 0, better: 'higher' },
  cpu_s_per_gb: { title: 'CPU per GB', unit: 's', digits: 3, better: 'lower' },
  cpu_us_per_connect: { title: 'CPU per connect', unit: 'µs', digits: 0, better: 'lower' },
  cpu_us_per_round: { title: 'CPU per round', unit: 'µs', digits: 1, better: 'lower' },
  connects_per_s: { title: 'connects', unit: '1/s', digits: 0, better: 'higher' },
  sequential_connects_per_s: { title: 'one by one', unit: '1/s', digits: 0, better: 'higher' },
  kib_per_socket: { title: 'memory per socket', unit: 'KiB', digits: 1, better: 'lower' },
  queries_per_s: { title: 'queries', unit: '1/s', digits: 0, better: 'higher' },
  result_ms: { title: 'result of 10 MB', unit: 'ms', digits: 1, better: 'lower' },
  utilisation: { title: 'JS thread busy', unit: '', digits: 2, better: 'lower' },
};

const MIB = 2 ** 20;

const workloads = [
  {
    workload: 'roundtrip',
    title: () => '64 bytes there and back',
    size: 64,
    variants: [{ cores: 'one core' }, { cores: 'two cores' }],
    figures: ['p50_us', 'p99_us', 'rounds_per_s'],
  },
  {
    workload: 'roundtrip',
    name: 'roundtrip-1',
    title: () => 'a byte there and back',
    size: 1,
    detail: true,
    figures: ['p50_us', 'p99_us', 'rounds_per_s'],
  },
  {
    workload: 'roundtrip',
    name: 'roundtrip-16k',
    title: () => '16 KiB there and back',
    size: 16_384,
    detail: true,
    figures: ['p50_us', 'p99_us', 'rounds_per_s'],
  },
  {
    workload: 'download',
    title: () => 'download',
    figures: ['cpu_s_per_gb', 'mb_per_s', 'utilisation'],
  },
  {
    workload: 'upload',
    title: () => 'upload, writes of 1 KiB',
    size: 1024,
    figures: ['mb_per_s', 'cpu_s_per_gb', 'utilisation'],
  },
  {
    workload: 'upload',
    name: 'upload-64k',
    title: () => 'upload, writes of 64 KiB',
    size: 65_536,
    detail: true,
    figures: ['mb_per_s', 'cpu_s_per_gb', 'utilisation'],
  },
  {
    workload: 'connect',
    title: () => 'connect and close, 8 at a time',
    sockets: 8,
    variants: [
      {},
      { only: 'tls', name: 'first', title: ', the server resumes nothing', noTickets: true, detail: true },
      { only: 'tls', name: 'kept', title: ', the session kept by hand', resumed: true, detail: true },
    ],
    figures: ['connects_per_s', 'sequential_connects_per_s', 'cpu_us_per_connect'],
  },
  {
    workload: 'pingpong',
    title: ({ sockets }) => `${sockets.toLocaleString('en-GB')} sockets, 64 bytes there and back on each`,
    size: 64,
    sockets: 1000,
    figures: ['rounds_per_s', 'cpu_us_per_round'],
  },
  {
    workload: 'idle',
    title: () => 'an idle socket, used once',
    size: 64,
    sockets: 1000,
    steady: true,
    figures: ['kib_per_socket'],
  },
  {
    workload: 'pg',
    title: () => 'pg: a query with a parameter',
    variants: [{ cores: 'one core' }],
    figures: ['p50_us', 'queries_per_s', 'result_ms'],
  },
];

/**
 * All rows, or those of a quick run: fewer of them, and fewer sockets, because opening them takes longer than the rest.
 * @param {boolean} quick
 * @returns {Row[]}
 */
export function rowsOf(quick) {
  const chosen = workloads.filter(({ detail }) => !(quick && detail));
  return chosen.flatMap(({ variants = [{}], sockets = 1, ...workload }) => {
    const bothCores = variants.some(({ cores }) => cores);
    const many = quick && !workload.steady && sockets >= 1000 ? sockets / 4 : sockets;
    return variants
      .filter(({ detail }) => !(quick && detail))
      .flatMap((variant) =>
        [false, true]
          .filter((tls) => tls || variant.only !== 'tls')
          .map((tls) => rowOf({ ...workload, sockets: many }, variant, tls, bothCores)),
      );
  });
}

/** @returns {Row} */
function rowOf(
  { name, title, ...workload },
  { name: kind, title: more = '', only, ...variant },
  tls,
  bothCores,
) {
  const cores = variant.cores ?? 'two cores';
  const id = [name ?? workload.workload, tls ? 'tls' : 'tcp', kind, bothCores && cores.split(' ')[0]];
  return {
    size: 65_536,
    resumed: false,
    ...workload,
    ...variant,
    id: id.filter(Boolean).join('-'),
    title: `${title(workload)}, ${tls ? 'TLS' : 'TCP'}${more}${bothCores ? `, ${cores}` : ''}`,
    tls,
    cores,
  };
}

/**
 * What a row's job is about, for every subject alike.
 * @param {Row} row @param {boolean} quick
 * @returns {Omit<import('./workloads.mjs').Job, 'host' | 'ports' | 'ca'>}
 */
export function jobOf({ workload, tls, resumed, size, sockets }, quick) {
  // A transfer has to be long beside the pause between two, and short beside the time that is measured.
  const bytes = (size < 65_536 ? 4 : 16) * (quick ? 1 : 4) * MIB;
  return { workload, tls, resumed, size, sockets, bytes, seconds: quick ? 0.2 : 0.6 };
}
