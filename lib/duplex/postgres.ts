/** The socket for PostgreSQL's clients: TLS as that server wants it, before the client notices anything. */

import type { SocketConstructorOptions, TlsOptions } from '../../node.d.ts';
import { SocketError, timeoutError } from '../error.ts';
import { PARTS } from './parts.ts';
import { readSecurity } from './security.ts';
import { Socket } from './socket.ts';

/** A length, and 80877103: what PostgreSQL is asked for TLS with. */
const request = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);
/** What it answers if it agrees: 'S'. */
const agreement = 0x53;

type Written = Parameters<Socket['write']>;

export class PostgresSocket extends Socket {
  readonly #options: SocketConstructorOptions & TlsOptions;
  /**
   * What was written too early, until the server has agreed. Not in the stream's own queue: what is there when TLS begins goes out in plain text.
   */
  #early: Written[] | undefined = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SocketConstructorOptions & TlsOptions = {}) {
    super(options);
    // What is wrong is told now. The name that is checked is known only later, unless it is among the options.
    readSecurity(options, 'localhost');
    this.#options = options;
  }

  override connect(...given: unknown[]): this {
    // Used again after it has closed: it asks again.
    if (this.destroyed) this.#early = [];
    return super.connect(...given);
  }

  override emit(event: string | symbol, ...values: unknown[]): boolean {
    if (!this.#early || (event !== 'connect' && event !== 'ready')) return super.emit(event, ...values);
    if (event === 'connect') this.#ask();
    return true;
  }

  #ask(): void {
    super.write(request);
    const { connectTimeout = 0 } = this[PARTS].host ?? {};
    if (connectTimeout === 0) return;
    const late = () =>
      this.destroy(timeoutError(this.#where, 'waiting for the server to agree to TLS', connectTimeout));
    this.#timer = setTimeout(late, connectTimeout).unref();
    this.once('close', () => clearTimeout(this.#timer));
  }

  /** Whom it asks. */
  get #where(): string {
    const { remoteAddress, remotePort, _host } = this;
    return remoteAddress === undefined ? (_host ?? 'the server') : `${remoteAddress}:${remotePort}`;
  }

  override write(...written: unknown[]): boolean {
    if (!this.#early) return super.write(...(written as Written));
    this.#early.push(written as Written);
    return true;
  }

  /** Before the server has agreed nobody knows of a connection, and what is ended with would go out in plain text. */
  override end(...given: unknown[]): this {
    if (!this.#early) return super.end(...(given as []));
    const listener = given.at(-1);
    if (typeof listener === 'function') this.once('close', listener as () => void);
    return this.destroy();
  }

  override push(chunk: Buffer | null): boolean {
    if (!this.#early || chunk === null) return super.push(chunk);
    // One byte and no more: the rest would be from somebody who wants it to be taken for what comes over TLS (CVE-2021-23222).
    if (chunk.length === 1 && chunk[0] === agreement) this.#agreed(this.#early);
    else this.destroy(this.#refused());
    return true;
  }

  #refused(): SocketError {
    const detail = `${this.#where} did not agree to TLS; set \`ssl = on\` in the server, or check that PostgreSQL listens at this port`;
    return new SocketError(detail, { code: 'ERR_TLS_PROTOCOL' });
  }

  #agreed(early: Written[]): void {
    this.#early = undefined;
    clearTimeout(this.#timer);
    try {
      this.startTls(this.#options);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    this.emit('connect');
    this.emit('ready');
    for (const written of early) this.write(...written);
  }
}
