/** The ways by which a driver reaches a socket, and what each is compared with. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * @typedef {object} Way
 * @property {string} id
 * @property {string} title In the table.
 * @property {string} [against] The way that it is compared with: the same code of the driver, over node:net.
 * @property {string[]} [args] Arguments of Node.
 * @property {(name: string) => Record<string, string>} [env] Given the driver's name.
 * @property {string} [sockets] Where its `cloudflare:sockets` comes from, if not from wintersock.
 * @property {string} [stream] For the driver's option: a module that exports `createConnection` and `Socket`.
 * @property {boolean} [verifies] TLS is verified whatever the options say, so the authority has to be trusted.
 */

const onWorkers = (name) => ({ WINTERSOCK_REGISTER: name });

/**
 * @param {string} build The directory of the package's build: dist/, or a copy of it.
 * @returns {readonly Way[]}
 */
export function waysWith(build) {
  const args = ['--import', pathToFileURL(join(build, 'register.mjs')).href];
  return [
    { id: 'net', title: 'node:net' },
    {
      id: 'workers',
      title: 'code for Workers, node:net',
      args,
      env: onWorkers,
      sockets: new URL('workers-on-node.mjs', import.meta.url).href,
      verifies: true,
    },
    {
      id: 'alias',
      title: 'code for Workers, alias',
      against: 'workers',
      args,
      env: onWorkers,
      verifies: true,
    },
    { id: 'option', title: 'option, node:net', stream: 'node:net' },
    { id: 'duplex', title: 'option, Duplex', against: 'option', stream: join(build, 'node.cjs') },
    {
      id: 'shim',
      title: 'shim',
      against: 'net',
      args,
      env: (name) => ({ WINTERSOCK_REGISTER: '', WINTERSOCK_REPLACE: name }),
    },
  ];
}

/** The ids of all. */
export const wayIds = waysWith('').map(({ id }) => id);
