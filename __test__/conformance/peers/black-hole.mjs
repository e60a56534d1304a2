import net from 'node:net';
import { Worker } from 'node:worker_threads';

// Listens and then stops its thread: nothing is ever accepted, so the queue of the listener fills up.
const DEAF_LISTENER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const server = require('node:net').createServer();
  server.listen({ host: '127.0.0.1', port: 0, backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setTimeout(() => { Atomics.wait(new Int32Array(workerData), 0, 0); process.exit(); }, 20);
  });
`;

/** A port of this machine at which a connection attempt gets no answer at all: it stays in SYN-SENT. */
export class BlackHole {
  static async open() {
    const sleep = new SharedArrayBuffer(4);
    const worker = new Worker(DEAF_LISTENER, { eval: true, workerData: sleep });
    const port = await new Promise((resolve, reject) =>
      worker.once('message', resolve).once('error', reject),
    );
    const hole = new BlackHole();
    hole.port = port;
    hole.#sleep = sleep;
    hole.#worker = worker;
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (let unanswered = 0; unanswered < 2; ) {
      if (hole.#fillers.length > 64) throw new Error('this system queues connections without bound');
      unanswered = (await hole.#fill()) ? 0 : unanswered + 1;
    }
    return hole;
  }

  #fillers = [];
  #sleep;
  #worker;

  #fill() {
    const filler = net.connect({ host: '127.0.0.1', port: this.port });
    this.#fillers.push(filler);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), 150);
      filler.on('connect', () => {
        clearTimeout(timer);
        resolve(true);
      });
      filler.on('error', () => {});
    });
  }

  async close() {
    for (const filler of this.#fillers) filler.destroy();
    Atomics.store(new Int32Array(this.#sleep), 0, 1);
    Atomics.notify(new Int32Array(this.#sleep), 0);
    await this.#worker.terminate();
  }
}
