/** A connection of a binding, by connect() or by createConnection(): what tests want of both, in the same words. */
import { once } from 'node:events';
import type { Binding, SocketOptions, StartTlsOptions, Socket as WebSocket } from 'wintersock';
import { createConnection, type Socket as Duplex } from 'wintersock/node';

export interface Link {
  /** The local end, once it is open; with TLS, after the handshake. */
  readonly opened: Promise<string>;
  /** What it ended with; `undefined` if nothing was wrong. Never rejects. */
  readonly ended: Promise<unknown>;
  send(bytes: string | Uint8Array): Promise<void>;
  /** The next bytes; `undefined` at the end. */
  receive(): Promise<Buffer | undefined>;
  /** Ends this side; resolves when all is on its way. */
  end(): Promise<void>;
  secure(options?: StartTlsOptions): Link;
  /** Resolves when it has closed. */
  close(): Promise<void>;
  unref(): void;
}

/** Begins a connection to `host:port`, or to `unix:/path`. */
export type Way = (
  binding: Binding,
  address: string,
  options?: Pick<SocketOptions, 'secureTransport' | 'signal' | 'allowHalfOpen' | 'sni'>,
) => Link;

export const ways: Record<'connect()' | 'createConnection()', Way> = {
  'connect()': (binding, address, options) => webLink(binding.connect(address, options)),
  'createConnection()': (binding, address, { sni, ...options } = {}) => {
    const servername = sni === undefined ? {} : { servername: sni };
    return duplexLink(
      createConnection({ ...options, ...servername, ...placeOf(address), binding } as object),
    );
  },
};

export const everyWay = Object.entries(ways).map(([name, open]) => ({ name, open }));

/** An address in the words of node:net. */
function placeOf(address: string): { path: string } | { host: string; port: string } {
  if (address.startsWith('unix:')) return { path: address.slice('unix:'.length).replace(/^@/, '\0') };
  const colon = address.lastIndexOf(':');
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: address.slice(colon + 1) };
}

export function webLink(socket: WebSocket): Link {
  const reader = socket.readable.getReader();
  const writer = socket.writable.getWriter();
  const opened = socket.opened.then(({ localAddress }) => localAddress);
  opened.catch(() => {});
  return {
    opened,
    ended: socket.closed.then(
      () =>
        reader.read().then(
          () => undefined,
          (error) => error,
        ),
      (error) => error,
    ),
    send: (bytes) => writer.write(bytes),
    receive: () => reader.read().then(({ value }) => value && Buffer.from(value)),
    end: () => writer.close(),
    secure: (options) => webLink(socket.startTls(options)),
    close: () => socket.close().catch(() => {}),
    unref: () => void socket.unref(),
  };
}

export function duplexLink(socket: Duplex, event = socket.encrypted ? 'secureConnect' : 'connect'): Link {
  const ended = new Promise<unknown>((resolve) => {
    let wrong: unknown;
    socket.once('error', (error) => {
      wrong = error;
    });
    socket.once('close', () => resolve(wrong));
  });
  const local = () => {
    const { localFamily, localAddress, localPort } = socket;
    if (localAddress === undefined) return 'unix:';
    return `${localFamily === 'IPv6' ? `[${localAddress}]` : localAddress}:${localPort}`;
  };
  const never = ended.then((wrong) => Promise.reject(wrong ?? new Error('it was closed')));
  const opened = Promise.race([once(socket, event), never]).then(local);
  opened.catch(() => {});
  return {
    opened,
    ended,
    send: (bytes) =>
      new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
    // Not by 'data', which would make it flow: it is to read no more than is asked for.
    receive: () =>
      new Promise((resolve, reject) => {
        const take = () => {
          const chunk: Buffer | null = socket.read();
          if (chunk === null && !socket.readableEnded && !socket.destroyed) return;
          for (const event of ['readable', 'end']) socket.off(event, take);
          resolve(chunk ?? undefined);
        };
        for (const event of ['readable', 'end']) socket.on(event, take);
        ended.then((wrong) => (wrong === undefined ? resolve(undefined) : reject(wrong)));
        take();
      }),
    end: () => new Promise((resolve) => socket.end(() => resolve())),
    secure: (options) => duplexLink(socket.startTls(options as object), 'secureConnect'),
    close: async () => {
      socket.destroy();
      await ended;
    },
    unref: () => void socket.unref(),
  };
}

/** The code and the message of what a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  const error: unknown = await promise.then(
    () => new Error('it did not fail'),
    (reason) => reason,
  );
  const { code = '', message } = error as { code?: string; message: string };
  return { code, message };
}
