/** The module hooks where Node runs them on the thread itself: 22.15, 23.5 and later. */
import * as nodeModule from 'node:module';
import {
  type Context,
  fileOf,
  knownModule,
  type Loaded,
  loadedOnWorkers,
  moduleOnWorkers,
  type Next,
  type Resolved,
} from './modules.ts';
import type { Registry } from './registration.ts';

interface Hooks {
  resolve?(specifier: string, context: Context, nextResolve: Next<Resolved>): Resolved;
  load?(url: string, context: object, nextLoad: (url: string, context: object) => Loaded): Loaded;
}

const { registerHooks } = nodeModule as {
  registerHooks?: (hooks: Hooks) => { deregister(): void };
};

/** Adds them. Returns whether Node can do that. */
export function addHooks(registry: Registry): boolean {
  if (!registerHooks) return false;
  /** Files of pg that were shown Workers. */
  const shown = new Set<string>();

  const resolve = (specifier: string, context: Context, nextResolve: Next<Resolved>): Resolved => {
    const target = knownModule(specifier, context, registry);
    if (typeof target !== 'string') return target;
    showWorkers(target);
    if (!registry.workers.has(target)) return nextResolve(target, context);
    let resolved: Resolved;
    try {
      resolved = nextResolve(target, context);
    } catch (error) {
      const found = moduleOnWorkers(target, context, undefined, registry);
      if (found) return found;
      throw error;
    }
    return moduleOnWorkers(target, context, resolved, registry) ?? resolved;
  };

  /**
   * Where another hook gives the sources of CommonJS modules, some versions (22.15 to 22.20, 24.0 to 24.9 at least) load what these
   * require past the CommonJS loader. It is seen by the URL in place of './stream'. A `load` hook from the start would make them
   * do so in every process.
   */
  const showWorkers = (specifier: string): void => {
    const file = specifier.endsWith('/stream.js') ? fileOf(specifier) : undefined;
    if (!file || shown.has(file) || !registry.workers.seesNavigator(file)) return;
    shown.add(file);
    const hook = registerHooks({
      load(url, context, nextLoad) {
        if (fileOf(url) !== file) return nextLoad(url, context);
        hook.deregister();
        // The others are not asked: those that run on a thread of their own answer what is refused here.
        return loadedOnWorkers(url, { format: 'commonjs', shortCircuit: true }, registry);
      },
    });
  };

  registerHooks({ resolve });
  return true;
}
