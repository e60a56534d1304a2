/**
 * Runs code written for Cloudflare Workers: with `node --import wintersock/register app.mjs`, the module
 * `cloudflare:sockets` is this package, for `import`, `import()` and `require()`, in worker threads too.
 *
 * Packages that have code for Workers do not use it on Node by themselves. Those named in the environment variable
 * `WINTERSOCK_REGISTER`, separated by commas, do. Packages that use `node:net` or `node:tls` and have no option for another
 * socket get modules of ours in place of these if they are named in `WINTERSOCK_REPLACE`. Nothing changes for any other
 * package, nor for the application:
 *
 * ```sh
 * node --import wintersock/register app.mjs                                  # pg, the default
 * WINTERSOCK_REGISTER=pg,postgres node --import wintersock/register app.mjs  # pg and postgres
 * WINTERSOCK_REGISTER= node --import wintersock/register app.mjs             # none
 * WINTERSOCK_REPLACE=redis,mongodb node --import wintersock/register app.mjs # pg, and the sockets of redis and mongodb
 * ```
 *
 * The variables are read once, when this module is loaded; {@link register} says the same in code.
 *
 * A package that is named in `WINTERSOCK_REGISTER` gets the export condition `workerd`. `pg` looks for Workers in other
 * ways as well and is shown what it looks for.
 *
 * Traps: packages that a bundler has put into the application, and modules that were loaded before, are not reached.
 * What a package has for Workers may differ in form: `postgres` has an ES module only, so it is
 * `require('postgres').default`, and from Node 20.19 on.
 *
 * With TypeScript, vitest and single packages: docs/alias.md. Types for `cloudflare:sockets`:
 * `"types": ["wintersock/cloudflare-sockets"]` in tsconfig.json.
 */

/** Names of packages. A single name goes into an array, too. */
export type Names = readonly string[] | ReadonlySet<string>;

/** What {@link register} is given. A member that is left out leaves what there is. */
export interface RegisterOptions {
  /** Packages that use their code for Workers, in place of those of `WINTERSOCK_REGISTER`. Default: `['pg']`. */
  workers?: Names | undefined;
  /**
   * Packages whose `node:net` and `node:tls` are ours, in place of those of `WINTERSOCK_REPLACE`. The packages in their
   * `dependencies` are meant as well, and so on. Default: none.
   */
  replace?: Names | undefined;
}

/** What is registered. */
export interface Registration {
  readonly workers: readonly string[];
  readonly replace: readonly string[];
}

/**
 * Registers packages, by the names under which they are installed, for all modules that this thread, and threads that it starts
 * later, load from then on. In the application call it before the packages are loaded, which is before `await import()`:
 * a static `import` is carried out first.
 *
 * ```js
 * import { register } from 'wintersock/register';
 * register({ workers: ['postgres'], replace: ['redis'] });
 * const { createClient } = await import('redis');
 * ```
 *
 * May be called again: what is given replaces what there was, and a package that was in the other member leaves it.
 *
 * @returns What is registered now, so that one more can be added to it.
 * @throws {SocketError} ERR_INVALID_OPTION if a member is unknown, something is not the name of a package, or one is named twice.
 */
export declare function register(options?: RegisterOptions): Registration;
