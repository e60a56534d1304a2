/** How what a peer sends is cut into segments. */
import { setImmediate as turn } from 'node:timers/promises';

/** Lets a socket send in segments of the given sizes. @param {{ size: number, pause: number }[]} cuts */
export function shaper(cuts) {
  return (/** @type {import('node:net').Socket} */ tcp) => {
    if (cuts.length === 0) return;
    const { write, end } = tcp;
    let next = 0;
    let before = Promise.resolve();
    const inTurn = (/** @type {() => Promise<void> | void} */ act) => {
      before = before.then(act, () => {});
    };
    tcp.write = (/** @type {any} */ chunk, /** @type {any} */ done) => {
      inTurn(async () => {
        // A byte at a time is for the first of many: a megabyte of them would take minutes.
        for (let at = 0; at < chunk.length; ) {
          const { size, pause } = cuts[next % cuts.length];
          next += 1;
          const length = next > 200 ? chunk.length : size;
          write.call(tcp, chunk.subarray(at, at + length));
          at += length;
          for (let left = pause; left > 0 && next <= 200; left -= 1) await turn();
        }
        done?.();
      });
      return true;
    };
    tcp.end = (/** @type {any} */ done) => {
      inTurn(() => void end.call(tcp, done));
      return tcp;
    };
  };
}
