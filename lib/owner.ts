/** What the two sides of a socket tell whoever they belong to. */

import type { SocketError } from './error.ts';

interface Owner {
  /** The side has ended by the user: closed, aborted, cancelled; or writing broke. */
  sideEnded(): void;
  /** Whether somebody waits for the side has changed. */
  repin(): void;
}

export interface ReadableOwner extends Owner {
  /** The peer has ended its side, and all its data has been taken. */
  readEnded(): void;
  /** Reading broke. */
  broke(): void;
}

export interface WritableOwner extends Owner {
  /** Why writing broke. */
  writeFailure(): SocketError;
}
