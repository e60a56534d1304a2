/**
 * Closes a connection whose other side stays open: `node --import ./host.mjs closed.mjs <address>`. Prints how many sockets are left of
 * it, as soon as there are none, or after a while.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'wintersock';
import { openSockets } from '../fixtures/descriptors.mjs';

const before = openSockets();
const socket = connect(process.argv[2], { allowHalfOpen: true });
await socket.opened;
const left = () => openSockets() - before;
if (process.platform === 'linux' && left() === 0) throw new Error('nothing was open');
await socket.writable.getWriter().write('bye');
await socket.close();
for (const deadline = performance.now() + 10_000; left() > 0 && performance.now() < deadline; )
  await sleep(20);
console.log(left());
