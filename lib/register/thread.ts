/** What `module.register` loads on its thread: the module hooks of Node versions without `module.registerHooks`. */
import { type Context, moduleOnWorkers, type Next, type Resolved, socketsModule } from './modules.ts';
import { packagesOnWorkers } from './packages.ts';

let packages: ReadonlySet<string> = new Set();

/** Takes the names over from the thread that registers. */
export function initialize(names: string): void {
  packages = packagesOnWorkers(names);
}

/** The hook. */
export async function resolve(
  specifier: string,
  context: Context,
  nextResolve: Next<Promise<Resolved>>,
): Promise<Resolved> {
  const sockets = socketsModule(specifier, context);
  return sockets ?? moduleOnWorkers(specifier, context, await nextResolve(specifier, context), packages);
}
