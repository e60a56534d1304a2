#!/usr/bin/env node
/** The command `wintersock`: the process around it. */

import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { run } from './command/run.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  // Once: whoever asks again does not want to wait.
  process.once(name, () => interruption.abort(128 + constants.signals[name]));
}

// What is risky about an option is said by the report, in its own words.
process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
  const { code, message } = warning;
  if (code !== 'WINTERSOCK_VERIFY_OFF') process.stderr.write(`warning      ${message}\n`);
});

const { stdin, stdout, stderr } = process;
const code = await run(process.argv.slice(2), {
  stdin,
  stdout,
  stderr,
  signal: interruption.signal,
  version,
});

// Whoever reads them gets all of it before the process ends; stdin that nobody reads any more would keep it alive.
await Promise.all(
  [stdout, stderr].map((stream) => new Promise<void>((resolve) => stream.write('', () => resolve()))),
);
process.exit(code);
