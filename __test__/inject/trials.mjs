/** Runs trials, one after the other, in a process that is started anew after one that it did not survive. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Milliseconds for a trial, on the slowest machine. */
const DEADLINE = 120_000;

/** What would change whom connections trust, where I/O happens, or what a panic prints. */
const CLEARED =
  /^(NODE_EXTRA_CA_CERTS|NODE_OPTIONS|NODE_USE_SYSTEM_CA|SSL_CERT_\w+|SSLKEYLOGFILE|WINTERSOCK_\w+|RUST_BACKTRACE)$/;

export class Trials {
  #child;
  #printed = '';
  #options;
  #addon;

  /**
   * @param {{ root: string, addon: string }} variant @param {{ node: string, io: string, places: import('./peers.mjs').Places }} options
   */
  constructor(variant, options) {
    this.#options = { ...options, root: variant.root };
    this.#addon = variant.addon.slice(variant.root.length + 1);
  }

  /**
   * @param {import('./trial.mjs').Trial} trial
   * @param {{ fresh?: boolean }} [options] `fresh`: nothing has happened in its process before.
   * @returns {Promise<import('./trial.mjs').Result>} Rejects if the process does not survive it.
   */
  async run(trial, { fresh = false } = {}) {
    if (fresh) await this.end();
    this.#child ??= this.#start();
    const child = this.#child;
    const { promise, resolve } = Promise.withResolvers?.() ?? withResolvers();
    const died = (/** @type {number | null} */ code, /** @type {string | null} */ signal) =>
      resolve({ died: signal ?? code });
    const timer = setTimeout(resolve, DEADLINE, { died: 'nothing more, and was killed' });
    child.once('message', resolve).once('exit', died);
    child.send({ trial, places: this.#options.places });
    const result = await promise;
    clearTimeout(timer);
    child.off('message', resolve).off('exit', died);
    const printed = this.#printed;
    this.#printed = '';
    if ('died' in result) {
      await this.end();
      throw new Error(`the process ended with ${result.died}: ${printed}`);
    }
    if (printed !== '') result.uncaught.push(`it printed: ${printed}`);
    return result;
  }

  #start() {
    const { root, node, io } = this.#options;
    const inherited = Object.entries(process.env).filter(([name]) => !CLEARED.test(name));
    const child = fork(join(root, '__test__', 'inject', 'trial.mjs'), {
      cwd: root,
      execPath: node,
      execArgv: ['--expose-gc'],
      silent: true,
      env: { ...Object.fromEntries(inherited), WINTERSOCK_IO: io, WINTERSOCK_ADDON: this.#addon },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text) => {
        this.#printed += text;
      });
    }
    return child;
  }

  async end() {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
}

/** Node 20 has no Promise.withResolvers(). */
function withResolvers() {
  /** @type {(value: any) => void} */
  let resolve = () => {};
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
