/** What the `exports` and `imports` of a package.json mean, with the export condition `workerd`. */

/**
 * The target of a subpath (`'.'`, `'./sub'`, `'#internal'`), as it is written in the manifest. Undefined if there is none.
 *
 * Looked up here, because Node's hooks cannot do it everywhere: some versions ignore the conditions that a hook
 * passes on (22.15, 24.0), and `require()` has none to pass.
 */
export function targetOnWorkers(
  entries: unknown,
  subpath: string,
  conditions: Iterable<string>,
): string | undefined {
  const { entry, star } = entryOf(entries, subpath);
  const target = targetOf(entry, new Set([...conditions, 'workerd', 'default']));
  return target?.replaceAll('*', star);
}

/** An entry, and what `*` in it stands for. */
interface Entry {
  entry: unknown;
  star: string;
}

function entryOf(entries: unknown, subpath: string): Entry {
  const whole = { entry: subpath === '.' ? entries : undefined, star: '*' };
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) return whole;
  const keys = Object.keys(entries);
  if (!keys.some((key) => key.startsWith('.') || key.startsWith('#'))) return whole;
  const table = entries as Record<string, unknown>;
  if (keys.includes(subpath)) return { entry: table[subpath], star: '*' };
  // As in Node: the pattern with the longest text before the star wins.
  const matches = keys.flatMap((key) => {
    const [before = '', after, more] = key.split('*');
    const fits = after !== undefined && more === undefined && subpath.length > before.length + after.length;
    if (!fits || !subpath.startsWith(before) || !subpath.endsWith(after)) return [];
    const star = subpath.slice(before.length, subpath.length - after.length);
    // Nor does Node let it lead out of the package.
    return /(?:^|[\\/])(?:\.\.?|node_modules)(?:[\\/]|$)/.test(star) ? [] : { before, key, star };
  });
  const [best] = matches.sort((a, b) => b.before.length - a.before.length || b.key.length - a.key.length);
  return best ? { entry: table[best.key], star: best.star } : { entry: undefined, star: '*' };
}

/** The first target whose conditions all hold. */
function targetOf(entry: unknown, conditions: ReadonlySet<string>): string | undefined {
  if (typeof entry === 'string') return entry;
  if (typeof entry !== 'object' || entry === null) return undefined;
  for (const [condition, inner] of Object.entries(entry)) {
    const holds = Array.isArray(entry) || conditions.has(condition);
    const target = holds ? targetOf(inner, conditions) : undefined;
    if (target !== undefined) return target;
  }
  return undefined;
}
