/** What is wrong with a configuration: all of it is found, and told together. */

import { SocketError } from '../error.ts';
import { invalid } from '../options.ts';

/** So many are written out. More than that are one mistake, made often. */
const TOLD = 20;

export class Mistakes {
  readonly #errors: SocketError[] = [];

  /** @param what What is wrong and what to do, beginning with the name of the member. */
  add(what: string): void {
    this.#errors.push(invalid(what));
  }

  /** What `make` returns; if it throws a SocketError that is a mistake, too. */
  collect<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof SocketError) || error.code === 'ERR_INTERNAL') throw error;
      this.#errors.push(error);
      return undefined;
    }
  }

  /** @throws {SocketError} The only mistake there is; ERR_INVALID_OPTION with a list of them, if there are several. */
  raise(): void {
    const [first, ...others] = this.#errors;
    if (first === undefined) return;
    if (others.length === 0) throw first;
    const lines = this.#errors
      .slice(0, TOLD)
      .map(({ message }) => `\n- ${message.replace(/^SocketError: (?:invalid option: )?/, '')}`);
    const rest = this.#errors.length - lines.length;
    throw new SocketError(
      `${this.#errors.length} invalid options:${lines.join('')}${rest > 0 ? `\n- and ${rest} more` : ''}`,
      { code: 'ERR_INVALID_OPTION' },
    );
  }
}
