/** What is fuzzed: a property for each kind of input, and what may be thrown. */

import fc, { type Arbitrary } from 'fast-check';
import { SocketError } from '../../lib/error.ts';
import { slowness } from '../fixtures/environment.mjs';

export interface Target {
  /** Begins with the module that it is about. */
  name: string;
  /** Resolves to how many inputs there were. */
  check(parameters: fc.Parameters<unknown>): Promise<number>;
  /** How much of the usual number of runs, if they take longer. */
  share: number;
}

/** What getters and conversions of hostile objects throw. It is passed on as it is. */
export const hostile = new Error('thrown by the value itself');

/** Nothing that takes longer is linear: the longest input has a megabyte. */
const DEADLINE = 10_000 * slowness;

/**
 * Runs what is tested. Undefined: it threw what it may.
 * @param codes Codes of SocketErrors that it documents.
 */
export function attempted<T>(run: () => T, codes: readonly string[]): T | undefined {
  const start = performance.now();
  const result = outcome(run, codes);
  const time = performance.now() - start;
  if (time > DEADLINE) throw new Error(`took ${Math.round(time)} ms`);
  return result;
}

function outcome<T>(run: () => T, codes: readonly string[]): T | undefined {
  try {
    return run();
  } catch (error) {
    if (error === hostile) return undefined;
    if (!(error instanceof SocketError)) {
      // WebIDL's conversions of what has no text or number.
      if (error instanceof TypeError && /^Cannot (?:convert|mix)/.test(error.message)) return undefined;
      throw error;
    }
    const { code, message } = error;
    if (!codes.includes(code)) throw new Error(`code ${code} is not documented for it: ${message}`);
    if (message.length > 8192) throw new Error(`nobody reads ${message.length} characters`);
    // A list of mistakes has a line for each.
    const obeyed = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.exec(message.replaceAll(/\n- /g, ' '));
    if (obeyed)
      throw new Error(`a terminal obeys ${JSON.stringify(obeyed[0])} in ${JSON.stringify(message)}`);
    return undefined;
  }
}

/** A target that is a property of these values. */
export function target<T extends [unknown, ...unknown[]]>(
  name: string,
  values: { [Index in keyof T]: Arbitrary<T[Index]> },
  check: (...given: T) => void | Promise<void>,
  share = 1,
): Target {
  const property = fc.asyncProperty(...(values as [Arbitrary<unknown>]), async (...given: unknown[]) => {
    await check(...(given as T));
  });
  return {
    name,
    share,
    check: async (parameters) => {
      const details = await fc.check(property as fc.IAsyncProperty<unknown>, parameters);
      if (details.failed) throw new Error(await fc.asyncDefaultReportMessage(details));
      return details.numRuns;
    },
  };
}

/** Values that are hard to read. */
export const strange: Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: true, withDate: true, withMap: true, withSet: true, withNullPrototype: true }),
  fc.constantFrom<unknown>(
    Symbol('s'),
    Number.NaN,
    -0,
    2n ** 64n,
    Number.POSITIVE_INFINITY,
    new Proxy(
      {},
      {
        get: () => {
          throw hostile;
        },
      },
    ),
    {
      toString: () => {
        throw hostile;
      },
    },
    { [Symbol.toPrimitive]: () => 'text' },
    { valueOf: () => 443, toString: () => 'host' },
    Object.create(null),
    new String('host:1'),
    new Uint8Array(4),
    Promise.resolve(1),
    () => 1,
  ),
);

/** Text out of these pieces: what is near the right one is found sooner. */
export function spelt(pieces: readonly string[], maxLength = 12): Arbitrary<string> {
  const piece = fc.oneof({ weight: 6, arbitrary: fc.constantFrom(...pieces) }, fc.string({ maxLength: 4 }));
  return fc
    .array(fc.oneof({ weight: 9, arbitrary: piece }, fc.string({ unit: 'binary', maxLength: 3 })), {
      maxLength,
    })
    .map((all) => all.join(''));
}

/** A long text of one or two pieces, with something else at its end. */
export function long(pieces: readonly string[], length: number): Arbitrary<string> {
  const pair = fc.array(fc.constantFrom(...pieces), { minLength: 1, maxLength: 2 });
  return fc.tuple(pair, fc.string({ maxLength: 3 })).map(([repeated, end]) => {
    const unit = repeated.join('') || 'x';
    return unit.repeat(Math.ceil(length / unit.length)) + end;
  });
}
