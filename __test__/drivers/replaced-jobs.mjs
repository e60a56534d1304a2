/**
 * What a user of a client does whose sockets cannot be chosen: `node replaced-jobs.mjs <client> <kind> <package>` runs all jobs of
 * <client>-jobs.mjs, one after the other, and prints a line of JSON for each: its name, and what the user got or what was thrown
 * at him. Ends by itself. The kind is `node`, or `replaced`: the package's node:net and node:tls are ours.
 */
import { Socket } from 'node:net';
import { printOutcomes } from './outcomes.mjs';

const kinds = {
  async node() {},

  async replaced(name) {
    const { register } = await import('wintersock/register');
    register({ replace: [name] });
    // The proof that nothing goes past it.
    Socket.prototype.connect = () => {
      throw new Error('the client used node:net');
    };
  },
};

const [client, kind, name] = process.argv.slice(2);
await kinds[kind](name);
const { jobs } = await import(`./${client}-jobs.mjs`);
await printOutcomes(jobs, undefined, withCode);

/** The first error below one that has a code: clients wrap what the socket said. */
function withCode(error) {
  const causes = [error];
  while (causes.at(-1).cause instanceof Error) causes.push(causes.at(-1).cause);
  return causes.find((cause) => cause.code !== undefined) ?? error;
}
