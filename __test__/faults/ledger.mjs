/** What a socket under test was given and has given back, byte by byte, and how its promises and callbacks ended. */
import { DATA } from './wire.mjs';

/** How a promise ended, in a word: 'resolves', 'done' for a read at the end, a code, or a reason's message. */
export const wordOf = (reason) => reason?.code ?? reason?.message ?? String(reason);

/** What a deadline of ours says. */
export const DEADLINE = 'deadline';

export class Ledger {
  /** Bytes of DATA that were received. */
  received = 0;
  /** Whether what was received is what DATA has. */
  intact = true;
  /** Bytes of DATA that were given to be sent. */
  issued = 0;
  /** What should not have happened. @type {string[]} */
  complaints = [];

  /** @param {Uint8Array} bytes */
  receive(bytes) {
    this.intact &&= DATA.subarray(this.received, this.received + bytes.length).equals(bytes);
    this.received += bytes.length;
  }

  /** The next so many bytes that are to be sent. */
  issue(length) {
    this.issued += length;
    return DATA.subarray(this.issued - length, this.issued);
  }

  /** @param {boolean} so @param {string} complaint */
  check(so, complaint) {
    if (!so) this.complaints.push(complaint);
  }
}
