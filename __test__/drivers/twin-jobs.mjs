/**
 * What a user of a client does, over one kind of socket: `node twin-jobs.mjs <client> <kind>` runs all jobs of
 * <client>-jobs.mjs, one after the other, and prints a line of JSON for each: its name, and what the user got or
 * what was thrown at him. Ends by itself.
 *
 * A job gets `connect(options)`: TCP, or TLS from the start with `secureTransport: 'on'`. The options are those that
 * both kinds know.
 */
import { isIP, Socket, connect as tcp } from 'node:net';
import { connect as tls } from 'node:tls';
import { printOutcomes } from './outcomes.mjs';

const kinds = {
  async node() {
    return ({ secureTransport, ...options }) => {
      if (secureTransport !== 'on') return tcp(options);
      return tls({ ...(isIP(options.host) === 0 && { servername: options.host }), ...options });
    };
  },

  async wintersock() {
    const { createConnection } = await import('wintersock/node');
    // The proof that nothing goes past it.
    Socket.prototype.connect = () => {
      throw new Error('the client used node:net');
    };
    return createConnection;
  },
};

const [client, kind] = process.argv.slice(2);
const { jobs } = await import(`./${client}-jobs.mjs`);
await printOutcomes(jobs, await kinds[kind]());
