/** What scenarios have in common. */
import { createBinding } from 'wintersock';

/**
 * @typedef {object} Scene
 * @property {import('./peers.mjs').Places} places
 * @property {<T>(name: string, promise: Promise<T>, codes?: readonly string[]) => Promise<T | undefined>} heard Notes how a promise settles. With `codes`,
 * it is to be rejected with one of these if nothing fails.
 * @property {(name: string, act: () => unknown) => unknown} tried The same of what may throw.
 * @property {(worker: Worker) => void} ends Ended with the scene.
 * @property {import('./trial.mjs').Plan | undefined} plan What fails.
 * @property {(passed: import('./trial.mjs').Passed) => void} elsewhere Adds what another process has passed.
 * @property {(point: string) => number} passed How often a point was passed.
 */

/** Asks for a line's worth of echo. @param {Scene} scene @param {import('wintersock').Socket} socket @param {string} [act] */
export async function talk({ heard }, socket, act = 'echo') {
  const writer = socket.writable.getWriter();
  const reader = socket.readable.getReader();
  heard('closed', socket.closed);
  await heard('opened', socket.opened);
  await heard('write', writer.write(`${act}\nhello`));
  await heard('read', reader.read());
  await heard('close', socket.close());
}

/** @param {Scene} scene @param {import('wintersock').Socket} socket @param {number} bytes */
export async function take({ heard }, socket, bytes) {
  const reader = socket.readable.getReader();
  let taken = 0;
  while (taken < bytes) {
    const answer = await heard('read', reader.read());
    if (answer === undefined || answer.done) break;
    taken += answer.value.length;
  }
  reader.releaseLock();
}

/** @param {Scene} scene @param {import('wintersock/node').Socket} duplex @param {() => Promise<unknown>} use */
export async function duplexed({ heard }, duplex, use) {
  const closed = new Promise((resolve, reject) => {
    /** @type {unknown} */
    let broken;
    duplex.on('error', (error) => {
      broken = error;
    });
    duplex.on('close', () => (broken === undefined ? resolve('closed') : reject(broken)));
  });
  const ended = heard('close event', closed);
  await Promise.race([use(), ended]);
  duplex.destroy();
  await ended;
}

/** @param {import('wintersock').BindingConfig} config @param {Scene} scene */
export function bound(config, { tried }) {
  return /** @type {import('wintersock').Binding | undefined} */ (
    tried('createBinding', () => createBinding(config))
  );
}
