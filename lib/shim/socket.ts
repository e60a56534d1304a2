/** The class `net.Socket` of the stand-in. */

import net from 'node:net';
import type { TlsOptions } from '../../node.d.ts';
import { readArguments } from '../duplex/arguments.ts';
import { SECURED } from '../duplex/parts.ts';
import { TcpSocket } from '../duplex/tcp.ts';
import { SocketError } from '../error.ts';
import { checkNodes } from '../host.ts';
import { beyondTcp } from './reach.ts';

/**
 * Plain for all its life: another socket takes its connection over for TLS. It has nothing of `tls.TLSSocket`, because drivers ask for
 * that with `in`: basic-ftp takes a socket whose `encrypted` is false for an encrypted one.
 */
class PlainSocket extends TcpSocket {
  override connect(...given: unknown[]): this {
    const [options, listener] = readArguments(given);
    const beyond = beyondTcp(options);
    if (beyond !== undefined) throw impossible(beyond, 'call net.connect() in place of socket.connect()');
    return super.connect({ ...options, secureTransport: 'off' }, listener);
  }

  override startTls(_options?: TlsOptions): never {
    throw new SocketError('a socket of net does not become one of tls; use tls.connect({ socket })', {
      code: 'ERR_INVALID_STATE',
    });
  }

  override [SECURED](): void {}
}

/** What stands in for `net.Socket`. For what only Node's own can do, `new` makes one of these; as there, `new` may be left out. */
export const Socket: typeof PlainSocket = new Proxy(PlainSocket, {
  construct(target, [options], newTarget) {
    // A number is a descriptor.
    const beyond = beyondTcp(typeof options === 'number' ? { fd: options } : { ...options });
    if (beyond === undefined) return Reflect.construct(target, [options], newTarget);
    if (newTarget !== Socket) throw impossible(beyond, 'leave it out in a class of your own');
    // A descriptor is of a connection that is there already.
    if (beyond !== 'fd' && beyond !== 'handle') checkNodes(`\`${beyond}\``, 'network');
    return new net.Socket(options);
  },

  apply(_, receiver, [options]) {
    if (!inherits(Socket, receiver)) return new Socket(options);
    // Inheritance as before classes: the object is there already, and cannot become one of ours.
    throw new TypeError(
      'net.Socket cannot be called on an object; inherit from it with `class ... extends net.Socket`',
    );
  },
});

// Sockets of Node's own are sockets too, such as those of a server; and so are ours that are encrypted.
Object.defineProperty(PlainSocket, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    return (
      inherits(this, value) ||
      (this === Socket && (value instanceof TcpSocket || value instanceof net.Socket))
    );
  },
});
Object.defineProperty(PlainSocket, 'name', { value: 'Socket' });
Object.defineProperty(PlainSocket.prototype, 'constructor', { value: Socket });

function impossible(option: string, remedy: string): SocketError {
  return new SocketError(`invalid option: \`${option}\` needs a socket of Node's own; ${remedy}`, {
    code: 'ERR_INVALID_OPTION',
  });
}

/** What `instanceof` does where a class says nothing else. */
export function inherits(type: unknown, value: unknown): boolean {
  return Function.prototype[Symbol.hasInstance].call(type as () => void, value);
}
