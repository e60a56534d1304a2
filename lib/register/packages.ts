/** Packages on the disk: to which one a file belongs, and where another one is. */
import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** What is read of a package.json. */
export interface Manifest {
  name?: unknown;
  type?: unknown;
  exports?: unknown;
  imports?: unknown;
  dependencies?: unknown;
}

/** A package: the directory of its package.json, with links resolved, and the names by which it may be known. */
export interface Package {
  readonly root: string;
  readonly manifest: Manifest;
  /** That of the manifest, and, if installed under another one (`npm:` aliases), that one. */
  readonly names: ReadonlySet<string>;
}

const MODULES = `${sep}node_modules${sep}`;
/** By the directory of a file. Packages do not change while a process runs. */
const known = new Map<string, Package | undefined>();

/** The package that a file belongs to, given its absolute path. */
export function packageOf(file: string): Package | undefined {
  const directory = dirname(file);
  if (!known.has(directory)) known.set(directory, findOwner(directory));
  return known.get(directory);
}

/** The directory of an installed package, as Node finds it from `directory`, with links resolved. */
export function findPackage(name: string, directory: string): string | undefined {
  for (const above of ancestors(directory)) {
    const root = packageIn(above, name);
    if (root !== undefined) return root;
  }
  return undefined;
}

/** The same for one directory alone. */
export function packageIn(directory: string, name: string): string | undefined {
  const root = join(directory, 'node_modules', name);
  return readManifest(root) && realpathSync(root);
}

/** The package that a bare specifier names: `pg` for `pg/lib/client.js`, `@scope/name` for `@scope/name/file`. */
export function packageName(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/', 2);
  return first.startsWith('@') ? `${first}/${second}` : first;
}

/** A directory and all above it, the root of the file system last. */
export function* ancestors(directory: string): Generator<string> {
  for (let above = directory; ; above = dirname(above)) {
    yield above;
    if (above === dirname(above)) return;
  }
}

/** The package.json in a directory. */
export function readManifest(directory: string): Manifest | undefined {
  try {
    const manifest: unknown = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
    return typeof manifest === 'object' && manifest !== null ? manifest : undefined;
  } catch {
    return undefined;
  }
}

function findOwner(directory: string): Package | undefined {
  const start = directory.lastIndexOf(MODULES) + MODULES.length;
  const name = start < MODULES.length ? '' : packageName(directory.slice(start).replaceAll(sep, '/'));
  const places = name ? [join(directory.slice(0, start), name)] : ancestors(directory);
  for (const root of places) {
    const manifest = readManifest(root);
    // Without a name it says how to read the files next to it (`{ "type": "module" }`), not whose they are.
    if (!manifest || !(name || typeof manifest.name === 'string')) continue;
    const names = [manifest.name, name].filter((each) => typeof each === 'string' && each !== '');
    return { root: realpathSync(root), manifest, names: new Set(names as string[]) };
  }
  return undefined;
}
