/** What the steps of a sequence do with a real socket and its peer. */
import { Bytes, formed } from './bytes.mjs';
import { patternAt } from './pattern.mjs';

/** @typedef {import('./sequences.mjs').Step} Step @typedef {import('./peer.mjs').Line} Line */

/** Chunks that are none. */
const invalid = {
  number: () => 7,
  object: () => ({}),
  null: () => null,
  undefined: () => undefined,
  negative: () => ({ byteLength: -1 }),
  nan: () => ({ byteLength: Number.NaN }),
  detached: () => {
    const bytes = new Uint8Array(10);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    return bytes;
  },
};

const reasons = {
  error: (name) => Object.assign(new Error(name), { code: name }),
  null: () => null,
  text: (name) => name,
};

export class Actions extends Bytes {
  readers = /** @type {any[]} */ ([]);
  writers = /** @type {any[]} */ ([]);
  #named = 0;

  /** A reason, and its word. @param {string} which @param {string} none The word if there is none. */
  #reason(which, none) {
    if (which === 'none') return { reason: undefined, word: none };
    this.#named += 1;
    const name = `REASON_${this.#named}`;
    const reason = reasons[which](name);
    return { reason, word: which === 'error' ? name : `(${String(reason)})` };
  }

  /** A reader of that kind, if there may be one. @param {number} on @param {'byob' | undefined} mode */
  #reader(on, mode) {
    // Of the platform's: behind a BYOB read that was let go another one waits for ever.
    if (this.consumed[on] || (mode === 'byob' && this.did.has(`let go ${on}`))) return undefined;
    const held = this.readers[on];
    if (held && held.mode === mode) return held.reader;
    if (held) this.userActions.release(on, { do: 'release' });
    let reader;
    try {
      reader = this.sockets[on].readable.getReader(mode && { mode });
    } catch (error) {
      this.faults.push(`getReader() throws ${error}`);
      return undefined;
    }
    this.readers[on] = { reader, mode };
    this.track('readerClosed', on, reader.closed);
    return reader;
  }

  #writer(on) {
    if (this.writers[on]) return this.writers[on] === 'piped' ? undefined : this.writers[on];
    const writer = this.sockets[on].writable.getWriter();
    this.writers[on] = writer;
    this.track('writerClosed', on, writer.closed);
    return writer;
  }

  /** A read that is counted. @param {number} on @param {Promise<any>} read */
  #read(on, read) {
    const place = this.place(on);
    const counted = read.then(
      (answer) => {
        place(answer.done ? [] : [answer.value], true);
        return answer;
      },
      (error) => {
        place([], true);
        throw error;
      },
    );
    this.track('read', on, counted);
    return counted;
  }

  async #drain(on, reader) {
    while (this.readers[on]?.reader === reader) {
      const { done } = await this.#read(on, reader.read());
      if (done) return;
    }
  }

  /** Reads a stream to its end. @param {ReadableStream} stream @param {(chunk: Uint8Array) => void} take */
  async #consume(stream, take) {
    for await (const chunk of stream) take(chunk);
  }

  /** @type {Record<string, (on: number, step: Step) => void>} */
  userActions = {
    read: (on) => {
      const reader = this.#reader(on, undefined);
      if (reader) this.#read(on, reader.read()).catch(() => {});
    },
    byob: (on, { size = 1 }) => {
      const reader = this.#reader(on, 'byob');
      if (reader) this.#read(on, reader.read(new Uint8Array(size))).catch(() => {});
    },
    drain: (on) => {
      const reader = this.#reader(on, undefined);
      if (reader) this.#drain(on, reader).catch(() => {});
    },
    release: (on) => {
      const held = this.readers[on];
      if (!held) return;
      if (this.reads(on)) this.did.add(`stale ${on}`);
      if (this.reads(on) && held.mode === 'byob') this.did.add(`let go ${on}`);
      this.operate('releaseReader', on);
      held.reader.releaseLock();
      this.readers[on] = undefined;
    },
    cancel: (on) => {
      if (this.consumed[on]) return;
      this.did.add(`cancel ${on}`);
      const stream = this.readers[on]?.reader ?? this.sockets[on].readable;
      this.track('cancel', on, stream.cancel(new Error('not wanted')));
      this.operate('cancel', on);
    },
    tee: (on) => {
      this.userActions.release(on, { do: 'release' });
      if (this.consumed[on]) return;
      this.consumed[on] = true;
      const [one, two] = this.sockets[on].readable.tee();
      const branches = /** @type {Uint8Array[][]} */ ([[], []]);
      this.branches.push(branches);
      const place = this.place(on);
      this.track(
        'consume',
        on,
        this.#consume(one, (chunk) => {
          branches[0].push(chunk);
          place([chunk], false);
        }),
      );
      this.track(
        'consume',
        on,
        this.#consume(two, (chunk) => branches[1].push(chunk)),
      );
    },
    pipe: (on) => {
      this.userActions.release(on, { do: 'release' });
      if (this.consumed[on]) return;
      this.consumed[on] = true;
      const place = this.place(on);
      const sink = new WritableStream({ write: (chunk) => place([chunk], false) });
      this.track('consume', on, this.sockets[on].readable.pipeTo(sink));
    },
    write: (on, { size = 0, which = 'bytes' }) => {
      const writer = this.#writer(on);
      if (!writer) return;
      const { chunk, length } = formed(this.issued[on], size, which);
      this.#wrote(on, length, writer.write(chunk));
    },
    invalid: (on, { which = 'number' }) => {
      const writer = this.#writer(on);
      if (!writer) return;
      this.did.add(`abort ${on}`);
      const kind = which === 'detached' ? '*' : 'ERR_INVALID_CHUNK';
      this.track('write', on, writer.write(invalid[which]()), kind);
      this.operate('invalid', on, kind);
    },
    writerClose: (on) => {
      const writer = this.#writer(on);
      if (!writer) return;
      this.track('close', on, writer.close(), this.mayTake(on));
      this.operate('writerClose', on);
    },
    writerAbort: (on) => {
      const writer = this.#writer(on);
      if (!writer) return;
      this.did.add(`abort ${on}`);
      const { reason, word } = this.#reason('error', '');
      this.track('abort', on, writer.abort(reason));
      this.operate('writerAbort', on, word);
    },
    writerRelease: (on) => {
      const writer = this.writers[on];
      if (!writer || writer === 'piped') return;
      this.operate('releaseWriter', on);
      writer.releaseLock();
      this.writers[on] = undefined;
    },
    ready: (on) => {
      const writer = this.#writer(on);
      if (writer) this.track('ready', on, writer.ready, this.mayTake(on));
    },
    pipeIn: (on, { sizes = [] }) => {
      this.userActions.writerRelease(on, { do: 'writerRelease' });
      // Without room a pipe waits for ever.
      if (this.writers[on] === 'piped' || this.sequence.highWaterMark === 0) return;
      this.writers[on] = 'piped';
      const left = [...sizes];
      const source = new ReadableStream(
        {
          pull: (controller) => {
            const size = left.shift();
            if (size === undefined) return controller.close();
            controller.enqueue(patternAt(this.issued[on], size));
            this.issued[on] += size;
          },
        },
        { highWaterMark: 0 },
      );
      const piped = source.pipeTo(this.sockets[on].writable, { preventClose: true }).finally(() => {
        this.writers[on] = undefined;
      });
      this.did.add(`pipe ${on}`);
      // The source may have ended before it is told that nothing can be written.
      this.track('write', on, piped, sizes.length === 0 ? 'resolved' : this.mayTake(on));
    },
    close: (on, { which = 'none' }) => {
      const { reason, word } = this.#reason(which, 'ERR_SOCKET_CLOSED');
      this.operate('close', on, word);
      if (this.sockets[on].close(reason) !== this.sockets[on].closed)
        this.faults.push('close() returns another promise than closed');
    },
    signal: (_, { which = 'none' }) => {
      if (this.controller.signal.aborted) return;
      const { reason, word } = this.#reason(which, 'AbortError: This operation was aborted');
      this.did.add('signal');
      for (const [on] of this.sockets.entries()) this.operate('signal', on, word);
      this.controller.abort(reason);
    },
    startTls: (on) => this.upgrade(on),
    unref: (on) => void this.sockets[on].unref(),
    ref: (on) => void this.sockets[on].ref(),
  };

  /** @param {number} on @param {number} length @param {Promise<void>} write */
  #wrote(on, length, write) {
    this.issued[on] += length;
    const counted = write.then(() => {
      this.taken[on] += length;
    });
    this.track('write', on, counted, this.mayTake(on));
  }

  /** What the peer does; returns what has happened, for the model. @type {Record<string, (line: Line, step: Step) => string | undefined>} */
  peerActions = {
    data: (line, { size = 1 }) => {
      if (line.over) return undefined;
      const plainly = !line.tls && (this.sequence.way === 'on' || this.sockets.length === 2);
      line.data(size);
      return plainly ? 'plain' : undefined;
    },
    fin: (line) => endedBy(line, 'fin', () => line.fin()),
    notify: (line) => endedBy(line, 'fin', line.tls && (() => line.notify())),
    cut: (line) => endedBy(line, 'cut', line.tls && (() => line.cut())),
    spoil: (line) => endedBy(line, 'spoil', line.tls && (() => line.spoil())),
    rst: (line) => {
      if (line.tcp.destroyed) return undefined;
      // libuv refuses to reset what is being shut down.
      if (line.over) this.did.add('unsure');
      line.rst();
      return 'rst';
    },
    stall: (line) => void line.stall(true),
    unstall: (line) => void line.stall(false),
  };

  /** @param {string} name @returns {Step[]} */
  finaleOf(name) {
    const drain = { do: 'drain' };
    const unstall = { do: 'unstall' };
    if (name === 'fin') return [unstall, drain, { do: 'fin' }, { do: 'writerClose' }];
    if (name === 'rst') return [drain, { do: 'rst' }];
    if (name === 'signal') return [{ do: 'signal', which: 'error' }];
    if (name === 'sides') return [unstall, { do: 'cancel' }, { do: 'writerClose' }];
    return [unstall, { do: 'close', which: 'error' }];
  }
}

/** Ends a connection in some way, if it has not ended, and there is a way. @param {Line} line @param {string} what @param {(() => void) | undefined} end */
function endedBy(line, what, end) {
  if (line.over || end === undefined) return undefined;
  end();
  return what;
}
