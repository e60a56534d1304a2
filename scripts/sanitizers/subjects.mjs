/** What runs under sanitizers. */

/** Suites of scripts/, with the options that all of them have. */
export const suites = ['teardown', 'faults'];

/**
 * Files of vitest, by what they are about.
 * @param {boolean} quick
 * @returns {Record<string, string[]>}
 */
export function tests(quick) {
  if (quick) return { tests: files(['readable', 'upgrade', 'drivers/pg']) };
  return {
    streams: files([
      ...[
        'readable',
        'reader',
        'writable',
        'writer',
        'upgrade',
        'close',
        'half-open',
        'transfer',
        'unread',
        'signal',
      ],
      ...['buffers', 'errors', 'starvation'],
    ]),
    environments: files(['worker', 'io', 'io-ahead', 'process-end', 'descriptors', 'gc', 'copies']),
    duplex: ['__test__/duplex-'],
    drivers: files([
      'drivers/pg',
      'drivers/pg-duplex',
      'drivers/postgres',
      'drivers/postgres-duplex',
      'drivers/redis',
      'drivers/ioredis',
    ]),
    hosts: files([
      ...[
        'certificates',
        'credentials',
        'idle',
        'keylog',
        'limits',
        'local-address',
        'pins',
        'policy',
        'proxy',
        'rebinding',
        'resolve',
      ],
      ...['stats', 'timeouts', 'tls-info', 'trust', 'unix'],
    ]),
  };
}

/** @param {readonly string[]} names */
function files(names) {
  return names.map((name) => `__test__/${name}.test.ts`);
}

/**
 * Which Rust tests Miri can run: it knows no C, so no cryptography, and little of the system.
 * @param {boolean} quick
 */
export function miri(quick) {
  const pure = [
    'ahead::queues',
    'code::',
    'counters::',
    'error::',
    'happy_eyeballs',
    'journey::',
    'staged::',
    'policy::',
  ];
  // Hundreds of addresses, which take an hour here.
  return [...pure, '--skip', 'prefixes_of_all_lengths'];
}
