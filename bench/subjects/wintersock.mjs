/** This package, in the ways there are to read. */
import { processClock } from '../clock.mjs';
import { pgPerformer } from '../database.mjs';
import { streams } from '../idioms/streams.mjs';
import { nodeRunner, packageVersion } from '../machine.mjs';
import { performer } from '../workloads.mjs';

/** @param {boolean} [byob] */
async function load(byob = false) {
  const { connect } = await import('wintersock');
  const idiom = streams({
    byob,
    async connect({ host, tls }, port) {
      const socket = connect({ hostname: host, port }, { secureTransport: tls ? 'on' : 'off' });
      await socket.opened;
      return socket;
    },
    close: ({ socket }) => socket.close(),
  });
  const perform = performer(idiom, processClock);
  return (job) => (job.workload === 'pg' ? pgPerformer(job, processClock, 'connect()') : perform(job));
}

const common = {
  required: true,
  perNode: true,
  version: () => packageVersion('..'),
};

export const subjects = [
  {
    ...common,
    name: 'wintersock',
    says: 'wintersock, default reader',
    rank: 10,
    runs: () => true,
    launch: (context) =>
      nodeRunner('wintersock', context, {
        // An unmodified pg finds connect() by it.
        args: context.row.workload === 'pg' ? ['--import', 'wintersock/register'] : [],
      }),
    load: () => load(),
  },
  {
    ...common,
    name: 'wintersock-byob',
    says: 'wintersock, BYOB reader',
    rank: 20,
    runs: ({ workload }) => workload === 'download',
    launch: (context) => nodeRunner('wintersock-byob', context),
    load: () => load(true),
  },
  {
    ...common,
    name: 'wintersock-ahead',
    says: 'wintersock, reading ahead on a thread of its own',
    rank: 30,
    runs: ({ workload, tls }) => workload === 'download' && tls,
    launch: (context) => nodeRunner('wintersock-ahead', context, { env: { WINTERSOCK_IO: 'ahead' } }),
    load: () => load(),
  },
  {
    ...common,
    name: 'wintersock-thread',
    says: 'wintersock, told by a thread of its own',
    rank: 40,
    detail: true,
    runs: ({ workload }) => workload !== 'pg',
    launch: (context) => nodeRunner('wintersock-thread', context, { env: { WINTERSOCK_IO: 'thread' } }),
    load: () => load(),
  },
];
