/** Options of TCP that a duplex was given, perhaps before there was a connection. */

import { SocketError } from '../error.ts';
import type { Line } from './line.ts';

export class Tuning {
  #line: Line | undefined;
  #open = false;
  #referenced = true;
  #noDelay: boolean | undefined;
  #probes: { on: boolean; after: number | undefined } | undefined;
  #typeOfService: number | undefined;

  /** There is, or is going to be, a connection. */
  attach(line: Line): void {
    this.#line = line;
    line.referenced = this.#referenced;
  }

  /** It is open. */
  apply(): void {
    this.#open = true;
    const native = this.#line?.native;
    if (this.#noDelay !== undefined) native?.setNoDelay(this.#noDelay);
    if (this.#probes?.on) native?.setProbes(true, this.#probes.after);
    if (this.#typeOfService !== undefined) native?.typeOfService(this.#typeOfService);
  }

  /** Whether it keeps the process alive. */
  reference(on: boolean): void {
    this.#referenced = on;
    if (this.#line) this.#line.referenced = on;
    this.#line?.hold();
  }

  noDelay(on: boolean): void {
    this.#noDelay = on;
    if (this.#open) this.#line?.native?.setNoDelay(on);
  }

  /** @param delay Milliseconds before the first probe. Below a second: what the system does by default, as in node:net. */
  probes(on: boolean, delay: number): void {
    this.#probes = { on, after: delay >= 1000 ? Math.floor(delay / 1000) * 1000 : undefined };
    if (this.#open) this.#line?.native?.setProbes(on, this.#probes.after);
  }

  get typeOfService(): number {
    return (this.#open ? this.#line?.native?.typeOfService() : undefined) ?? this.#typeOfService ?? 0;
  }

  /** @throws {SocketError} ERR_OUT_OF_RANGE, ERR_INVALID_ARG_TYPE */
  setTypeOfService(value: unknown): void {
    if (typeof value !== 'number') {
      throw new SocketError(`the type of service must be a number, not ${typeof value}`, {
        code: 'ERR_INVALID_ARG_TYPE',
      });
    }
    if (!(Number.isInteger(value) && value >= 0 && value <= 255)) {
      throw new SocketError(`the type of service must be an integer from 0 to 255, not ${value}`, {
        code: 'ERR_OUT_OF_RANGE',
      });
    }
    this.#typeOfService = value;
    if (this.#open) this.#line?.native?.typeOfService(value);
  }
}
