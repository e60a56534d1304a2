/**
 * Writes and exits at once: `node --import ./host.mjs last-words.mjs <address> <how> <kilobytes>`. `how`: `exit` calls process.exit() when
 * the last write has been taken, `staged` in the turn of the last writes, `end` ends by itself after closing, `unref` without.
 */
import { connect } from 'wintersock';

const [address, how, kilobytes] = process.argv.slice(2);
const socket = connect(address);
await socket.opened;
const writer = socket.writable.getWriter();
const chunk = (index) => new Uint8Array(1024).fill(index % 251);
for (let index = 0; index < Number(kilobytes) - 8; index += 1) await writer.write(chunk(index));
const last = [];
for (let index = Number(kilobytes) - 8; index < Number(kilobytes); index += 1)
  last.push(writer.write(chunk(index)));
if (how === 'staged') process.exit();
await Promise.all(last);
if (how === 'exit') process.exit();
if (how === 'end') await writer.close();
if (how === 'unref') socket.unref();
