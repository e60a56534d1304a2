/** What packages get for `node:net`: its clients are sockets of ours, everything else is its own. */

import net from 'node:net';
import { readArguments } from '../duplex/arguments.ts';
import { checkNodes } from '../host.ts';
import { beyondTcp } from './reach.ts';
import { Socket } from './socket.ts';
import { standIn } from './stand-in.ts';

/** As `net.connect()`. What sockets of ours cannot do, Node's own do: pipes, descriptors, a local address. */
function connect(...given: unknown[]): unknown {
  const [options, listener] = readArguments(given);
  const beyond = beyondTcp(options);
  if (beyond !== undefined) {
    checkNodes(`\`${beyond}\``, 'network');
    return net.connect(options as net.NetConnectOpts, listener);
  }
  return new Socket(options).connect(options, listener);
}

// `Stream` is another name of the class, which the types do not know.
const ours = { Socket, Stream: Socket, connect, createConnection: connect };

export default standIn(net, ours);
