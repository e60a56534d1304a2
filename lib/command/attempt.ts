/** One connection, as far as its data: connected, upgraded if it is to be, and what is known of it. */

import type { Binding, Socket, SocketInfo, SocketOptions, SocketStats, TlsInfo } from '../../index.d.ts';
import { Dialogue } from './dialogue.ts';
import { type Protocol, preambles } from './starttls.ts';

/** Where to connect, and how. */
export interface Target {
  address: string;
  options: SocketOptions;
  /** What asks for TLS, with `secureTransport: 'starttls'`. */
  protocol: Protocol | undefined;
  /** Milliseconds for what is said before TLS; 0: no limit. */
  limit: number;
  trace(line: string): void;
}

export interface Opened {
  socket: Socket;
  info: SocketInfo;
  tls: TlsInfo | null;
}

export class Attempt {
  readonly #binding: Binding;
  readonly #target: Target;
  /** The socket, and after StartTLS also the one that it became. */
  readonly #sockets: Socket[] = [];

  constructor(binding: Binding, target: Target) {
    this.#binding = binding;
    this.#target = target;
  }

  async open(): Promise<Opened> {
    const { address, options, protocol } = this.#target;
    const socket = this.#keep(this.#binding.connect(address, options));
    const info = await socket.opened;
    if (protocol === undefined) return { socket, info, tls: info.tls };
    await this.#ask(socket, protocol, info);
    const secure = this.#keep(socket.startTls());
    const secureInfo = await secure.opened;
    return { socket: secure, info: secureInfo, tls: secureInfo.tls };
  }

  /** Figures of the connection, as they are now; `null` if there was none. */
  get stats(): SocketStats | null {
    const all = this.#sockets.map(({ stats }) => stats);
    const last = all.at(-1);
    if (last === undefined) return null;
    // How it was connected is known of the first socket, the handshake of the second.
    const timings = Object.entries(last.timings).map(([step, time]) => [
      step,
      time ?? all[0]?.timings[step as keyof SocketStats['timings']] ?? null,
    ]);
    return { ...last, timings: Object.fromEntries(timings) as SocketStats['timings'] };
  }

  async close(): Promise<void> {
    // What it failed with is known.
    await Promise.allSettled(this.#sockets.map((socket) => socket.close()));
  }

  async #ask(socket: Socket, protocol: Protocol, { localAddress }: SocketInfo): Promise<void> {
    const { limit, trace } = this.#target;
    const dialogue = new Dialogue(socket, { protocol, limit, trace });
    try {
      const server = serverNameOf(this.#target) || 'localhost';
      await preambles[protocol](dialogue, { server, client: literalOf(localAddress) });
      dialogue.conclude();
    } finally {
      dialogue.leave();
    }
  }

  #keep(socket: Socket): Socket {
    this.#sockets.push(socket);
    return socket;
  }
}

/** The name that a certificate is checked against; `''` with a Unix socket and no name for it. */
export function serverNameOf({ address, options }: Pick<Target, 'address' | 'options'>): string {
  if (options.sni) return options.sni;
  if (address.startsWith('unix:')) return '';
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[(.*)\]$/, '$1');
}

/** An address as SMTP's EHLO wants it. */
function literalOf(localAddress: string): string {
  if (localAddress.startsWith('unix:')) return 'localhost';
  const host = localAddress.slice(0, localAddress.lastIndexOf(':'));
  return host.startsWith('[') ? `[IPv6:${host.slice(1, -1)}]` : `[${host}]`;
}
