/** What the two sides of a socket tell whoever they belong to. */

import type { Address } from './address.ts';
import type { Listener, NativeSocket } from './binding.ts';
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

/** What whoever has the connection of a socket needs, and tells. */
export interface Lent {
  native: NativeSocket;
  address: Address;
  connecting: boolean;
  /** While another socket is to be told of its events, because it is being upgraded: takes whom to tell then. */
  handsOver: ((to: Listener) => void) | undefined;
  opened(): void;
  /** It could not be opened. */
  failed(error: unknown): void;
  closed(error: unknown): void;
}
