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

/** Milliseconds. A job that is late is named, where the deadline of the process would only say that something hangs. */
const patience = 30_000;

const [client, kind] = process.argv.slice(2);
const { jobs } = await import(`./${client}-jobs.mjs`);
const connect = await kinds[kind]();
for (const [name, job] of Object.entries(jobs)) {
  const outcome = await settled(job(connect));
  console.log(JSON.stringify([name, outcome]));
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

/** The message stays out of the comparison: ours say more than those of node:net. */
function described(error) {
  const { code, syscall, address, port } = error;
  return { name: error.name, code, syscall, address, port, message: error.message };
}
