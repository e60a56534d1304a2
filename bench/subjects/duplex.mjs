/** This package in the shape of net.Socket: wintersock/node. */
import { once } from 'node:events';
import { processClock } from '../clock.mjs';
import { pgPerformer } from '../database.mjs';
import { events } from '../idioms/events.mjs';
import { nodeRunner, packageVersion } from '../machine.mjs';
import { performer } from '../workloads.mjs';

async function load() {
  const { createConnection, PostgresSocket } = await import('wintersock/node');
  const perform = performer(
    events(async ({ host, tls }, port) => {
      const socket = createConnection({ host, port, secureTransport: tls ? 'on' : 'off' });
      await once(socket, tls ? 'secureConnect' : 'connect');
      return socket;
    }),
    processClock,
  );
  return (job) => (job.workload === 'pg' ? pg(job, createConnection, PostgresSocket) : perform(job));
}

/** An unmodified pg over its option `stream`, with TLS in Rust. */
function pg(job, createConnection, PostgresSocket) {
  const { ca } = job.database;
  const stream = () => (job.tls ? new PostgresSocket({ ca }) : createConnection());
  return pgPerformer(job, processClock, 'wintersock/node', { ssl: false, stream });
}

const common = { required: true, perNode: true, version: () => packageVersion('..') };

export const subjects = [
  {
    ...common,
    name: 'duplex',
    says: 'wintersock/node',
    rank: 15,
    runs: () => true,
    launch: (context) => nodeRunner('duplex', context),
    load,
  },
  {
    ...common,
    name: 'duplex-replaced',
    says: 'wintersock/node in place of node:net and node:tls',
    rank: 16,
    runs: ({ workload }) => workload === 'pg',
    launch: (context) =>
      nodeRunner('duplex-replaced', context, {
        args: ['--import', 'wintersock/register'],
        env: { WINTERSOCK_REGISTER: '', WINTERSOCK_REPLACE: 'pg' },
      }),
    load: async () => (job) => pgPerformer(job, processClock, 'wintersock/node'),
  },
];
