/** What a duplex is made of, for its members. */

import type { Agreed } from '../../binding.d.cts';
import type { SocketStats } from '../../index.d.ts';
import type { TlsOptions } from '../../node.d.ts';
import type { Address } from '../address.ts';
import type { Listener, NativeSocket } from '../binding.ts';
import type { Observable, Observed } from '../channels.ts';
import type { Host } from '../host.ts';
import type { Idle } from '../idle.ts';
import { infoOf } from '../info.ts';
import type { Endpoint } from './arguments.ts';
import { Idleness } from './idleness.ts';
import type { Line } from './line.ts';
import type { Security } from './security.ts';
import { Tuning } from './tuning.ts';

/** Who is told what happens. */
export interface LineOwner extends Idle {
  /** TCP is connected. */
  opened(): void;
  /** The TLS handshake is done. */
  secured(): void;
  /** Bytes came. Whether to read on; otherwise `read()` asks for more. */
  received(chunk: Buffer): boolean;
  /** The peer's end, after all bytes. */
  ended(): void;
  /** It is over, with an error. */
  broke(error: Error): void;
}

/** Who is told, too, when the connection opens and when it closes, whoever its owner is then. */
export interface Follower {
  opened?(): void;
  /** It could not be opened. */
  failed?(error: Error): void;
  closed(error: Error): void;
}

/** What the handshake has brought. */
export interface Secured {
  agreed: Agreed;
  alpn: string | undefined;
  /** The code of what is wrong with the certificate. */
  wrong: string | undefined;
}

/** A connection that was begun elsewhere. */
export interface Adopted {
  native: NativeSocket;
  address: Address;
  /** Who decides for it. */
  by: Host;
  connecting: boolean;
  /** It is, or is going to be, open over TLS. */
  security: Security | undefined;
  /** What a later startTls() begins with. */
  defaults: TlsOptions;
  follower: Follower;
  /** Takes whom to tell of the connection's events, if somebody else has to be told of them first. */
  handsOver: ((to: Listener) => void) | undefined;
}

/** What the members of a socket are about. Under a symbol: drivers write fields of their own on sockets, under any name. */
export class Parts implements Observable {
  readonly socket: object;
  line: Line | undefined;
  readonly tuning = new Tuning();
  readonly idleness = new Idleness();
  local: Endpoint | undefined;
  remote: Endpoint | undefined;
  /** What it is connected to, as it was asked for. */
  address = '';
  /** Who decides for its connection. */
  host: Host | undefined;
  /** TLS is wanted, or on. */
  security: Security | undefined;
  /** What the handshake has brought. */
  secured: Secured | undefined;
  /** Whether our side goes on after the peer's end. */
  halfOpen = false;
  /** The peer's end has come, and ours has not followed yet. */
  ending = false;
  /** `'soon'`: once all is written; `'reset'`: now, and the peer is to know. */
  leaving: 'soon' | 'reset' | undefined;
  /** Another socket has the connection, over TLS. */
  moved = false;

  constructor(socket: object) {
    this.socket = socket;
  }

  observed(): Observed {
    const { address, line, moved, security, socket } = this;
    return {
      address,
      secureTransport: security ? 'on' : 'off',
      socket: () => socket,
      info: () => infoOf(line?.native as NativeSocket, address, security !== undefined),
      stats: () => (moved ? null : ((line?.native?.stats() ?? null) as SocketStats | null)),
    };
  }
}

export const PARTS = Symbol('wintersock.parts');
/** Called when the handshake is done. */
export const SECURED = Symbol('wintersock.secured');
