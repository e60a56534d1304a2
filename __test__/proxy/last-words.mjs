/**
 * Writes and exits at once: `node --import ./host.mjs last-words.mjs <address> <how>`. `how`: `exit` calls process.exit() when the last
 * write has been taken, `staged` in the turn of the last writes, `end` ends by itself after closing, `unref` without; `full` writes
 * until no more is taken, and says how many chunks that were when it exits. `worker`: as `exit`, in a worker.
 */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, Worker } from 'node:worker_threads';
import { connect } from 'wintersock';

const [address, how] = process.argv.slice(2);
if (how === 'worker' && isMainThread) {
  const worker = new Worker(new URL(import.meta.url), { argv: process.argv.slice(2) });
  await new Promise((resolve) => worker.once('exit', resolve));
  process.exit();
}
const socket = connect(address);
await socket.opened;
const writer = socket.writable.getWriter();
const chunk = (index, length = 16_384) => new Uint8Array(length).fill(index);

if (how === 'full') {
  writeSync(1, 'opened\n');
  await sleep(0);
  for (let index = 0; ; index += 1) {
    const taken = writer.write(chunk(index)).then(() => true);
    if (await Promise.race([taken, sleep(300)])) continue;
    writeSync(1, `${index}\n`);
    process.exit();
  }
}
for (let index = 0; index < 64; index += 1) await writer.write(chunk(index));
const last = [];
for (let index = 64; index < 72; index += 1) last.push(writer.write(chunk(index, 1024)));
if (how === 'staged') process.exit();
await Promise.all(last);
if (how === 'exit' || how === 'worker') process.exit();
if (how === 'end') await writer.close();
if (how === 'unref') socket.unref();
