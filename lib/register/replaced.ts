/** The packages that get our modules in place of `node:net` and `node:tls`, and which files are theirs. */
import { fileURLToPath } from 'node:url';
import { ancestors, findPackage, type Package, packageIn, packageOf, readManifest } from './packages.ts';

/** Ours would be given to themselves. */
const ownRoot = packageOf(fileURLToPath(import.meta.url))?.root;

/** Named packages, and those in their `dependencies`, and so on. */
export class Replaced {
  readonly #names: ReadonlySet<string>;
  readonly #places: readonly string[];
  /** Directories of packages, and of those whether they are among them. */
  readonly #verdicts = new Map<string, boolean>();
  readonly #roots = new Set<string>();
  readonly #searched = new Set<string>();

  /**
   * @param places Directories from which the application finds its packages. A package that is linked into it lies
   * somewhere else, and so do that package's dependencies.
   */
  constructor(names: Iterable<string>, places: readonly string[]) {
    this.#names = new Set(names);
    this.#places = places;
  }

  /** Whether a file belongs to one of them, given its absolute path. */
  has(file: string): boolean {
    const owner = this.#names.size > 0 ? packageOf(file) : undefined;
    if (!owner) return false;
    let verdict = this.#verdicts.get(owner.root);
    if (verdict === undefined) {
      verdict = this.#decide(owner);
      this.#verdicts.set(owner.root, verdict);
    }
    return verdict;
  }

  #decide({ root, names }: Package): boolean {
    if (root === ownRoot) return false;
    if ([...names].some((name) => this.#names.has(name))) return true;
    for (const place of [root, ...this.#places]) this.#search(place);
    return this.#roots.has(root);
  }

  /** Looks for the named packages from a directory on upwards. */
  #search(place: string): void {
    for (const directory of ancestors(place)) {
      if (this.#searched.has(directory)) return;
      this.#searched.add(directory);
      // The checkout of a named package, whose own tests run.
      const { name } = readManifest(directory) ?? {};
      if (typeof name === 'string' && this.#names.has(name)) this.#add(directory);
      for (const name of this.#names) {
        const root = packageIn(directory, name);
        if (root !== undefined) this.#add(root);
      }
    }
  }

  #add(root: string): void {
    if (this.#roots.has(root)) return;
    this.#roots.add(root);
    const { dependencies } = readManifest(root) ?? {};
    for (const name of Object.keys(dependencies ?? {})) {
      const found = findPackage(name, root);
      if (found !== undefined) this.#add(found);
    }
  }
}
