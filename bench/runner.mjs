/**
 * The process of a subject: `runner.mjs <subject>`. Says that it is ready, then answers each line of standard input,
 * a job, with a line of standard output. Ends with standard input.
 */
import process from 'node:process';
import { createInterface } from 'node:readline';
import { findSubject } from './subjects.mjs';

const { name, load } = await findSubject(process.argv[2]);
const perform = await load();
say({ ready: name });
// Also in the middle of a job: who asked has gone.
process.stdin.once('end', () => process.exit());
for await (const line of createInterface({ input: process.stdin })) {
  say(await answer(JSON.parse(line)));
}

async function answer(job) {
  try {
    return await perform(job);
  } catch (error) {
    return { error: error?.stack ?? String(error) };
  }
}

function say(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
