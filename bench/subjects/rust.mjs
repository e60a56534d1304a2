/** No JavaScript at all: the limit of what the machine and the server allow. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { nodeRunner } from '../machine.mjs';
import { peerExecutable } from '../server.mjs';

const run = promisify(execFile);

export const subjects = [
  {
    name: 'rust',
    says: 'Rust without JavaScript',
    rank: 80,
    required: true,
    runs: ({ workload }) => workload !== 'pg',
    launch: (context) => nodeRunner('rust', { ...context, node: process.execPath }),
    version: () => '',
    load: async () => async (job) => {
      const { stdout } = await run(peerExecutable, ['client', JSON.stringify(job)]);
      return JSON.parse(stdout);
    },
  },
];
