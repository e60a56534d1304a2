/** `wintersock/register`: makes `cloudflare:sockets` resolve to this package. See register.d.ts. */
import * as nodeModule from 'node:module';
import { patchCommonJs } from './register/commonjs.ts';
import {
  type Context,
  moduleOnWorkers,
  type Next,
  type Resolved,
  socketsModule,
} from './register/modules.ts';
import { packagesOnWorkers } from './register/packages.ts';

const { WINTERSOCK_REGISTER: names = 'pg' } = process.env;
const packages = packagesOnWorkers(names);

function resolve(specifier: string, context: Context, nextResolve: Next<Resolved>): Resolved {
  const sockets = socketsModule(specifier, context);
  return sockets ?? moduleOnWorkers(specifier, context, nextResolve(specifier, context), packages);
}

patchCommonJs(packages);

// On the thread itself where Node can do that: 22.15, 23.5 and later.
const { registerHooks } = nodeModule as { registerHooks?: (hooks: { resolve: typeof resolve }) => void };
if (registerHooks) registerHooks({ resolve });
else nodeModule.register('./register-thread.mjs', import.meta.url, { data: names });
