/** What others can listen to: node:diagnostics_channel. Nothing is made for them unless somebody does. See docs/observability.md. */

import { type Channel, channel, tracingChannel } from 'node:diagnostics_channel';
import type { SecureTransportKind, SocketInfo, SocketStats } from '../index.d.ts';

/** What every event says. */
export interface Event {
  /** Of connect(), or a duplex. */
  socket: object;
  /** As it was asked for: `"localhost:5432"`, `"unix:/path"`. */
  address: string;
  /** Of a duplex: `'on'` if TLS is on, or about to be. */
  secureTransport: SecureTransportKind;
}

/** `wintersock:connect`. The same object from beginning to end. */
export interface ConnectTrace extends Omit<Event, 'socket'> {
  /** From `end` on. */
  socket?: object;
  /** From `asyncStart` on, if it has opened. */
  result?: SocketInfo;
  /** What was thrown, or why it did not open. */
  error?: unknown;
}

/** `wintersock:opened` */
export interface OpenedEvent extends Event {
  info: SocketInfo;
}

/** `wintersock:closed` */
export interface ClosedEvent extends Event {
  /** `null` if another socket has the connection now, or there never was one. */
  stats: SocketStats | null;
  /** Why, if there is more to say than that one of the two sides has ended it. */
  reason: unknown;
}

/** `wintersock:error` */
export interface ErrorEvent extends Event {
  /** Mostly a SocketError. */
  error: unknown;
}

/** `wintersock:startTls` */
export interface StartTlsEvent extends Event {
  /** What is going to be encrypted; a duplex may be the same. */
  secureSocket: object;
  /** The name to send (SNI) and to check the certificate against. */
  servername: string;
}

/** What is asked of a socket if somebody listens. */
export interface Observed {
  readonly address: string;
  readonly secureTransport: SecureTransportKind;
  /** Called later: it may not be made yet. */
  socket(): object;
  stats(): SocketStats | null;
}

/** Under a symbol: drivers write fields of their own on duplexes, under any name. */
export const OBSERVED = Symbol('wintersock.observed');

export interface Observable {
  readonly [OBSERVED]: Observed;
}

// Held here: what nobody holds may be collected, with those who listen to it.
const connects = tracingChannel<unknown, ConnectTrace>('wintersock:connect');
const openings = channel('wintersock:opened');
const closings = channel('wintersock:closed');
const errors = channel('wintersock:error');
const upgrades = channel('wintersock:startTls');

/** Duplexes that are traced until they open. */
let traces: WeakMap<object, { resolve(info: SocketInfo): void; reject(reason: unknown): void }> | undefined;

/**
 * Traces `begin`, and what it makes until that is open.
 * @param opened Without it, `opened()` and `closed()` are going to tell of what `begin` has made.
 */
export function connecting<T extends object>(
  address: string,
  secureTransport: SecureTransportKind,
  begin: () => T,
  opened: (made: T) => Promise<SocketInfo> = told,
): T {
  if (!connects.hasSubscribers) return begin();
  const trace: ConnectTrace = { address, secureTransport };
  let made: T | undefined;
  const traced = connects.tracePromise(() => {
    made = begin();
    trace.socket = made;
    return opened(made);
  }, trace);
  // Whoever waits for the socket is told by the socket.
  traced.catch(() => {});
  return made as T;
}

function told(made: object): Promise<SocketInfo> {
  traces ??= new WeakMap();
  const table = traces;
  return new Promise((resolve, reject) => table.set(made, { resolve, reject }));
}

/** It has opened, or has gone over to TLS. */
export function opened(of: Observable, info: () => SocketInfo): void {
  traces?.get(of)?.resolve(info());
  if (openings.hasSubscribers) publish(openings, of, () => ({ info: info() }));
}

/** Something went wrong with it. */
export function failed(of: Observable, error: unknown): void {
  if (errors.hasSubscribers) publish(errors, of, () => ({ error }));
}

/**
 * It is over.
 * @param unopened Why it did not open, if it did not.
 */
export function closed(of: Observable, reason: unknown, unopened: unknown = reason): void {
  traces?.get(of)?.reject(unopened);
  if (!closings.hasSubscribers) return;
  const stats = of[OBSERVED].stats();
  publish(closings, of, () => ({ stats, reason }));
}

/** `of` goes over to TLS: as `next`, which may be the same. */
export function startsTls(of: Observable, next: Observable, servername: string): void {
  if (!upgrades.hasSubscribers) return;
  const { socket } = next[OBSERVED];
  publish(upgrades, of, () => ({ secureSocket: socket(), servername }));
}

/** A moment later, but before promises that are settled now call back: who is told may do anything, also to the socket. */
function publish(to: Channel, of: Observable, more: () => object): void {
  const { address, secureTransport, socket } = of[OBSERVED];
  queueMicrotask(() => to.publish({ socket: socket(), address, secureTransport, ...more() }));
}
