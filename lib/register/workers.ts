/** The packages that are to find themselves on Workers, and the files that they have for that. */
import { dirname, join, sep } from 'node:path';
import { targetOnWorkers } from './conditions.ts';
import { findPackage, type Package, packageName, packageOf } from './packages.ts';

/** Where pg keeps its sockets for Workers. It is resolved as there, and pg is shown Workers, or neither. */
const PG_SOCKETS = 'pg-cloudflare';
/** The file in which pg chooses its sockets, once, when it is loaded, by `navigator.userAgent`. */
const PG_CHOICE = join(sep, 'lib', 'stream.js');

/**
 * Packages that are resolved with the export condition `workerd`.
 *
 * The condition is never set for the whole process (`node --conditions=workerd`): it flips every package that knows
 * it, and most of those then miss the rest of Workers.
 */
export class Workers {
  readonly #names: ReadonlySet<string>;

  /** @param names As the user gives them: `pg` stands for its package of sockets. */
  constructor(names: Iterable<string>) {
    this.#names = new Set(Array.from(names, (name) => (name === 'pg' ? PG_SOCKETS : name)));
  }

  /** Whether a bare specifier names one of them. */
  has(specifier: string): boolean {
    return this.#names.has(packageName(specifier));
  }

  /**
   * The file that a bare specifier means on Workers, given the path of the one that it means otherwise. Undefined if the package
   * has none.
   */
  fileFor(specifier: string, path: string, conditions: Iterable<string>): string | undefined {
    const found = packageOf(path);
    // Another loader may have put a file of somebody else there.
    if (!found || !(found.names.has(packageName(specifier)) || this.#hasAny(found.names))) return undefined;
    return exported(found, specifier, conditions);
  }

  /** The same for a package that exports nothing but what is for Workers, given the importing file. */
  fileFrom(specifier: string, importer: string, conditions: Iterable<string>): string | undefined {
    const root = findPackage(packageName(specifier), dirname(importer));
    const found = root === undefined ? undefined : packageOf(join(root, 'package.json'));
    return found && exported(found, specifier, conditions);
  }

  /**
   * What `#internal` means in a file of one of them: a path, or the specifier of another module. Undefined in any other
   * file.
   */
  internal(specifier: string, importer: string, conditions: Iterable<string>): string | undefined {
    const found = packageOf(importer);
    if (!found || !this.#hasAny(found.names)) return undefined;
    const target = targetOnWorkers(found.manifest.imports, specifier, conditions);
    return target?.startsWith('./') ? join(found.root, target) : target;
  }

  /** Whether a file is the one in which pg looks for Workers, if it is to find them. */
  seesNavigator(file: string): boolean {
    if (!this.#names.has(PG_SOCKETS) || !file.endsWith(PG_CHOICE)) return false;
    // By the package's name, not by the path: a linked pg does not lie in a directory called pg.
    return packageOf(file)?.manifest.name === 'pg';
  }

  #hasAny(names: Iterable<string>): boolean {
    return Array.from(names).some((name) => this.#names.has(name));
  }
}

/**
 * The source of that file with a `navigator` of its own. A global one would be seen by every other package. It goes
 * on the first line, so that stack traces keep their line numbers.
 */
export function withNavigator(source: string): string {
  return `var navigator = { userAgent: 'Cloudflare-Workers' }; ${source}`;
}

function exported(
  { root, manifest }: Package,
  specifier: string,
  conditions: Iterable<string>,
): string | undefined {
  const subpath = `.${specifier.slice(packageName(specifier).length)}`;
  const target = targetOnWorkers(manifest.exports, subpath, conditions);
  return target === undefined ? undefined : join(root, target);
}
