/** What a connection is at. */

import type { Connection } from './connection.ts';

/** How long close() waits for queued writes. The native half has a bound of its own for what it then flushes. */
export const CLOSE_BOUND_MS = 1000;

/** Each state owns what is usable in it. */
export type State =
  /** Resolving, connecting, or in a handshake: with `after`, when what that one has queued is out. */
  | { kind: 'connecting'; after?: Connection }
  | { kind: 'open' }
  /** startTls() was called: what was queued goes out, then `next` takes the connection over. */
  | { kind: 'upgrading'; next: Connection }
  /** A write was told that the connection broke. What arrived before can still be read. */
  | { kind: 'broken' }
  /** A duplex has the connection. */
  | { kind: 'lent'; recall: (error: unknown) => void }
  /** Flushing; without a bound after the peer's end, with one after close(). */
  | { kind: 'closing'; bound?: NodeJS.Timeout }
  | { kind: 'closed' };
