/** Which packages are to find themselves on Workers, and the files that they have for that. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Where pg keeps its sockets for Workers. It is resolved as there, and pg is shown Workers, or neither. */
export const PG_SOCKETS = 'pg-cloudflare';

/**
 * The packages that are resolved with the export condition `workerd`, for the names that were asked for.
 *
 * The condition is never set for the whole process (`node --conditions=workerd`): it flips every package that knows
 * it, and most of those then miss the rest of Workers.
 */
export function packagesOnWorkers(names: string): ReadonlySet<string> {
  const packages = names.split(',').map((name) => name.trim());
  return new Set(packages.filter(Boolean).map((name) => (name === 'pg' ? PG_SOCKETS : name)));
}

/** Whether a specifier is to be resolved as on Workers. */
export function isOnWorkers(specifier: string, packages: ReadonlySet<string>): boolean {
  return packages.has(packageOf(specifier));
}

/**
 * The file that a bare specifier means with the condition `workerd`, given the path of the one that it means without.
 * Undefined if the package has none.
 *
 * Looked up here, because Node's hooks cannot do it everywhere: some versions ignore the conditions that a hook
 * passes on (22.15, 24.0), and `require()` has none to pass. Exact subpaths only, no patterns.
 */
export function fileOnWorkers(
  specifier: string,
  path: string,
  conditions: Iterable<string>,
): string | undefined {
  const name = packageOf(specifier);
  for (let directory = dirname(path); directory !== dirname(directory); directory = dirname(directory)) {
    const manifest = readManifest(directory);
    if (manifest?.name === name) {
      const entry = entryOf(manifest.exports, `.${specifier.slice(name.length)}`);
      const target = targetOf(entry, new Set([...conditions, 'workerd', 'default']));
      return target === undefined ? undefined : join(directory, target);
    }
  }
  return undefined;
}

/** The package that a bare specifier names: `pg` for `pg/lib/client.js`, `@scope/name` for `@scope/name/file`. */
function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/', 2);
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** What a package's `exports` have for a subpath. */
function entryOf(exports: unknown, subpath: string): unknown {
  if (typeof exports !== 'object' || exports === null) return subpath === '.' ? exports : undefined;
  const hasSubpaths = Object.keys(exports).some((key) => key.startsWith('.'));
  if (!hasSubpaths) return subpath === '.' ? exports : undefined;
  return (exports as Record<string, unknown>)[subpath];
}

/** The first target whose conditions all hold. */
function targetOf(entry: unknown, conditions: ReadonlySet<string>): string | undefined {
  if (typeof entry === 'string') return entry;
  if (typeof entry !== 'object' || entry === null) return undefined;
  for (const [condition, inner] of Object.entries(entry)) {
    const target = conditions.has(condition) ? targetOf(inner, conditions) : undefined;
    if (target !== undefined) return target;
  }
  return undefined;
}

function readManifest(directory: string): { name?: unknown; exports?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Whether this is the file in which pg chooses its sockets, once, when it is loaded, by `navigator.userAgent`. Asked
 * by the package's name, not by the path: a linked pg does not lie in a directory called pg.
 */
export function isPgChoice(path: string): boolean {
  return /[\\/]lib[\\/]stream\.js$/.test(path) && readManifest(dirname(dirname(path)))?.name === 'pg';
}

/**
 * The source of that file with a `navigator` of its own. A global one would be seen by every other package. It goes
 * on the first line, so that stack traces keep their line numbers.
 */
export function withNavigator(source: string): string {
  return `var navigator = { userAgent: 'Cloudflare-Workers' }; ${source}`;
}
