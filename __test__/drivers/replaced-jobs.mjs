/**
 * What a user of a client does whose sockets cannot be chosen: `node replaced-jobs.mjs <client> <kind> <package>` runs all jobs of
 * <client>-jobs.mjs, one after the other, and prints a line of JSON for each: its name, and what the user got or what was thrown
 * at him. Ends by itself. The kind is `node`, or `replaced`: the package's node:net and node:tls are ours.
 */
import { Socket } from 'node:net';

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

/** Milliseconds. A job that is late is named, where the deadline of the process would only say that something hangs. */
const patience = 30_000;

const [client, kind, name] = process.argv.slice(2);
await kinds[kind](name);
const { jobs } = await import(`./${client}-jobs.mjs`);
for (const [title, job] of Object.entries(jobs)) {
  console.log(JSON.stringify([title, await settled(job())]));
}

async function settled(work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(reject, patience, Object.assign(new Error('it hangs'), { code: 'LATE' }));
  });
  return Promise.race([work, late])
    .then(
      (value) => ({ value }),
      (error) => ({ error: described(error) }),
    )
    .finally(() => clearTimeout(timer));
}

/** Of the first error below it that has a code: clients wrap what the socket said. The message stays out of the comparison. */
function described(error) {
  const { name, message } = error;
  const causes = [error];
  while (causes.at(-1).cause instanceof Error) causes.push(causes.at(-1).cause);
  const { code, syscall, address, port } = causes.find((cause) => cause.code !== undefined) ?? error;
  return { name, code, syscall, address, port, message };
}
