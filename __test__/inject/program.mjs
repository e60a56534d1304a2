/** A program in a process of its own, which is asked for one thing after the other. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { clearedEnvironment, slowness } from '../fixtures/environment.mjs';

/** Milliseconds for an answer, on the slowest machine. */
const DEADLINE = 120_000 * slowness;

export class Program {
  #child;
  #printed = '';

  /** @param {string} path @param {{ root: string, node?: string | undefined, args?: string[], env?: NodeJS.ProcessEnv }} options */
  constructor(path, { root, node = process.execPath, args = [], env = {} }) {
    this.#child = fork(path, {
      cwd: root,
      execPath: node,
      execArgv: args,
      silent: true,
      env: { ...clearedEnvironment(), ...env },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (text) => {
        this.#printed += text;
      });
    }
  }

  get pid() {
    return this.#child.pid;
  }

  /** What it has printed since this was asked for last. */
  get printed() {
    const printed = this.#printed;
    this.#printed = '';
    return printed;
  }

  /**
   * @param {object} question
   * @returns {Promise<any>} Rejects if it does not answer, or ends before.
   */
  ask(question) {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      /** @param {string} how */
      const lost = (how) => settle(() => reject(new Error(`the process ${how}: ${this.printed}`)));
      const answered = (/** @type {unknown} */ answer) => settle(() => resolve(answer));
      const ended = (/** @type {number | null} */ code, /** @type {string | null} */ signal) =>
        lost(`ended with ${signal ?? code}`);
      const timer = setTimeout(() => {
        lost('does not answer, and was killed');
        child.kill('SIGKILL');
      }, DEADLINE);
      const settle = (/** @type {() => void} */ act) => {
        clearTimeout(timer);
        child.off('message', answered).off('exit', ended);
        act();
      };
      child.on('message', answered).on('exit', ended);
      if (this.#ended) ended(child.exitCode, child.signalCode);
      else child.send(question);
    });
  }

  get #ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async end() {
    if (this.#ended) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
