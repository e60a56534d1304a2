/** `wintersock/register`: makes `cloudflare:sockets` resolve to this package. See register.d.ts. */
import * as nodeModule from 'node:module';
import { patchCommonJs } from './register/commonjs.ts';
import { loadHook, resolveHook } from './register/hooks.ts';
import { PG_SOCKETS, packagesOnWorkers } from './register/packages.ts';

const { WINTERSOCK_REGISTER: names = 'pg' } = process.env;
const packages = packagesOnWorkers(names);

// Node 22.15, 23.5 and later: one interface for import, import() and require(), on the thread itself.
const { registerHooks } = nodeModule as { registerHooks?: (hooks: object) => void };

if (registerHooks) {
  const load = packages.has(PG_SOCKETS) ? { load: loadHook } : {};
  registerHooks({ resolve: resolveHook(packages), ...load });
} else {
  nodeModule.register('./register-thread.mjs', import.meta.url, { data: names });
  patchCommonJs(packages);
}
