/** Where I/O happens: what the environment variable WINTERSOCK_IO says, and what the runtime can do. */

import { SocketError } from './error.ts';

export interface Io {
  /** On the event loop of the thread that runs the JavaScript. Otherwise another thread watches the sockets and wakes it. */
  loop: boolean;
  /** After how many bytes without a pause another thread reads ahead of a connection with TLS. */
  aheadAfter: number | undefined;
}

/** By the names that WINTERSOCK_IO takes. */
const modes: Readonly<Record<string, Io>> = {
  // About a second of nothing else: reading ahead frees this thread, but costs a third more CPU in all.
  direct: { loop: true, aheadAfter: 2 ** 30 },
  ahead: { loop: true, aheadAfter: 2 ** 16 },
  thread: { loop: false, aheadAfter: undefined },
};

/** @throws {SocketError} ERR_INVALID_OPTION */
export function readIo(): Io {
  const name = process.env['WINTERSOCK_IO'] || 'direct';
  const mode = Object.hasOwn(modes, name) ? modes[name] : undefined;
  if (mode === undefined) {
    throw new SocketError(
      `the environment variable WINTERSOCK_IO is ${JSON.stringify(name)}; set it to 'direct', 'ahead' or 'thread', or unset it`,
      { code: 'ERR_INVALID_OPTION' },
    );
  }
  // Bun's and Deno's loops look like Node's, and fail. Electron runs one for several environments. On Windows it has not proved itself.
  const { bun, electron } = process.versions;
  const foreign = bun !== undefined || electron !== undefined || 'Deno' in globalThis;
  return { ...mode, loop: mode.loop && !foreign && process.platform !== 'win32' };
}
