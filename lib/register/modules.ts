/** `import` and `import()`: what the `resolve` hook of `node:module` answers. */
import { readFileSync } from 'node:fs';
import { dirname, extname, isAbsolute } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ancestors, readManifest } from './packages.ts';
import type { Registry } from './registration.ts';
import { withNavigator } from './workers.ts';

/** What a `resolve` hook answers. */
export interface Resolved {
  url: string;
  format?: string | null | undefined;
  shortCircuit?: boolean | undefined;
}

/** What a `load` hook answers. Without a source, the CommonJS loader reads the file. */
export interface Loaded {
  format?: string | null | undefined;
  source?: string | ArrayBuffer | Uint8Array | null | undefined;
  shortCircuit?: boolean | undefined;
}

/** What a `resolve` hook knows. */
export interface Context {
  /** An array, or, for `require()` on some versions of Node, a set. */
  conditions: Iterable<string>;
  /** Of the importing module. Undefined for the entry. */
  parentURL?: string | undefined;
}

/** The rest of the chain of hooks. */
export type Next<Answer> = (specifier: string, context: Context) => Answer;

/** The module of ours that stands for a built-in one in a package whose modules are replaced. */
export function replacementFor(specifier: string): 'net' | 'tls' | undefined {
  if (specifier === 'net' || specifier === 'node:net') return 'net';
  if (specifier === 'tls' || specifier === 'node:tls') return 'tls';
  return undefined;
}

/** The answer, where it needs nothing of Node; else what Node is to be asked for. */
export function knownModule(specifier: string, context: Context, registry: Registry): Resolved | string {
  const target = specifier.startsWith('#') ? internal(specifier, context, registry) : specifier;
  if (typeof target !== 'string') return target;
  if (target === 'cloudflare:sockets') return ours('index', isImport(context));
  const name = replacementFor(target);
  const importer = name && fileOf(context.parentURL);
  if (!importer || !registry.replaced.has(importer)) return target;
  // Some loaders answer the require() of a CommonJS module as if it were an import. It takes nothing but CommonJS.
  return ours(name, isImport(context) && isModule(importer));
}

/** The answer for a module that a package has for Workers, given Node's. Undefined if that has to do. */
export function moduleOnWorkers(
  specifier: string,
  { conditions, parentURL }: Context,
  resolved: Resolved | undefined,
  { workers }: Registry,
): Resolved | undefined {
  const path = fileOf(resolved?.url);
  // If Node has none, the package may be for Workers alone.
  const importer = path ? undefined : fileOf(parentURL);
  const file = path
    ? workers.fileFor(specifier, path, conditions)
    : importer && workers.fileFrom(specifier, importer, conditions);
  return file ? fileAt(file) : undefined;
}

/** What a `load` hook answers for a file, given the answer of the others. */
export function loadedOnWorkers(url: string, loaded: Loaded, { workers }: Registry): Loaded {
  const file = fileOf(url);
  if (loaded.format !== 'commonjs' || !file || !workers.seesNavigator(file)) return loaded;
  const source = loaded.source ?? readFileSync(file);
  return { ...loaded, source: withNavigator(Buffer.from(source as Uint8Array).toString()) };
}

/** What `#internal` means in the importing module: a file, or the specifier of another module. */
function internal(specifier: string, context: Context, { workers }: Registry): Resolved | string {
  const importer = fileOf(context.parentURL);
  const target = (importer && workers.internal(specifier, importer, context.conditions)) || specifier;
  return isAbsolute(target) ? fileAt(target) : target;
}

function ours(name: string, isModule: boolean): Resolved {
  return { url: new URL(`./${name}.${isModule ? 'mjs' : 'cjs'}`, import.meta.url).href, shortCircuit: true };
}

function fileAt(path: string): Resolved {
  return { url: pathToFileURL(path).href, shortCircuit: true };
}

/** The path that a URL of a file stands for. */
export function fileOf(url: string | undefined): string | undefined {
  return url?.startsWith('file:') ? fileURLToPath(url) : undefined;
}

/** Whether a file is an ES module, by its name and the manifest next to it. */
function isModule(file: string): boolean {
  if (extname(file) !== '.js') return extname(file) === '.mjs';
  for (const directory of ancestors(dirname(file))) {
    const manifest = readManifest(directory);
    if (manifest) return manifest.type === 'module';
  }
  return false;
}

function isImport({ conditions }: Context): boolean {
  return [...conditions].includes('import');
}
