/** `wintersock/register`: makes `cloudflare:sockets` resolve to this package. See register.d.ts. */
import { register as registerThread } from 'node:module';
import { dirname } from 'node:path';
import {
  getEnvironmentData,
  MessageChannel,
  type MessagePort,
  setEnvironmentData,
} from 'node:worker_threads';
import type * as wintersock from '../index.d.ts';
import type { RegisterOptions, Registration } from '../register.d.ts';
import { patchCommonJs, requireOurs } from './register/commonjs.ts';
import { addHooks } from './register/hooks.ts';
import { changed, InvalidOption, Registry, registrationOf } from './register/registration.ts';

/** Under this, a thread finds what the thread that started it had registered. */
const INHERITED = 'wintersock/register';

const registry = new Registry();
const hooks = installHooks();
let present = explaining(() => inherited() ?? registrationOf(process.env));
announce();

/** See register.d.ts. */
export function register(options: RegisterOptions = {}): Registration {
  present = explaining(() => changed(present, options));
  setEnvironmentData(INHERITED, present as never);
  announce();
  return present;
}

function inherited(): Registration | undefined {
  return getEnvironmentData(INHERITED) as unknown as Registration | undefined;
}

function announce(): void {
  const script = process.argv[1];
  const settings = { ...present, places: [process.cwd(), ...(script ? [dirname(script)] : [])] };
  registry.set(settings);
  hooks?.postMessage(settings);
}

/** Installs them. If they run on a thread of their own, returns the port on which they are told what is registered. */
function installHooks(): MessagePort | undefined {
  patchCommonJs(registry);
  if (addHooks(registry)) return undefined;
  const { port1, port2 } = new MessageChannel();
  registerThread('./register-thread.mjs', import.meta.url, { data: port2, transferList: [port2] });
  return port1;
}

/** Its class is that of the package, which is loaded only if there is something to say. */
function explaining<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (error) {
    if (!(error instanceof InvalidOption)) throw error;
    const { SocketError } = requireOurs('index.cjs') as typeof wintersock;
    throw new SocketError(`invalid option: ${error.message}`, { code: 'ERR_INVALID_OPTION' });
  }
}
