/** `import` and `import()`: what the `resolve` hook of `node:module` answers. */
import { fileURLToPath, pathToFileURL } from 'node:url';
import { fileOnWorkers, isOnWorkers } from './packages.ts';

/** What a `resolve` hook answers. */
export interface Resolved {
  url: string;
  format?: string | null | undefined;
  shortCircuit?: boolean | undefined;
}

/** What a `resolve` hook knows. */
export interface Context {
  /** An array, or, for `require()` on some versions of Node, a set. */
  conditions: Iterable<string>;
}

/** The rest of the chain of hooks. */
export type Next<Answer> = (specifier: string, context: Context) => Answer;

/** The answer for `cloudflare:sockets`. */
export function socketsModule(specifier: string, { conditions }: Context): Resolved | undefined {
  if (specifier !== 'cloudflare:sockets') return undefined;
  const file = [...conditions].includes('import') ? './index.mjs' : './index.cjs';
  return { url: new URL(file, import.meta.url).href, shortCircuit: true };
}

/** The answer for any other module, given Node's. */
export function moduleOnWorkers(
  specifier: string,
  { conditions }: Context,
  resolved: Resolved,
  packages: ReadonlySet<string>,
): Resolved {
  if (!isOnWorkers(specifier, packages)) return resolved;
  const file = fileOnWorkers(specifier, fileURLToPath(resolved.url), conditions);
  return file === undefined ? resolved : { url: pathToFileURL(file).href, shortCircuit: true };
}
