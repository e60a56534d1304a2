import type { Socket } from 'wintersock';

/** How a promise ended, in a word: 'resolves', 'done' for a read at the end, a code, or a reason's message. */
export type Ending = string;

/** Within this time everything settles that has no deadline of its own; later with an addon that checks all it does. */
const BOUND_MS = 2000 * Number(process.env['WINTERSOCK_SLOWNESS'] || 1);

/** Waits for the end of a promise; 'pending' if it has none within the bound. Never rejects. */
export function ending(promise: Promise<unknown>, bound = BOUND_MS): Promise<Ending> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, bound, 'pending');
    const settle = (word: Ending) => {
      clearTimeout(timer);
      resolve(word);
    };
    promise.then(
      (value) => settle((value as { done?: boolean } | undefined)?.done ? 'done' : 'resolves'),
      (reason) => settle(reason?.code ?? reason?.message ?? String(reason)),
    );
  });
}

/** The same for several promises at once. */
export async function endings<Name extends string>(
  promises: Record<Name, Promise<unknown>>,
  bound = BOUND_MS,
): Promise<Record<Name, Ending>> {
  const entries = Object.entries<Promise<unknown>>(promises);
  const words = await Promise.all(
    entries.map(async ([name, promise]) => [name, await ending(promise, bound)]),
  );
  return Object.fromEntries(words);
}

/** Reads all; resolves with what came and, if it did not end well, the code. */
export async function readAll(socket: Socket): Promise<{ bytes: Buffer; error?: string }> {
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of socket.readable) chunks.push(chunk);
  } catch (error) {
    return { bytes: Buffer.concat(chunks), error: (error as { code?: string }).code ?? String(error) };
  }
  return { bytes: Buffer.concat(chunks) };
}
