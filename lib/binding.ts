/**
 * The native half: loads it, and hands its events to whom they concern. The only file that imports the addon as a value.
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type * as Native from '../binding.d.cts';
import { rethrowing, SocketError } from './error.ts';
import { readIo } from './io.ts';

export type { Socket as NativeSocket } from '../binding.d.cts';

const require = createRequire(import.meta.url);

const EXIT = Symbol.for('wintersock.exit');
/** How long the exit of the process may be put off. */
const LEAVE_MS = 1000;

/** Results of the hot calls below zero. */
export const WAIT = -1;
export const FAILED = -2;
export const END = -3;

/** Starts to connect, with `secure` over TLS. */
export function connect(
  address: Native.Address,
  config: Native.Config,
  secure?: Native.Secure,
  credentials?: Native.Credentials,
): Native.Socket {
  return native.connect(host, address, config, secure, credentials);
}

/** What an event says: the order of the native half's `Told`. */
export enum Told {
  Readable,
  Writable,
  Opened,
  Failed,
  Closed,
  Broken,
  Unwritable,
}

/** What to ask for an event of: the numbers of the native half's `watch`. */
export enum Interest {
  Readable,
  Writable,
  Broken,
}

/** Who is told of the events of a connection. */
export interface Listener {
  told(event: Told): void;
}

const native = load();

export const { Config, Credentials } = native;
export type Config = Native.Config;
export type Credentials = Native.Credentials;

// A strong table would pin dropped sockets for ever. Whoever waits for something pins himself.
const listeners = new Map<number, WeakRef<Listener>>();
const pinned = new Set<Listener>();
const collected = new FinalizationRegistry<number>((id) => {
  if (listeners.get(id)?.deref() === undefined) listeners.delete(id);
});

/** Lets `listener` hear of the events of the connection `id`, in place of who heard of them before. */
export function listen(id: number, listener: Listener): void {
  listeners.set(id, new WeakRef(listener));
  collected.register(listener, id);
}

/** Keeps a listener from being collected while something is pending that only it can settle. */
export function pin(listener: Listener, pending: boolean): void {
  if (pending) pinned.add(listener);
  else pinned.delete(listener);
}

/** Pairs of an id and what it is told, which the native half fills. */
const batch = new Uint32Array(2 * 1024);

// Where another thread has to wake this one, Node calls as long as there is something new, up to a thousand times in a row, and
// lets timers starve. So one batch is delivered in a turn of the event loop, and what else comes waits for its end.
let delivered = false;
const later: Uint32Array[] = [];

/** What `read` without a buffer fills. */
export const scratch = new Uint8Array(65_536);

const { loop, aheadAfter } = readIo();
const { host, direct, calls } = rethrowing(() => native.start(loop, aheadAfter, batch, scratch, dispatch));

export const { read, peek, write, shutdown, watch } = calls;

/** What one copy of this module does before the process exits, or the worker does. */
interface Leaving {
  flush(): void;
  /** Waits until the peers of closed sockets have what was sent to them: so many milliseconds at most. */
  leave(milliseconds: number): void;
}

// After process.exit() the turn has no end. What was taken goes out all the same, as far as the system takes it. All copies of this
// module share one listener, as Node warns of more than ten, and the time.
const all = (process as { [EXIT]?: Set<Leaving> })[EXIT] ?? new Set();
if (all.size === 0) {
  Object.defineProperty(process, EXIT, { value: all });
  process.once('exit', () => {
    for (const { flush } of all) flush();
    const deadline = performance.now() + LEAVE_MS;
    for (const { leave } of all) leave(Math.max(0, Math.ceil(deadline - performance.now())));
  });
}
all.add({
  flush: () => calls.flush(host),
  // What a worker has sent is seen to without it.
  leave: (milliseconds) => isMainThread && native.leave(host, milliseconds),
});

function dispatch(pairs: number): void {
  if (direct) {
    deliver(batch, pairs);
  } else if (delivered) {
    later.push(batch.slice(0, 2 * pairs));
  } else {
    endTurn();
    deliver(batch, pairs);
  }
}

function endTurn(): void {
  delivered = true;
  // It need not keep the process alive: where events come from, the end of the turn comes without waiting.
  setImmediate(() => {
    delivered = false;
    if (later.length > 0) endTurn();
    for (const events of later.splice(0)) deliver(events, events.length / 2);
  }).unref();
}

/** Counts the turns of the event loop that brought something. */
export let turn = 0;

function deliver(events: Uint32Array, pairs: number): void {
  turn += 1;
  for (let index = 0; index < 2 * pairs; index += 2) {
    const listener = listeners.get(events[index] as number)?.deref();
    try {
      listener?.told(events[index + 1] as Told);
    } catch (error) {
      // As out of memory for a chunk. The others have to be told all the same.
      setImmediate(() => {
        throw error;
      });
    }
  }
}

function load(): typeof Native {
  const platform = platformName();
  const failures: unknown[] = [];
  // The first is a build of this checkout, the second what npm installed for this platform.
  for (const candidate of [`../wintersock.${platform}.node`, `wintersock-${platform}`]) {
    try {
      return require(candidate);
    } catch (error) {
      failures.push(error);
    }
  }
  const { platform: system, arch, version } = process;
  const libc = system === 'linux' ? `, ${platform.endsWith('musl') ? 'musl' : 'glibc'}` : '';
  const broken = failures.find((error) => (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND');
  const forbidden = (broken as NodeJS.ErrnoException | undefined)?.code === 'ERR_DLOPEN_DISABLED';
  if (forbidden) {
    throw new SocketError(
      "wintersock is a native addon, and Node's permission model does not let it be loaded; run node with --allow-addons",
      { code: 'ERR_NO_BINARY', cause: broken },
    );
  }
  const remedy = broken
    ? `The one that is there does not load: ${(broken as Error).message}. Install again on this platform, or build it in a clone of the repository with Rust: npm run build`
    : `Install again without --omit=optional or --no-optional, on the platform it is to run on, so that npm installs the package wintersock-${platform}; or build it in a clone of the repository with Rust: npm run build`;
  throw new SocketError(
    `wintersock has no native binary that fits ${system} ${arch}${libc}, Node.js ${version}. ${remedy}`,
    { code: 'ERR_NO_BINARY', cause: broken ?? failures.at(-1) },
  );
}

/** The name that napi gives to builds and packages of this platform. */
function platformName(): string {
  const { platform, arch } = process;
  if (platform === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

/** Whether this Node runs on musl: the loader that it names at its beginning says so. */
function isMusl(): boolean {
  const loader = /\/ld-(musl|linux)/.exec(beginningOf(process.execPath));
  return loader ? loader[1] === 'musl' : isMuslByReport();
}

/** Where that is not to be read. A report waits for all workers of this thread, which may be busy for ever. */
function isMuslByReport(): boolean {
  // Gathering the report may otherwise look up host names. The type of @types/node 20 does not have the member yet.
  const report = process.report as typeof process.report & { excludeNetwork: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime === undefined;
}

/** As much of a file as its headers need; nothing if it cannot be read, as under Node's permission model. */
function beginningOf(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(4096);
      return bytes.toString('latin1', 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
