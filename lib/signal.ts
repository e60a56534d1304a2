/** One listener on a signal for all sockets that have it: a signal may outlive them, and must neither keep nor count them. */

/** What a signal ends. */
export interface Abortable {
  abort(reason: unknown): void;
}

interface Watch {
  targets: Set<WeakRef<Abortable>>;
  listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();
const collected = new FinalizationRegistry<() => void>((forget) => forget());

/** Aborts `target` with the signal's reason. Returns what ends that. */
export function watchSignal(signal: AbortSignal, target: Abortable): () => void {
  const watch = watches.get(signal) ?? begin(signal);
  const weak = new WeakRef(target);
  watch.targets.add(weak);
  const forget = () => {
    watch.targets.delete(weak);
    if (watch.targets.size > 0 || watches.get(signal) !== watch) return;
    watches.delete(signal);
    signal.removeEventListener('abort', watch.listener);
  };
  collected.register(target, forget);
  return forget;
}

function begin(signal: AbortSignal): Watch {
  const targets = new Set<WeakRef<Abortable>>();
  const listener = () => {
    for (const weak of [...targets]) weak.deref()?.abort(signal.reason);
  };
  const watch = { targets, listener };
  watches.set(signal, watch);
  signal.addEventListener('abort', listener, { once: true });
  return watch;
}
