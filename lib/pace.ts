/** How much a writer may write at once, before the event loop has to go round. */

import { turn } from './binding.ts';
import { Deferred } from './deferred.ts';

/**
 * So much is taken without a turn of the event loop; then a write resolves a turn later. A peer that reads as fast as is
 * written would starve timers and everybody else. Each write counts as its bytes and as much as it costs besides.
 */
const STREAK = 2 ** 21;
const WRITE_COST = 2048;

const settled = Promise.resolve();

export class Pace {
  /** Bytes taken since the last microtask. A stream would count them until then. */
  fresh = 0;
  readonly #stale = () => {
    this.fresh = 0;
  };
  #streak = 0;
  #turn = 0;
  #pause: Deferred<void> | undefined;

  /** Counts a write that was taken at once. Whether the loop has to go round first. */
  count(length: number): boolean {
    if (this.#turn !== turn) {
      this.#turn = turn;
      this.#streak = 0;
    }
    this.#streak += WRITE_COST + length;
    return this.#streak > STREAK;
  }

  /** The same for one that has not gone through the stream. */
  countFresh(length: number): boolean {
    if (this.fresh === 0) settled.then(this.#stale);
    this.fresh += length;
    return this.count(length);
  }

  /** While the loop has to go round: what ends that. */
  get pause(): Promise<void> | undefined {
    return this.#pause?.promise;
  }

  /** Whether this begins a pause. */
  begin(): boolean {
    if (this.#pause !== undefined) return false;
    this.#pause = new Deferred();
    return true;
  }

  /** Whether this ends a pause. */
  end(): boolean {
    this.#streak = 0;
    if (this.#pause === undefined) return false;
    this.#pause.resolve();
    this.#pause = undefined;
    return true;
  }
}
