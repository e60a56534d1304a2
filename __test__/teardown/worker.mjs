/** A worker of the process under test: does what its plan says, says so, and ends when told to, or is ended. */
import { parentPort, workerData } from 'node:worker_threads';
import { endings } from './endings.mjs';
import { programs } from './programs.mjs';

const { where, plan } = workerData;
const ready = () => parentPort.postMessage('ready');
const sockets = await programs[plan.program](where, plan, ready);
if (plan.atOnce) {
  endings[plan.ending](sockets);
} else {
  parentPort.once('message', () => endings[plan.ending](sockets));
  ready();
}
