/** The bytes of a sequence: in which order they came, and what has to be true of them in the end. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SocketError } from 'wintersock';
import { patternAt, Received } from './pattern.mjs';

const DEADLINE_MS = 8000;
const documented = new Set(
  [
    ...readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8').matchAll(/^\| `(\w+)` \|/gm),
  ].map(([, code]) => code),
);

export class Bytes {
  /** What each socket was given by its peer. */
  got = [new Received(), new Received()];
  /** Bytes written to each socket, and those of writes that have resolved. */
  issued = [0, 0];
  taken = [0, 0];
  /** What was done that counts for the bytes, and not for the states. @type {Set<string>} */
  did = new Set();
  /** What is wrong by itself, whatever the model says. @type {string[]} */
  faults = [];
  /** A pipe or a tee has the readable. */
  consumed = [false, false];
  /** @type {{ chunks: Uint8Array[], done: boolean }[][]} */
  slots = [[], []];
  /** What came through both branches of each tee(). @type {Uint8Array[][][]} */
  branches = [];

  /** Puts what arrives in the order of who asked for it: promises of two readers may be told in another one. @param {number} on */
  place(on) {
    const slots = this.slots[on];
    const slot = { chunks: /** @type {Uint8Array[]} */ ([]), done: false };
    slots.push(slot);
    return (/** @type {Uint8Array[]} */ chunks, /** @type {boolean} */ done) => {
      slot.chunks.push(...chunks);
      slot.done = done;
      while (slots.length > 0) {
        for (const chunk of slots[0].chunks.splice(0)) this.#arrived(on, chunk);
        if (!slots[0].done) return;
        slots.shift();
      }
    };
  }

  #arrived(on, chunk) {
    if (!(chunk instanceof Uint8Array) || chunk.length === 0)
      this.faults.push(`a read gives ${chunk?.constructor?.name} of ${chunk?.length} bytes`);
    if (
      chunk.buffer.byteLength > 65_536 &&
      chunk.buffer.byteLength > 2 * chunk.length &&
      chunk.buffer.byteLength !== 100_000
    )
      this.faults.push(`a chunk of ${chunk.length} bytes keeps ${chunk.buffer.byteLength}`);
    this.got[on].add(chunk);
  }

  /** What came is what was sent, as far as it came; and all of it, if nothing says otherwise. */
  async checkBytes() {
    const { line } = this.peer;
    for (const { name, reason } of this.ledger.entries) {
      if (reason instanceof SocketError && !documented.has(reason.code))
        throw new Error(`${name} has the code ${reason.code}, which is not documented`);
    }
    for (const [one, two] of this.branches.map((both) => both.map((chunks) => Buffer.concat(chunks)))) {
      if (!one.equals(two))
        throw new Error(`one branch of a tee gives ${one.length} bytes, the other ${two.length}, or others`);
    }
    if (line === undefined) return;
    const secure = this.sockets.length - 1;
    const broken = ['rst', 'cut', 'spoil', 'unsure', 'signal'].some((one) => this.did.has(one));
    const ways = this.sequence.way === 'on' ? [line.secret] : [line.plain, line.secret];
    if (line.intruded) throw new Error('the peer was sent plain text where TLS was to be');
    for (const [on, received] of ways.entries()) {
      const sent = received === line.secret ? line.sentSecret : line.sentPlain;
      const got = this.got[on];
      if (got.wrongAt !== undefined)
        throw new Error(`what was read is not what was sent, from byte ${got.wrongAt} on`);
      if (got.length > sent) throw new Error(`${got.length} bytes were read, ${sent} were sent`);
      if (received.wrongAt !== undefined)
        throw new Error(`what the peer got is not what was written, from byte ${received.wrongAt} on`);
      if (received.length > this.issued[on])
        throw new Error(`the peer got ${received.length} bytes of ${this.issued[on]}`);
      const opened = this.ledger.entries.some(
        ({ kind, on: of, word }) => kind === 'opened' && of === on && word === 'resolved',
      );
      if (on !== secure || broken || !opened) continue;
      for (
        const deadline = performance.now() + DEADLINE_MS;
        line.end === 'open' && !line.stalled && performance.now() < deadline;
      )
        await sleep(1);
      const exact = !this.did.has(`abort ${on}`) && !this.did.has(`pipe ${on}`);
      if (
        line.end === 'end' &&
        (received.length < this.taken[on] || (exact && received.length > this.taken[on]))
      ) {
        throw new Error(
          `the peer got ${received.length} bytes and an end in order, ${this.taken[on]} were taken of ${this.issued[on]}`,
        );
      }
    }
    this.#checkStats();
  }

  #checkStats() {
    if (this.sockets.length > 1) return;
    const { bytesRead, bytesWritten } = this.sockets[0].stats;
    const [got] = this.got;
    const between = (least, value, most) => least <= value && value <= most;
    const exact = !this.did.has('cancel 0') && !this.did.has('stale 0') && !this.consumed[0];
    const sent = (this.peer.line?.sentSecret ?? 0) + (this.peer.line?.sentPlain ?? 0);
    if (!between(got.length, bytesRead, exact ? got.length : sent))
      throw new Error(`stats.bytesRead is ${bytesRead}, ${got.length} were read`);
    if (!between(this.taken[0], bytesWritten, this.issued[0]))
      throw new Error(
        `stats.bytesWritten is ${bytesWritten}, ${this.taken[0]} of ${this.issued[0]} were taken`,
      );
  }
}

/** A chunk of so many bytes of the pattern. @param {number} at @param {number} size @param {string} which */
export function formed(at, size, which) {
  const bytes = patternAt(at, size);
  if (which === 'buffer')
    return { chunk: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + size), length: size };
  if (which === 'view') {
    const around = new Uint8Array(size + 16);
    around.set(bytes, 8);
    return { chunk: new DataView(around.buffer, 8, size), length: size };
  }
  if (which === 'shared') {
    const shared = new Uint8Array(new SharedArrayBuffer(size));
    shared.set(bytes);
    return { chunk: shared, length: size };
  }
  if (which === 'text') return { chunk: bytes.toString('latin1'), length: size };
  return { chunk: new Uint8Array(bytes), length: size };
}
