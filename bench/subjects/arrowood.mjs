/** @arrowood.dev/socket: the other connect() for Node. It has no `opened`; what is written early waits. */
import { processClock } from '../clock.mjs';
import { streams } from '../idioms/streams.mjs';
import { nodeRunner, packageVersion } from '../machine.mjs';
import { performer } from '../workloads.mjs';

export const subjects = [
  {
    name: 'arrowood',
    says: '@arrowood.dev/socket',
    rank: 70,
    required: true,
    perNode: true,
    runs: ({ workload }) => workload !== 'pg',
    launch: (context) => nodeRunner('arrowood', context),
    version: () => packageVersion('../node_modules/@arrowood.dev/socket'),
    async load() {
      const { default: arrowood } = await import('@arrowood.dev/socket');
      const idiom = streams({
        connect: async ({ host, tls }, port) =>
          arrowood.connect({ hostname: host, port }, { secureTransport: tls ? 'on' : 'off' }),
        close: ({ socket }) => socket.close(),
      });
      return performer(idiom, processClock);
    },
  },
];
