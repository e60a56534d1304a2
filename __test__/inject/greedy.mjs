/** A thread with open connections, and things on their way, that takes more memory than it may have. */
import { workerData } from 'node:worker_threads';
import { connect, createBinding } from 'wintersock';

const { places } = workerData;
const secure = createBinding({ ca: places.ca }).connect(`127.0.0.1:${places.tls}`, { secureTransport: 'on' });
const sockets = [connect(`127.0.0.1:${places.plain}`), secure];
for (const socket of sockets) {
  const writer = socket.writable.getWriter();
  await writer.write('send 65536\n');
  const reader = socket.readable.getReader();
  const read = () => reader.read().then(({ done }) => done || read());
  read();
}
/** @type {unknown[]} */
const kept = [];
setImmediate(function take() {
  for (let count = 0; count < 1000; count += 1)
    kept.push(Array.from({ length: 100 }, (_, index) => ({ index })));
  setImmediate(take);
});
