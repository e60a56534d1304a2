/** Tells when nothing has gone through a connection for a while. Keeps no process alive. */

import type { NativeSocket } from './binding.ts';
import { SocketError } from './error.ts';

export class IdleWatch {
  #timer: NodeJS.Timeout | undefined;

  /** @param after Milliseconds. */
  constructor(native: NativeSocket, after: number, text: string, late: (error: SocketError) => void) {
    const wait = (time: number) => {
      this.#timer = setTimeout(() => {
        // Noted where the bytes go through: a timer that is set anew for each of them would cost more than they do.
        const idle = native.idle() ?? 0;
        if (idle < after) wait(Math.max(1, Math.ceil(after - idle)));
        else late(idleError(text, after));
      }, time).unref();
    };
    wait(after);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

function idleError(text: string, after: number): SocketError {
  return new SocketError(
    `${text} was ended because nothing had gone through it for ${after} ms (\`idleTimeout\`); connect again when there is something to say, or allow more time`,
    { code: 'ERR_IDLE_TIMEOUT' },
  );
}
