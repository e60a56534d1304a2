import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that live outside the heap, such as chunks: what is garbage does not count. */
export function liveBytes(): number {
  // What the first one finds is freed on another thread, for which the second one waits.
  collect();
  collect();
  return process.memoryUsage().external;
}

/** What the kernel holds of a connection of this machine, in bytes: sent from `from` to `to`, but not yet taken there. */
export function inKernel({ from, to }: { from: number; to: number }): number {
  return entry(from, to, 0) + entry(to, from, 1);
}

/** Queue 0: not yet acknowledged. Queue 1: not yet read. */
function entry(local: number, remote: number, queue: 0 | 1): number {
  const [mine, theirs] = [local, remote].map(
    (port) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`,
  );
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n')) {
    const [, localAddress = '', remoteAddress = '', , queues = ''] = line.trim().split(/\s+/);
    if (localAddress.endsWith(mine as string) && remoteAddress.endsWith(theirs as string)) {
      return Number.parseInt(queues.split(':')[queue] as string, 16);
    }
  }
  throw new Error(`no connection from port ${local} to port ${remote}`);
}
