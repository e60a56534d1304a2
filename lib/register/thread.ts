/** What `module.register` loads on its thread: the module hooks of Node versions without `module.registerHooks`. */
import { readFileSync } from 'node:fs';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { type Context, fileOf, knownModule, moduleOnWorkers, type Next, type Resolved } from './modules.ts';
import { Registry, type Settings } from './registration.ts';
import { withNavigator } from './workers.ts';

/** What a `load` hook answers. Without a source, the CommonJS loader reads the file. */
interface Loaded {
  format?: string | null | undefined;
  source?: string | ArrayBuffer | Uint8Array | null | undefined;
}

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
  const loaded = await nextLoad(url, context);
  const file = fileOf(url);
  if (loaded.format !== 'commonjs' || !file || !registry.workers.seesNavigator(file)) return loaded;
  const source = loaded.source ?? readFileSync(file);
  return { ...loaded, source: withNavigator(Buffer.from(source as Uint8Array).toString()) };
}

/** Read here, not by an event: what was sent before a module is asked for has to be known when it is. */
function update(): void {
  for (;;) {
    const message = port && receiveMessageOnPort(port);
    if (!message) return;
    registry.set(message.message as Settings);
  }
}
