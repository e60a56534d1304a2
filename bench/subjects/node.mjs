/** node:net and node:tls as they are: events. */
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import { processClock } from '../clock.mjs';
import { pgPerformer } from '../database.mjs';
import { events } from '../idioms/events.mjs';
import { nodeRunner } from '../machine.mjs';
import { performer } from '../workloads.mjs';

/**
 * Resolves when connected. With `resumed` one context and the first connection's session serve all connections, as
 * users can arrange it.
 * @param {import('../workloads.mjs').Job} job @param {number} port
 * @returns {Promise<import('node:net').Socket>}
 */
export async function connected(job, port) {
  if (!job.tls) {
    const socket = connectPlain(port, job.host);
    await once(socket, 'connect');
    return socket;
  }
  const socket = connectTls(port, job.host, job.resumed ? await kept(job, port) : {});
  await once(socket, 'secureConnect');
  return socket;
}

let keeping;

function kept(job, port) {
  keeping ??= (async () => {
    const secureContext = createSecureContext();
    const socket = connectTls(port, job.host, { secureContext });
    const [session] = await once(socket, 'session');
    socket.destroy();
    return { secureContext, session };
  })();
  return keeping;
}

export const subjects = [
  {
    name: 'node',
    says: 'node:net, node:tls',
    rank: 50,
    required: true,
    perNode: true,
    runs: () => true,
    launch: (context) => nodeRunner('node', context),
    version: () => '',
    async load() {
      const perform = performer(events(connected), processClock);
      return (job) => (job.workload === 'pg' ? pgPerformer(job, processClock, 'node:net') : perform(job));
    },
  },
];
