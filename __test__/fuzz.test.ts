/** The quick form of what `npm run fuzz` does with the TypeScript layer. The native half's is in fuzz/. */

import { describe, expect, test } from 'vitest';
import { address } from './fuzz/address.ts';
import { arguments_ } from './fuzz/arguments.ts';
import { certificate } from './fuzz/certificate.ts';
import { credentials } from './fuzz/credentials.ts';
import { settings } from './fuzz/settings.ts';

/** Milliseconds for each target; `npm run fuzz` sets it. Without: so many runs, with a seed that is always the same. */
const limit = Number(process.env['WINTERSOCK_FUZZ_TIME'] ?? 0);
const only = process.env['WINTERSOCK_FUZZ_TARGET'];
const RUNS = 600;

const targets = [...address, ...settings, ...credentials, ...arguments_, ...certificate];

describe.each(targets.filter(({ name }) => only === undefined || name === only))(
  '$name',
  ({ check, share }) => {
    test('is read, or refused in words', { timeout: limit + 120_000 }, async () => {
      const parameters =
        limit > 0
          ? {
              interruptAfterTimeLimit: limit,
              numRuns: Number.MAX_SAFE_INTEGER,
              markInterruptAsFailure: false,
            }
          : { numRuns: Math.ceil(RUNS * share), seed: 20_261_121 };
      const runs = await check({ ...parameters, endOnFailure: false });
      expect(runs).toBeGreaterThan(0);
      // For scripts/fuzz.mjs.
      if (limit > 0) console.log(`${runs} inputs`);
    });
  },
);
