/** What net.Socket has besides its life: properties, and options of TCP. */

import type { AddressInfo } from 'node:net';
import { closedError } from '../error.ts';
import { followEnd, isOfTls } from './half-open.ts';
import { readMilliseconds } from './idleness.ts';
import { Life } from './life.ts';
import { PARTS } from './parts.ts';

export abstract class TcpSocket extends Life {
  autoSelectFamilyAttemptedAddresses: string[] = [];

  get pending(): boolean {
    return this[PARTS].line === undefined || this.connecting || this.destroyed;
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening';
    if (this.readable) return this.writable ? 'open' : 'readOnly';
    return this.writable ? 'writeOnly' : 'closed';
  }

  get bytesRead(): number {
    return this[PARTS].line?.bytesRead ?? 0;
  }

  /** With what is buffered. */
  get bytesWritten(): number {
    const { line } = this[PARTS];
    return (line ? line.sent - line.writes.partly : 0) + this.writableLength;
  }

  get bufferSize(): number {
    return this.writableLength;
  }

  get localAddress(): string | undefined {
    return this[PARTS].local?.address;
  }

  get localPort(): number | undefined {
    return this[PARTS].local?.port;
  }

  get localFamily(): string | undefined {
    return this[PARTS].local?.family;
  }

  get remoteAddress(): string | undefined {
    return this[PARTS].remote?.address;
  }

  get remotePort(): number | undefined {
    return this[PARTS].remote?.port;
  }

  get remoteFamily(): string | undefined {
    return this[PARTS].remote?.family;
  }

  address(): AddressInfo | Record<string, never> {
    const { local } = this[PARTS];
    return local ? { ...local } : {};
  }

  setTimeout(milliseconds: number, listener?: () => void): this {
    if (this.destroyed) return this;
    const time = readMilliseconds(milliseconds);
    this.timeout = milliseconds;
    const { idleness } = this[PARTS];
    if (time === 0) {
      idleness.stop();
      if (listener) this.removeListener('timeout', listener);
      return this;
    }
    if (listener) this.once('timeout', listener);
    idleness.start(
      time,
      () => this[PARTS].line?.sent ?? 0,
      () => this.emit('timeout'),
    );
    return this;
  }

  setNoDelay(on = true): this {
    this[PARTS].tuning.noDelay(Boolean(on));
    return this;
  }

  setKeepAlive(on = false, initialDelay = 0): this {
    this[PARTS].tuning.probes(Boolean(on), Number(initialDelay) || 0);
    return this;
  }

  setTypeOfService(value: number): this {
    this[PARTS].tuning.setTypeOfService(value);
    return this;
  }

  getTypeOfService(): number {
    return this[PARTS].tuning.typeOfService;
  }

  ref(): this {
    this[PARTS].tuning.reference(true);
    return this;
  }

  unref(): this {
    this[PARTS].tuning.reference(false);
    return this;
  }

  /** But for ours, and those by which node:tls reads when it is over this: over a net.Socket it needs none, so drivers remove all. */
  override removeAllListeners(event?: string | symbol): this {
    const kept = ['data', 'end'].flatMap((name) => {
      if (event !== undefined && event !== name) return [];
      return this.rawListeners(name)
        .filter((one) => (one as { listener?: unknown }).listener === followEnd || isOfTls(one))
        .map((listener) => ({ name, listener }));
    });
    // With `undefined` as an argument it removes nothing.
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    for (const { name, listener } of kept) this.on(name, listener as () => void);
    return this;
  }

  destroySoon(): void {
    // First: what is to be done at the end may be done at once.
    this[PARTS].leaving = 'soon';
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
  }

  resetAndDestroy(): this {
    this[PARTS].leaving = 'reset';
    const idle = this[PARTS].line === undefined;
    return this.destroy(idle ? closedError('the socket is not connected') : undefined);
  }
}
