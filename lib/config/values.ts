/** Single values of a configuration. Nothing is converted: a text for a number is a mistake in a file of settings. */

import { types } from 'node:util';
import { quoted } from '../error.ts';
import type { Mistakes } from './mistakes.ts';

/** Objects that hold something else than members. Taken for a configuration, they would be one that wants nothing. */
const KINDS: readonly [is: (value: unknown) => boolean, name: string][] = [
  [Array.isArray, 'an array'],
  [types.isPromise, 'a Promise (await it first)'],
  [types.isMap, 'a Map'],
  [types.isSet, 'a Set'],
  [types.isDate, 'a Date'],
  [types.isRegExp, 'a RegExp'],
  [types.isBoxedPrimitive, 'a boxed value'],
  [(value) => ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value), 'bytes'],
];

/** What an object is, if not one with members. */
export function kindOf(value: object): string | undefined {
  return KINDS.find(([is]) => is(value))?.[1];
}

/** A value for messages. */
export function describe(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'symbol' || typeof value === 'function') return `a ${typeof value}`;
  if (typeof value !== 'object' || value === null) return String(value);
  return kindOf(value) ?? 'an object';
}

/** The numbers a member takes. */
export interface Range {
  least: number;
  most: number;
  /** What is counted, as in `a whole number of ...`. */
  of?: string;
  /** What else there is to say. */
  hint?: string;
}

export function readInteger(
  value: unknown,
  name: string,
  range: Range,
  mistakes: Mistakes,
): number | undefined {
  if (value === undefined) return undefined;
  const { least, most, of, hint } = range;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  mistakes.add(
    `\`${name}\` must be a whole number${of ? ` of ${of}` : ''} from ${least} to ${most}, not ${describe(value)}${hint ? `; ${hint}` : ''}`,
  );
  return undefined;
}

/** `true` or `false`; nothing that only counts as one of them, for `'false'` would be true. */
export function readBoolean(value: unknown, name: string, mistakes: Mistakes): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  mistakes.add(`\`${name}\` must be true or false, not ${describe(value)}`);
  return undefined;
}

/** Texts, one for each item. What they say is for others to judge. */
export function readTexts(
  value: unknown,
  name: string,
  kind: string,
  mistakes: Mistakes,
): string[] | undefined {
  if (value === undefined) return undefined;
  if (!Array.isArray(value)) {
    const hint = typeof value === 'string' ? `; put it in an array: [${quoted(value)}]` : '';
    mistakes.add(`\`${name}\` must be an array of ${kind}s, not ${describe(value)}${hint}`);
    return undefined;
  }
  // Not by map(): a hole is an item that is missing.
  return Array.from<unknown, string>(value, (item, index) => {
    if (typeof item === 'string') return item;
    mistakes.add(`\`${name}[${index}]\` must be a string with a ${kind}, not ${describe(item)}`);
    // What is no mistake: nobody uses it, and the others keep their places.
    return '*';
  });
}
