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
  info(): SocketInfo;
  stats(): SocketStats | null;
}

/** What happens to something. */
export interface Observable {
  observed(): Observed;
}

// Held here: what nobody holds may be collected, with those who listen to it.
const connects = tracingChannel<unknown, ConnectTrace>('wintersock:connect');
const openings = channel('wintersock:opened');
const closings = channel('wintersock:closed');
const errors = channel('wintersock:error');
const upgrades = channel('wintersock:startTls');

interface Trace {
  resolve(info: SocketInfo): void;
  reject(reason: unknown): void;
}

/** Duplexes that are traced until they open. */
let traces: WeakMap<Observable, Trace> | undefined;

/** Traces `begin`, and the socket that it makes until that is open. */
export function connecting<T extends object & { readonly opened: Promise<SocketInfo> }>(
  address: string,
  secureTransport: SecureTransportKind,
  begin: () => T,
): T {
  if (!connects.hasSubscribers) return begin();
  return traced({ address, secureTransport }, begin, (made) => made.opened);
}

/** The same for a duplex, of which `opened()` and `closed()` are going to tell. */
export function dialling<T extends object>(of: Observable, begin: () => T): T {
  if (!connects.hasSubscribers) return begin();
  const { address, secureTransport } = of.observed();
  const opened = new Promise<SocketInfo>((resolve, reject) => {
    traces ??= new WeakMap();
    traces.set(of, { resolve, reject });
  });
  return traced({ address, secureTransport }, begin, () => opened);
}

function traced<T extends object>(
  trace: ConnectTrace,
  begin: () => T,
  opened: (made: T) => Promise<SocketInfo>,
): T {
  let made: T | undefined;
  const ended = connects.tracePromise(() => {
    made = begin();
    trace.socket = made;
    return opened(made);
  }, trace);
  // Whoever waits for the socket is told by the socket.
  ended.catch(() => {});
  return made as T;
}

/** It has opened, or has gone over to TLS. */
export function opened(of: Observable): void {
  if (openings.hasSubscribers) {
    const info = of.observed().info();
    publish(openings, of, () => ({ info }));
  }
  traces?.get(of)?.resolve(of.observed().info());
}

/** Something went wrong with it. */
export function failed(of: Observable, error: unknown): void {
  if (errors.hasSubscribers) publish(errors, of, () => ({ error }));
}

/** It is over. */
export function closed(of: Observable, reason: unknown): void {
  if (!closings.hasSubscribers) return;
  const stats = of.observed().stats();
  publish(closings, of, () => ({ stats, reason }));
}

/**
 * A duplex is over.
 * @param unopened Why it did not open, if it did not.
 */
export function destroyed(of: Observable, error: Error | null, unopened: Error): void {
  if (error) failed(of, error);
  traces?.get(of)?.reject(unopened);
  closed(of, error ?? undefined);
}

/** `of` goes over to TLS: as `next`, which may be the same. */
export function startsTls(of: Observable, next: Observable, servername: string): void {
  if (!upgrades.hasSubscribers) return;
  const { socket } = next.observed();
  publish(upgrades, of, () => ({ secureSocket: socket(), servername }));
}

/** A moment later, but before promises that are settled now call back: who is told may do anything, also to the socket. */
function publish(to: Channel, of: Observable, more: () => object): void {
  const { address, secureTransport, socket } = of.observed();
  queueMicrotask(() => to.publish({ socket: socket(), address, secureTransport, ...more() }));
}
