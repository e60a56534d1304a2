/** Which packages are to find themselves on Workers, and what that takes. */
import { readFileSync } from 'node:fs';

/** Where pg keeps its sockets for Workers. It gets the export condition, and pg is shown Workers, or neither. */
export const PG_SOCKETS = 'pg-cloudflare';

/**
 * The packages that get the export condition `workerd`, for the names that were asked for.
 *
 * The condition is never set for the whole process (`node --conditions=workerd`): it flips every package that knows
 * it, and most of those then miss the rest of Workers.
 */
export function packagesOnWorkers(names: string): ReadonlySet<string> {
  const packages = names.split(',').map((name) => name.trim());
  return new Set(packages.filter(Boolean).map((name) => (name === 'pg' ? PG_SOCKETS : name)));
}

/** The package that a bare specifier names: `pg` for `pg/lib/client.js`, `@scope/name` for `@scope/name/file`. */
export function packageOf(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/', 2);
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/**
 * Whether `file` is the one in which pg chooses its sockets, once, when it is loaded, by `navigator.userAgent`.
 * Asked by the package's name, not by the path: a linked pg does not lie in a directory called pg.
 */
export function isPgChoice(file: string | URL): boolean {
  const url = new URL(file);
  if (url.protocol !== 'file:' || !url.pathname.endsWith('/lib/stream.js')) return false;
  try {
    return JSON.parse(readFileSync(new URL('../package.json', url), 'utf8')).name === 'pg';
  } catch {
    return false;
  }
}

/**
 * The source of that file with a `navigator` of its own. A global one would be seen by every other package. It goes
 * on the first line, so that stack traces keep their line numbers.
 */
export function withNavigator(source: string): string {
  return `var navigator = { userAgent: 'Cloudflare-Workers' }; ${source}`;
}
