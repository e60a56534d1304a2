/** From stdin to the server and from the server to stdout, until both have ended. */

import type { Readable, Writable } from 'node:stream';
import type { Socket } from '../../index.d.ts';
import { saysTls } from './dialogue.ts';
import { Failure, problemOf } from './failure.ts';

export interface Ends {
  stdin: Readable;
  stdout: Writable;
}

export interface Manner {
  /** Whether the end of stdin is not passed on. */
  noEnd: boolean;
  /** Whether to go on sending after the server has ended. */
  halfOpen: boolean;
}

/** What stdin is ended with when nobody takes its bytes any more. */
const over = new Error('the server has ended');

/** Resolves with whether what came first looked like TLS. What the server sent before a break is on stdout by then. */
export async function relay(
  socket: Socket,
  { stdin, stdout }: Ends,
  { noEnd, halfOpen }: Manner,
): Promise<boolean> {
  const sending = send(socket, stdin, noEnd);
  // It is awaited below, after what the server still has to say.
  sending.catch(() => {});
  try {
    const { sawTls, isWanted } = await receive(socket, stdout);
    if (!isWanted) return sawTls;
    if (!halfOpen) {
      const isLeft = stdin.readableLength > 0;
      stdin.destroy(over);
      if (isLeft) throw unsent();
    }
    await sending;
    return sawTls;
  } finally {
    stdin.destroy(over);
    await socket.close();
  }
}

async function send(socket: Socket, stdin: Readable, noEnd: boolean): Promise<void> {
  // What ends it is thrown below.
  stdin.on('error', () => {});
  const writer = socket.writable.getWriter();
  try {
    for await (const chunk of stdin) await writer.write(chunk as Uint8Array).catch(rethrowAsUnsent);
  } catch (error) {
    if (error === over) return;
    // Without stdin there is nothing to wait for; after a write that failed there may be an answer that says why.
    if (stdin.errored === error) void socket.close();
    throw error;
  }
  // If the server has ended meanwhile, there is nobody to be told.
  if (!noEnd) await writer.close().catch(() => {});
}

async function receive(socket: Socket, stdout: Writable): Promise<{ sawTls: boolean; isWanted: boolean }> {
  const reader = socket.readable.getReader();
  let sawTls: boolean | undefined;
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return { sawTls: sawTls ?? false, isWanted: true };
    sawTls ??= saysTls(value);
    try {
      await new Promise<void>((resolve, reject) => {
        stdout.write(value, (error) => (error ? reject(error) : resolve()));
      });
    } catch (error) {
      // Who reads stdout has enough. Windows calls it EOF.
      if (/^(?:EPIPE|EOF)$/.test(problemOf(error).code)) return { sawTls, isWanted: false };
      throw error;
    }
  }
}

function rethrowAsUnsent(error: unknown): never {
  throw (error as { code?: unknown }).code === 'ERR_SOCKET_CLOSED' ? unsent() : error;
}

function unsent(): Failure {
  return new Failure('the server ended before all of stdin was sent', 'ERR_SOCKET_CLOSED');
}
