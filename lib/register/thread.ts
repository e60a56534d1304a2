/** What `module.register` loads on its thread: the module hooks of Node versions without `module.registerHooks`. */
import { resolveHook } from './hooks.ts';
import { packagesOnWorkers } from './packages.ts';

let hook = resolveHook(new Set());

/** Takes the names over from the thread that registers. */
export function initialize(names: string): void {
  hook = resolveHook(packagesOnWorkers(names));
}

/** See `resolveHook`. */
export const resolve: typeof hook = (specifier, context, nextResolve) =>
  hook(specifier, context, nextResolve);
