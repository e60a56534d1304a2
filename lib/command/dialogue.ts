/** What is said in plain text before TLS: lines or bytes, nothing read beyond what belongs to it, and a limit on the time. */

import type { Socket } from '../../index.d.ts';
import { Failure, printable, quoted } from './failure.ts';

/** More than any answer before StartTLS has. */
const most = 65_536;

export interface Terms {
  /** The protocol, for messages. */
  protocol: string;
  /** Milliseconds; 0: no limit. */
  limit: number;
  /** Is shown each line that is said. */
  trace(line: string): void;
}

export class Dialogue {
  readonly #socket: Socket;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array | string>;
  readonly #terms: Terms;
  readonly #timer: NodeJS.Timeout | undefined;
  #isLate = false;
  /** What has come, and is not taken yet. */
  #received = Buffer.alloc(0);
  /** Bytes that have come so far. */
  #total = 0;
  /** The beginning of all that the server has said. */
  #heard = Buffer.alloc(0);

  constructor(socket: Socket, terms: Terms) {
    this.#socket = socket;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter() as WritableStreamDefaultWriter<Uint8Array | string>;
    this.#terms = terms;
    if (terms.limit > 0) this.#timer = setTimeout(() => this.#beLate(), terms.limit);
  }

  async send(message: string | Uint8Array, shown = ''): Promise<void> {
    this.#terms.trace(`> ${typeof message === 'string' ? printable(message.trimEnd()) : shown}`);
    await this.#writer.write(message);
  }

  /** The next line, without its end. */
  async line(): Promise<string> {
    const text = await this.until(/^[^\n]*\n/);
    return text.replace(/\r?\n$/, '');
  }

  /** Text up to where a pattern matches. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#received.toString('latin1'));
      if (match !== null) {
        // A character is a byte so far; what is shown and looked at is UTF-8.
        const text = (await this.bytes(match.index + match[0].length)).toString();
        for (const line of text.trimEnd().split('\n')) this.#terms.trace(`< ${printable(line.trimEnd())}`);
        return text;
      }
      await this.#hear();
    }
  }

  async bytes(count: number): Promise<Buffer> {
    while (this.#received.length < count) await this.#hear();
    const bytes = this.#received.subarray(0, count);
    this.#received = this.#received.subarray(count);
    return bytes;
  }

  /** What has come, and is not taken yet. */
  get waiting(): Buffer {
    return this.#received;
  }

  /** More of it. */
  async #hear(): Promise<void> {
    const { value } = await this.#reader.read();
    if (value === undefined) throw this.#end();
    // Also in lines that never end to be continued.
    this.#total += value.length;
    const long = this.#received.length > most || this.#total > 4 * most;
    if (long) throw new Failure(`${this.#terms.protocol}: the answer is too long`);
    this.#received = Buffer.concat([this.#received, value]);
    this.#heard = Buffer.from(Buffer.concat([this.#heard, value]).subarray(0, 400));
    if (saysTls(this.#heard)) {
      throw new Failure(
        `the server speaks TLS from the first byte, not ${this.#terms.protocol} in plain text`,
      );
    }
  }

  /** Nothing may follow in plain text: it would pass for encrypted. */
  conclude(): void {
    if (this.#received.length === 0) return;
    const rest = quoted(this.#received.toString());
    throw new Failure(
      `${this.#terms.protocol}: the server, or somebody on the way, sent more in plain text after agreeing to TLS: ${rest}; it would pass for encrypted`,
    );
  }

  /** Ends the time limit and leaves the socket to whoever upgrades it. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#reader.releaseLock();
    this.#writer.releaseLock();
  }

  #beLate(): void {
    this.#isLate = true;
    // Not awaited: what is pending ends with it.
    void this.#socket.close();
  }

  #end(): Failure {
    const { protocol, limit } = this.#terms;
    const said =
      this.#heard.length > 0 ? `had said only ${quoted(this.#heard.toString())}` : 'had said nothing';
    if (this.#isLate) return new Failure(`${protocol}: the server ${said} after ${limit} ms`, 'ETIMEDOUT');
    return new Failure(`${protocol}: the server closed the connection and ${said}`);
  }
}

/** Whether bytes begin as those of TLS do: an alert, to what was no ClientHello, or a handshake. */
export function saysTls(bytes: Uint8Array): boolean {
  return (
    (bytes[0] === 0x15 || bytes[0] === 0x16) && bytes[1] === 3 && (bytes[2] ?? 0) <= 4 && bytes.length >= 5
  );
}
