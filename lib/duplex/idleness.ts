/** setTimeout() of a duplex: tells when nothing has gone through for a while. Keeps no process alive. */

import { SocketError } from '../error.ts';

/** What a timer of Node's can wait at most. */
const LONGEST = 2 ** 31 - 1;

export class Idleness {
  #timer: NodeJS.Timeout | undefined;
  /** That of the socket whose connection this one has taken over: it is not idle either. */
  below: Idleness | undefined;

  /** Starts anew. @param progress What changes while something goes through unseen: bytes that the system has taken. */
  start(milliseconds: number, progress: () => number, late: () => void): void {
    this.stop();
    let before = progress();
    this.#timer = setTimeout(() => {
      const now = progress();
      if (now === before) {
        late();
        return;
      }
      before = now;
      this.#timer?.refresh();
    }, milliseconds).unref();
  }

  /** Something went through. */
  active(): void {
    this.#timer?.refresh();
    this.below?.active();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/**
 * Milliseconds, as node:net takes them.
 * @throws {SocketError} ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
 */
export function readMilliseconds(value: unknown): number {
  if (typeof value !== 'number') {
    throw new SocketError(`the timeout must be a number of milliseconds, not ${typeof value}`, {
      code: 'ERR_INVALID_ARG_TYPE',
    });
  }
  if (!(value >= 0 && Number.isFinite(value))) {
    throw new SocketError(`the timeout must be a number of milliseconds from 0 on, not ${value}`, {
      code: 'ERR_OUT_OF_RANGE',
    });
  }
  return Math.min(value, LONGEST);
}
