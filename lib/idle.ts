/** Tells when nothing has gone through a connection for a while. Keeps no process alive. */

import type { NativeSocket } from './binding.ts';
import { SocketError } from './error.ts';

/** Who is ended. */
export interface Idle {
  idled(error: SocketError): void;
}

/** The timer of a watch. */
interface Alarm {
  timer?: NodeJS.Timeout;
}

const collected = new FinalizationRegistry<Alarm>(({ timer }) => clearTimeout(timer));

export class IdleWatch {
  readonly #alarm: Alarm = {};

  /**
   * @param after Milliseconds.
   * @param counts Told that `idle` is ended.
   */
  constructor(native: NativeSocket, after: number, text: string, idle: Idle, counts: (code: string) => void) {
    // A timer is held by Node. Whoever is dropped is collected all the same, and then no timer is left of him.
    const [socket, owner] = [new WeakRef(native), new WeakRef(idle)];
    const alarm = this.#alarm;
    collected.register(idle, alarm);
    const wait = (time: number) => {
      alarm.timer = setTimeout(() => {
        // Noted where the bytes go through: a timer that is set anew for each of them would cost more than they do.
        const quiet = socket.deref()?.idle() ?? 0;
        const target = owner.deref();
        if (target === undefined) return;
        if (quiet < after) {
          wait(Math.max(1, Math.ceil(after - quiet)));
          return;
        }
        const error = idleError(text, after);
        counts(error.code);
        target.idled(error);
      }, time).unref();
    };
    wait(after);
  }

  stop(): void {
    clearTimeout(this.#alarm.timer);
  }
}

function idleError(text: string, after: number): SocketError {
  return new SocketError(
    `${text} was ended because nothing had gone through it for ${after} ms (\`idleTimeout\`); connect again when there is something to say, or allow more time`,
    { code: 'ERR_IDLE_TIMEOUT' },
  );
}
