/** What a duplex is made of, for its members. */

import type { Listener, NativeSocket } from '../binding.ts';
import type { Endpoint } from './arguments.ts';
import { Idleness } from './idleness.ts';
import type { Follower, Line } from './line.ts';
import type { Security } from './security.ts';
import { Tuning } from './tuning.ts';

/** A connection that was begun elsewhere. */
export interface Adopted {
  native: NativeSocket;
  host: string;
  connecting: boolean;
  /** It is, or is going to be, open over TLS. */
  security: Security | undefined;
  follower: Follower;
  /** Takes whom to tell of the connection's events, if somebody else has to be told of them first. */
  handsOver: ((to: Listener) => void) | undefined;
}

/** What the members of a socket are about. Under a symbol: drivers write fields of their own on sockets, under any name. */
export class Parts {
  line: Line | undefined;
  readonly tuning = new Tuning();
  readonly idleness = new Idleness();
  local: Endpoint | undefined;
  remote: Endpoint | undefined;
  /** TLS is wanted, or on. */
  security: Security | undefined;
  /** Whether our side goes on after the peer's end. */
  halfOpen = false;
  /** The peer's end has come, and ours has not followed yet. */
  ending = false;
}

export const PARTS = Symbol('wintersock.parts');
/** Called when the handshake is done. */
export const SECURED = Symbol('wintersock.secured');
