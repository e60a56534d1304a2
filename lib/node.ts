/** wintersock/node: connections in the shape of net.Socket. See node.d.ts. */

import type * as contract from '../node.d.ts';
import type { ConnectionOptions } from '../node.d.ts';
import { readArguments } from './duplex/arguments.ts';
import { adopt } from './duplex/life.ts';
import { securityOf } from './duplex/security.ts';
import { PostgresSocket } from './duplex/postgres.ts';
import { Socket } from './duplex/socket.ts';
import { connectionOf, isSocket, type Socket as WebSocket } from './socket.ts';

export { PostgresSocket, Socket };

/** Connects, or makes a socket that is not connected yet. */
export function createConnection(...given: unknown[]): Socket {
  const [options, listener] = readArguments(given);
  const socket = new Socket(options);
  const asked = Object.keys(options).length > 0;
  return asked || listener ? socket.connect(options as ConnectionOptions, listener) : socket;
}

/** A socket of connect() as a duplex. */
export function toDuplex(webSocket: WebSocket): Socket {
  if (!isSocket(webSocket)) throw new TypeError('toDuplex() takes a socket of connect()');
  const connection = connectionOf(webSocket);
  const { allowHalfOpen, sni, alpn } = connection.options;
  const socket = new Socket({ allowHalfOpen });
  const lent = connection.lend((error) => socket.destroy(error instanceof Error ? error : undefined));
  const { native, address, connecting, handsOver } = lent;
  const security = connection.handshake && securityOf(connection.handshake);
  adopt(socket, {
    native,
    address,
    by: connection.host,
    connecting,
    security,
    defaults: { servername: sni, ALPNProtocols: alpn },
    handsOver,
    follower: lent,
  });
  return socket;
}

({ PostgresSocket, Socket, createConnection, toDuplex }) satisfies Record<keyof typeof contract, unknown>;
