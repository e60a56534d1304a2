/** node:net and node:tls through Node's own adapter to web streams. */
import { once } from 'node:events';
import { Duplex } from 'node:stream';
import { processClock } from '../clock.mjs';
import { streams } from '../idioms/streams.mjs';
import { nodeRunner } from '../machine.mjs';
import { performer } from '../workloads.mjs';
import { connected } from './node.mjs';

async function connect(job, port) {
  const socket = await connected(job, port);
  return { ...Duplex.toWeb(socket), socket };
}

async function close({
  socket: { socket, readable, writable },
  reader = readable.getReader(),
  writer = writable.getWriter(),
}) {
  const closed = once(socket, 'close');
  await writer.close();
  while (!(await reader.read()).done);
  await closed;
}

export const subjects = [
  {
    name: 'toweb',
    says: 'Duplex.toWeb',
    rank: 60,
    required: true,
    perNode: true,
    runs: ({ workload }) => workload !== 'pg',
    launch: (context) => nodeRunner('toweb', context),
    version: () => '',
    load: async () => performer(streams({ connect, close }), processClock),
  },
];
