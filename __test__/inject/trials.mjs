/** Runs trials, one after the other, in a process that is started anew after one that it did not survive. */
import { join } from 'node:path';
import { Program } from './program.mjs';

export class Trials {
  /** @type {Program | undefined} */
  #program;
  #path;
  #options;
  #places;

  /**
   * @param {{ root: string, addon: string }} variant @param {{ node: string, io: string, places: import('./peers.mjs').Places }} options
   */
  constructor({ root, addon }, { node, io, places }) {
    this.#path = join(root, '__test__', 'inject', 'trial.mjs');
    const env = { WINTERSOCK_IO: io, WINTERSOCK_ADDON: addon.slice(root.length + 1) };
    this.#options = { root, node, args: ['--expose-gc'], env };
    this.#places = places;
  }

  /**
   * @param {import('./trial.mjs').Trial} trial
   * @param {{ fresh?: boolean }} [options] `fresh`: nothing has happened in its process before.
   * @returns {Promise<import('./trial.mjs').Result>} Rejects if the process does not survive it.
   */
  async run(trial, { fresh = false } = {}) {
    if (fresh) await this.end();
    this.#program ??= new Program(this.#path, this.#options);
    const program = this.#program;
    try {
      const result = await program.ask({ trial, places: this.#places });
      const { printed } = program;
      if (printed !== '') result.uncaught.push(`it printed: ${printed}`);
      return result;
    } catch (error) {
      await this.end();
      throw error;
    }
  }

  async end() {
    await this.#program?.end();
    this.#program = undefined;
  }
}
