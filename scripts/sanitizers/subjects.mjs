/** What runs under sanitizers. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../workspace.mjs';

/**
 * Suites of scripts/, with their options. The fault matrix without its quick form would test Node's own sockets, too.
 * @param {boolean} quick
 * @returns {Record<string, string[]>}
 */
export function suites(quick) {
  return {
    teardown: quick ? ['--quick'] : ['--repeat', '3'],
    faults: ['--quick', ...(quick ? ['--only', 'starttls, TLS 1.3'] : [])],
  };
}

/**
 * Files of vitest, by what they are about.
 * @param {boolean} quick
 * @returns {Record<string, string[]>}
 */
export function tests(quick) {
  if (quick) return { tests: files('readable upgrade drivers/pg') };
  return {
    streams: files(
      'readable reader writable writer upgrade close half-open transfer unread signal buffers errors',
    ),
    environments: files('io io-ahead process-end descriptors gc copies loading starvation'),
    duplex: files(
      'duplex-connect duplex-data duplex-end duplex-flow duplex-half-open duplex-input duplex-leaks duplex-life duplex-lookup ' +
        'duplex-options duplex-over duplex-process duplex-safety duplex-sessions duplex-tls duplex-upgrade duplex-verify duplex-web',
    ),
    drivers: files('pg pg-duplex pg-duplex-socket postgres postgres-duplex redis ioredis', 'drivers/'),
    hosts: files(
      'certificates credentials idle keylog limits local-address pins policy policy-unix proxy proxy-process proxy-refusals rebinding ' +
        'resolve stats timeouts tls-info trust unix fuzz',
    ),
  };
}

/** @param {string} names Between spaces. @param {string} [directory] */
function files(names, directory = '') {
  const paths = names.split(' ').map((name) => `__test__/${directory}${name}.test.ts`);
  // vitest says nothing of those that it does not find among others.
  const missing = paths.filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new Error(`no longer there: ${missing.join(', ')}`);
  return paths;
}

/**
 * Which Rust tests Miri runs: it knows no C, so no cryptography, little of the system, and is a thousand times slower.
 * @param {boolean} quick
 */
export function miri(quick) {
  const { filters, skipped } = miriTests(quick);
  return [...filters, ...skipped.flatMap((name) => ['--skip', name])];
}

/** @param {boolean} quick */
export function miriTests(quick) {
  const pure = 'code:: counters:: error:: happy_eyeballs journey:: staged:: runtime::tests::a_batch'.split(
    ' ',
  );
  if (quick) {
    return {
      filters: [...pure, 'policy::tests::grammar', 'policy::tests::hosts', 'proxy::tests::socks'],
      skipped: [],
    };
  }
  const skipped = [
    // Hundreds of addresses, and heads of 16 KiB that come byte by byte: an hour each.
    ...['prefixes_of_all_lengths', 'what_is_no_answer_of_http_is_told_apart', 'http_that_refuses_is_quoted'],
    // SO_LINGER is not there.
    'a_proxy_that_resets_the_connection_has_closed_it',
  ];
  return { filters: [...pure, 'policy::', 'proxy::tests::'], skipped };
}
