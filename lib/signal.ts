/** One listener on a signal for all sockets that have it: a signal may outlive them, and must neither keep nor count them. */

/** What a signal ends. */
export interface Abortable {
  abort(reason: unknown): void;
}

interface Watch {
  targets: Set<WeakRef<Abortable>>;
  listener: (event: Event) => void;
}

const watches = new WeakMap<AbortSignal, Watch>();
const collected = new FinalizationRegistry<() => void>((forget) => forget());

/** Aborts `target` with the signal's reason. Returns what ends that. */
export function watchSignal(signal: AbortSignal, target: Abortable): () => void {
  const watch = watches.get(signal) ?? begin(signal);
  const weak = new WeakRef(target);
  watch.targets.add(weak);
  // The registry keeps what it calls: if that had the signal, and a listener of the user's on the signal the socket, it would keep the socket.
  const observed = new WeakRef(signal);
  const forget = () => {
    collected.unregister(weak);
    watch.targets.delete(weak);
    const left = observed.deref();
    if (left === undefined || watch.targets.size > 0 || watches.get(left) !== watch) return;
    watches.delete(left);
    left.removeEventListener('abort', watch.listener);
  };
  collected.register(target, forget, weak);
  return forget;
}

function begin(signal: AbortSignal): Watch {
  const targets = new Set<WeakRef<Abortable>>();
  // Without `signal`, for the same reason.
  const listener = ({ target }: Event) => {
    for (const weak of [...targets]) weak.deref()?.abort((target as AbortSignal).reason);
  };
  const watch = { targets, listener };
  watches.set(signal, watch);
  signal.addEventListener('abort', listener, { once: true });
  return watch;
}
