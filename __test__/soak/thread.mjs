/** A thread of the process under load that lives as long as it, or (`visits`) comes and goes with sockets at work. */
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { collect, read, settles } from './gauge.mjs';
import { Ground } from './ground.mjs';
import { Lanes } from './lanes.mjs';

const { places, rates, visits } = workerData;
const ground = new Ground(places);
if (visits) visit(visits);
else serve();

/** Says that it is there; has its lanes rest when it is told to, and tells then how it is. */
function serve() {
  const lanes = new Lanes(ground, rates);
  lanes.start();
  parentPort.on('message', async (word) => {
    if (word === 'go') return lanes.resume();
    await lanes.pause();
    await settles(() => ground.known === 0 && ground.alive === 0 && read().polls === 0);
    await collect();
    const { polls: handles } = read();
    parentPort.postMessage({ counts: lanes.counts, alive: ground.alive, known: ground.known, handles });
    if (word !== 'end') return;
    await lanes.stop();
    parentPort.close();
  });
  parentPort.postMessage('ready');
}

/** Brings sockets to work, says so, and ends in one of the ways that there are. @param {'terminate' | 'exit' | 'return'} way */
async function visit(way) {
  const { plain, tls, ports } = ground;
  const on = { secureTransport: 'on' };
  const sockets = [
    ground.web(plain.echo),
    ground.web(tls.echo, on),
    ground.web(ports.source),
    ground.web(ports.sourceTls, on),
    ground.web(ports.silent, on),
    ground.duplex(ports.source),
    ground.duplex(ports.sourceTls, on),
  ];
  await Promise.all(sockets.slice(0, 4).map(({ opened }) => opened));
  for (const socket of sockets.slice(2, 4)) {
    flood(socket.writable.getWriter()).catch(() => {});
    drain(socket.readable.getReader()).catch(() => {});
  }
  for (const duplex of sockets.slice(5))
    duplex
      .on('error', () => {})
      .resume()
      .write('go');
  parentPort.postMessage('at work');
  if (way === 'exit') process.exit();
  if (way === 'return') for (const socket of sockets) socket.unref();
}

async function drain(reader) {
  while (!(await reader.read()).done);
}

async function flood(writer) {
  for (;;) {
    await writer.write(new Uint8Array(10_000));
    await sleep(1, undefined, { ref: false });
  }
}
