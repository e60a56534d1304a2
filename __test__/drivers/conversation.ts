import type { Socket, StartTlsOptions } from 'wintersock';

/** What an SMTP server answers: a code and one or several lines. */
export interface Reply {
  code: number;
  lines: string[];
}

/** SMTP's commands and replies over one socket. */
export class Conversation {
  readonly socket: Socket;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #writer: ReturnType<Socket['writable']['getWriter']>;
  #unread = '';

  constructor(socket: Socket) {
    this.socket = socket;
    this.#reader = socket.readable.getReader();
    this.#writer = socket.writable.getWriter();
  }

  /** The next reply. `220-a`, `220 b` is one reply of two lines. */
  async reply(): Promise<Reply> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.#line();
      lines.push(line.slice(4));
      if (line[3] !== '-') return { code: Number(line.slice(0, 3)), lines };
    }
  }

  async send(data: string): Promise<void> {
    await this.#writer.write(data);
  }

  async command(line: string): Promise<Reply> {
    await this.send(`${line}\r\n`);
    return this.reply();
  }

  /** The same conversation over TLS. What was read before is forgotten. */
  startTls(options: StartTlsOptions): Conversation {
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    return new Conversation(this.socket.startTls(options));
  }

  /** Reads up to the peer's end. */
  async end(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.#unread;
      this.#unread += Buffer.from(value).toString();
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#unread.indexOf('\r\n');
      if (end >= 0) {
        const line = this.#unread.slice(0, end);
        this.#unread = this.#unread.slice(end + 2);
        return line;
      }
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`the server ended the connection after ${JSON.stringify(this.#unread)}`);
      this.#unread += Buffer.from(value).toString();
    }
  }
}
