/** Members of a configuration, as WebIDL reads dictionaries; but one that is unknown is a mistake. */

import { literal } from '../error.ts';
import type { Mistakes } from './mistakes.ts';
import { describe, kindOf } from './values.ts';

export type Members = Readonly<Record<string, unknown>>;

/** A name that is this far from one that is known is a typing error. */
const FAR = 2;

/**
 * What is given: each member read once, in lexicographical order. `null` and `undefined` are left out. `undefined`, if the value cannot have
 * members.
 *
 * @param where The member that has them; empty for the configuration itself.
 */
export function readMembers(
  value: unknown,
  names: readonly string[],
  where: string,
  mistakes: Mistakes,
): Members | undefined {
  const given: Record<string, unknown> = {};
  if (value === undefined || value === null) return given;
  if (typeof value !== 'object' || kindOf(value) !== undefined) {
    // A text is not shown: where so much belongs together, it may be a file of keys.
    const what = typeof value === 'string' ? 'a string' : describe(value);
    mistakes.add(`${where ? `\`${where}\`` : 'the configuration'} must be an object, not ${what}`);
    return undefined;
  }
  // Inherited ones are read below, so their names are checked, too.
  for (const name in value) {
    if (!names.includes(name)) mistakes.add(unknownMember(name, names, where));
  }
  for (const name of [...names].sort()) {
    const member = (value as Members)[name];
    if (member !== undefined && member !== null) given[name] = member;
  }
  return given;
}

function unknownMember(name: string, names: readonly string[], where: string): string {
  const path = (member: string): string => (where ? `${where}.${member}` : member);
  const shown = /^[\w$]{1,80}$/.test(name) ? name : literal(name);
  const meant = nearest(name, names);
  const remedy = meant
    ? `did you mean \`${path(meant)}\`?`
    : `remove it; there are ${names.map((known) => `\`${known}\``).join(', ')}`;
  return `\`${path(shown)}\` is unknown; ${remedy}`;
}

/** The known name that was probably meant. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const distances = names.map((known) => ({ known, far: distance(lower, known.toLowerCase()) }));
  const [best] = distances.sort((a, b) => a.far - b.far);
  // Half of a short name is another name.
  return best && best.far <= Math.min(FAR, Math.floor(best.known.length / 2)) ? best.known : undefined;
}

/** How many letters have to be put in, left out or replaced: Levenshtein's distance, a row at a time. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > FAR) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const letter of a) {
    const next = [(row[0] ?? 0) + 1];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
