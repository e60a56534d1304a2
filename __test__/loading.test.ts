/** What it takes to load the package. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';

// Neither are there such files on Windows, nor is there a choice of system libraries.
test.runIf(process.platform !== 'win32')(
  'it does not wait for a worker that is blocked in a call of the system',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'wintersock-loading-'));
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // The worker is blocked until somebody opens the other end, which happens after loading.
    const source = `
      import { once } from 'node:events';
      import { closeSync, openSync } from 'node:fs';
      import { Worker } from 'node:worker_threads';
      const worker = new Worker(
        \`require('worker_threads').parentPort.postMessage('here'); require('fs').openSync('${fifo}', 'r')\`,
        { eval: true, execArgv: [] },
      );
      await once(worker, 'message');
      await import('wintersock');
      console.log('loaded');
      closeSync(openSync('${fifo}', 'w'));`;
    try {
      const ended = await runNode(['--input-type=module', '-e', source], { deadline: 30_000 });
      expect(ended).toEqual({ code: 0, signal: null, stdout: 'loaded\n', stderr: '' });
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
  40_000,
);
