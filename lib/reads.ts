/** The reads of default readers: those that wait for an answer, and those that the stream has to answer. */

import type { ReadableStreamReadResult } from 'node:stream/web';
import { counted } from './deferred.ts';

export type Answer = ReadableStreamReadResult<Uint8Array<ArrayBuffer>>;

interface Request {
  resolve(answer: Answer): void;
  reject(reason: unknown): void;
}

export class Reads {
  #waiting: Request[] = [];
  #through = 0;
  #refilling = false;
  /** Whether the stream has answered one: by its first read it has to become "disturbed", which others look at. */
  disturbed = false;

  /** How many wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Adds one that waits. */
  add(): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
    });
  }

  /** Takes the first. */
  next(): Request | undefined {
    return this.#waiting.shift();
  }

  /** Takes all, so that each is answered once. */
  takeAll(): Request[] {
    const all = this.#waiting;
    if (all.length > 0) this.#waiting = [];
    return all;
  }

  /** Lets the stream answer one. */
  throughStream<T>(read: () => Promise<T>): Promise<T> {
    this.disturbed = true;
    this.#through += 1;
    return counted(read(), () => {
      this.#through -= 1;
    });
  }

  /** Whether there may be reads in the stream that have not been answered. */
  get inStream(): boolean {
    return this.#through > 0 || this.#refilling;
  }

  /**
   * The stream is given something. If others than our readers have asked for it, nobody counts their reads: for those that still
   * wait in it, the stream pulls again, some microtasks after the pull before.
   */
  async given(): Promise<void> {
    if (this.#through > 0) return;
    this.#refilling = true;
    for (let ticks = 0; ticks < 4; ticks += 1) await undefined;
    this.#refilling = false;
  }
}

/** Answers reads whose stream is over: done, or with the error if there is one. */
export function settle(requests: readonly Request[], state: { error?: unknown }): void {
  for (const { resolve, reject } of requests) {
    if ('error' in state) reject(state.error);
    else resolve({ value: undefined, done: true });
  }
}
