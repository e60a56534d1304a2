/**
 * Types of the module `cloudflare:sockets`, which `wintersock/register` provides. Either of
 *
 * - tsconfig.json: `"types": ["node", "wintersock/cloudflare-sockets"]`
 * - in a file: `/// <reference types="wintersock/cloudflare-sockets" />`
 *
 * Not together with `@cloudflare/workers-types`, which declares the module as well.
 */
declare module 'cloudflare:sockets' {
  export { connect } from 'wintersock';
}
