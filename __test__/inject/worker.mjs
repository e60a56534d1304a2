/** A thread with open connections that ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';

const { places, how } = workerData;
try {
  const { connect } = await import('wintersock');
  // Listened to for the peer's end, and its peer has all: what comes next takes longer than that.
  const early = connect(`127.0.0.1:${places.plain}`);
  await early.writable.getWriter().write('late 5000\nx');
  await early.close();
  const sockets = ['127.0.0.1', 'localhost'].map((host) => connect(`${host}:${places.plain}`));
  const writers = sockets.map((socket) => socket.writable.getWriter());
  await Promise.all(writers.map((writer) => writer.write('late 5000\n')));
  await sleep(100);
  // What waits for the end of the turn, and what is under way.
  for (const writer of writers) writer.write('x').catch(() => {});
  connect(`localhost:${places.tls}`, { secureTransport: 'on' }).opened.catch(() => {});
  parentPort?.postMessage({});
  for (const socket of sockets)
    socket.readable
      .getReader()
      .read()
      .catch(() => {});
  if (how === 'exits') process.exit();
  if (how === 'throws')
    setImmediate(() => {
      throw new Error('the worker throws');
    });
} catch (error) {
  const { name, code, message } = /** @type {Error & { code?: string }} */ (error);
  parentPort?.postMessage({
    name,
    code,
    message,
    constructor: /** @type {object} */ (error).constructor.name,
  });
}
