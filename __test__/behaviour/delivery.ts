/** When what a peer has sent is known on this side. */
import { setImmediate as turn } from 'node:timers/promises';
import type { Socket } from 'wintersock';
import type { Wire } from './wire.ts';

/**
 * Makes a function that waits until whatever peers have sent before is known here: another socket, served by the same threads, has heard of
 * something later.
 * @param open Opens that socket, at the first use.
 */
export function delivery(open: () => Promise<{ socket: Socket; wire: Wire }>): () => Promise<void> {
  let barrier: Promise<() => Promise<unknown>> | undefined;
  const begin = async () => {
    const { socket, wire } = await open();
    const reader = socket.readable.getReader();
    let before: Promise<unknown> = Promise.resolve();
    return () => {
      before = before.then(() => {
        wire.tcp.write('.');
        return reader.read();
      });
      return before;
    };
  };
  return async () => {
    barrier ??= begin();
    await (await barrier)();
    await turn();
  };
}
