/** Writes of a duplex that are not taken over wholly yet, oldest first. */

import { SocketError } from '../error.ts';

/** Told when a write is taken over, or that it will not be. */
export type Done = (error?: Error | null) => void;

export interface Pending {
  bytes: Uint8Array;
  /** So many of them are taken over. */
  offset: number;
  done: Done;
}

export class Writes {
  readonly #list: Pending[] = [];

  get length(): number {
    return this.#list.length;
  }

  get first(): Pending | undefined {
    return this.#list[0];
  }

  /** Bytes of the first that are taken over. */
  get partly(): number {
    return this.first?.offset ?? 0;
  }

  /** All their bytes. */
  get queued(): number {
    return this.#list.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  add(pending: Pending): void {
    this.#list.push(pending);
  }

  shift(): void {
    this.#list.shift();
  }

  /** Tells the writer of the first that it is done, so that its stream gives more; `later` is told what becomes of it. */
  release(later: Done): void {
    const { first } = this;
    if (first === undefined) return;
    const { done } = first;
    first.done = later;
    done();
  }

  /** Gives all of them up. */
  fail(): void {
    const error = new SocketError('the socket was destroyed before this was written', {
      code: 'ERR_STREAM_DESTROYED',
    });
    for (const { done } of this.#list.splice(0)) done(error);
  }
}
