/** Much data over TLS, which a task reads ahead: nobody may see it in what arrives, in what order, or in how it ends. */
import { describe, expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';

const MIB = 1024 * 1024;
/** Only Linux tells what a thread does. */
const linux = process.platform === 'linux';

async function run(name: string, mode: string) {
  const script = '__test__/fixtures/io-ahead.mjs';
  const env = { WINTERSOCK_IO: mode };
  const { code, signal, stdout, stderr } = await runNode([script, name], { env, deadline: 30_000 });
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  return JSON.parse(stdout);
}

describe('much data over TLS', () => {
  const total = 33_577_258;
  const whole = { good: true, whole: true, end: 'done', closed: 'resolves' };
  const results: Record<string, object> = {
    fast: whole,
    slow: whole,
    'in pieces': whole,
    pauses: { good: true, length: 17_086_652 },
    echo: { good: true, length: total, end: 'done' },
    'a writer waits': { good: true, written: ['resolves'] },
    'the writer ends': { closed: 'resolves', answer: 'resolves', end: 'done' },
    'close()': { closed: 'resolves', wrote: 'resolves', length: 10, good: true, read: 'done' },
    'cancel()': { wrote: 'resolves', ended: 'resolves', length: 10, good: true, closed: 'resolves' },
    signal: { read: 'enough', wrote: 'enough', closed: 'resolves', good: true },
    truncated: { ...whole, end: 'ERR_TLS_TRUNCATED' },
    reset: { good: true, end: 'ECONNRESET', closed: 'resolves' },
    'reset, unread': { wrote: 'ECONNRESET', closed: 'resolves' },
    'half-open': { ...whole, wrote: 'resolves', ended: 'resolves', length: 4 * MIB },
  };
  const inWays = (['direct', 'ahead'] as const).flatMap((mode) =>
    Object.keys(results).map((name) => ({ mode, name })),
  );
  test.each(inWays)(
    '$mode: $name',
    async ({ mode, name }) => {
      const wanted = linux && mode === 'ahead' ? 5 : -1;
      // On a machine that is busy with other things too little may come at once for it to be worth reading ahead: once more then.
      let result = { switches: 0, rounds: [] as number[] };
      for (let tries = 0; tries < 3 && !(result.switches > wanted); tries += 1) {
        result = { ...(await run(name, mode)) };
        expect(result).toMatchObject(results[name] as object);
        if (!('switches' in result)) break;
      }
      // That it is read ahead, or is not: or all this would be about nothing.
      if (linux && 'switches' in result) {
        if (mode === 'ahead') expect(result.switches).toBeGreaterThan(5);
        else expect(result.switches).toBeLessThan(5);
      }
      if (linux && mode === 'ahead' && name === 'pauses') {
        for (const switches of result.rounds) expect(switches).toBeGreaterThan(0);
      }
    },
    100_000,
  );

  test.runIf(linux)(
    'direct: what is over within a second is not read ahead',
    async () => {
      const { switches, ...result } = await run('huge', 'direct');
      expect(result).toEqual(whole);
      expect(switches).toBeLessThan(5);
    },
    40_000,
  );

  test.runIf(linux)(
    'what is read ahead while nobody reads is bounded',
    async () => {
      const { kept, good } = await run('unread', 'ahead');
      expect(good).toBe(true);
      const atOnce = (await run('unread', 'direct')).kept;
      expect(atOnce).toBeLessThan(160 * 1024);
      expect(kept).toBeGreaterThan(atOnce);
      // buffers.test.ts measures it exactly.
      expect(kept).toBeLessThan(256 * 1024);
    },
    40_000,
  );
});
