/**
 * Runs code written for Cloudflare Workers: with `node --import wintersock/register app.mjs`, the module
 * `cloudflare:sockets` is this package, for `import`, `import()` and `require()`, in worker threads too.
 *
 * Packages that have code for Workers do not use it on Node by themselves. Those named in the environment variable
 * `WINTERSOCK_REGISTER`, separated by commas, do; nothing changes for any other package:
 *
 * ```sh
 * node --import wintersock/register app.mjs                                  # pg, the default
 * WINTERSOCK_REGISTER=pg,postgres node --import wintersock/register app.mjs  # pg and postgres
 * WINTERSOCK_REGISTER= node --import wintersock/register app.mjs             # none
 * ```
 *
 * A package that is named gets the export condition `workerd`. `pg` looks for Workers in other ways as well and is
 * shown what it looks for. The variable is read once, when this module is loaded; a file given to `--import` can set
 * it before `await import('wintersock/register')`.
 *
 * Traps: packages that a bundler has put into the application, and modules that were loaded before, are not reached.
 * What a package has for Workers may differ in form: `postgres` has an ES module only, so it is
 * `require('postgres').default`, and from Node 20.19 on. Early versions of Node 22 and 24 (22.15, 24.0) load `pg`
 * past this registration while another package has a synchronous `load` hook: `pg` then keeps its own sockets.
 *
 * Types for `cloudflare:sockets`: `"types": ["wintersock/cloudflare-sockets"]` in tsconfig.json.
 */
export {};
