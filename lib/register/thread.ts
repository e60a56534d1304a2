/** What `module.register` loads on its thread: the module hooks of Node versions without `module.registerHooks`. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import {
  type Context,
  knownModule,
  type Loaded,
  loadedOnWorkers,
  moduleOnWorkers,
  type Next,
  type Resolved,
} from './modules.ts';
import { Registry, type Settings } from './registration.ts';

const registry = new Registry();
let port: MessagePort | undefined;

/** Takes the port over on which the thread that registers says what is registered. */
export function initialize(settings: MessagePort): void {
  port = settings;
}

/** The hook. */
export async function resolve(
  specifier: string,
  context: Context,
  nextResolve: Next<Promise<Resolved>>,
): Promise<Resolved> {
  update();
  const target = knownModule(specifier, context, registry);
  if (typeof target !== 'string') return target;
  if (!registry.workers.has(target)) return nextResolve(target, context);
  try {
    const resolved = await nextResolve(target, context);
    return moduleOnWorkers(target, context, resolved, registry) ?? resolved;
  } catch (error) {
    const found = moduleOnWorkers(target, context, undefined, registry);
    if (found) return found;
    throw error;
  }
}

/**
 * The hook for what goes past the CommonJS loader: if another hook gives the source of a CommonJS module, as those for TypeScript
 * do, what that module requires comes from the hooks as well.
 */
export async function load(
  url: string,
  context: object,
  nextLoad: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  return loadedOnWorkers(url, await nextLoad(url, context), registry);
}

/** Read here, not by an event: what was sent before a module is asked for has to be known when it is. */
function update(): void {
  for (;;) {
    const message = port && receiveMessageOnPort(port);
    if (!message) return;
    registry.set(message.message as Settings);
  }
}
