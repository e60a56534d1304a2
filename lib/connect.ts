/** connect(): checks everything that can be known at once, and returns the socket; and the bindings that have one of their own. */

import type { Binding, BindingConfig, SocketAddress, SocketOptions } from '../index.d.ts';
import { parseAddress } from './address.ts';
import { connecting } from './channels.ts';
import { Connection } from './connection.ts';
import { rethrowing } from './error.ts';
import { bind, defaultHost, Host, setDefaultHost } from './host.ts';
import { readOptions } from './options.ts';
import { type Socket, socketOf } from './socket.ts';

export function connect(
  address: string | SocketAddress,
  options: SocketOptions | null | undefined = undefined,
): Socket {
  return connectBy(undefined, address, options);
}

export function createBinding(config: BindingConfig | null | undefined = undefined): Binding {
  return bindingOf(new Host(config));
}

export function setDefaultBinding(config: BindingConfig): Binding {
  return bindingOf(setDefaultHost(config));
}

function bindingOf(host: Host): Binding {
  const binding = Object.freeze({
    connect: (address: string | SocketAddress, options: SocketOptions | null | undefined = undefined) =>
      connectBy(host, address, options),
    get stats() {
      return rethrowing(() => host.config.stats());
    },
  });
  return bind(binding, host);
}

/** Without a host: by the default one. */
function connectBy(host: Host | undefined, address: unknown, options: unknown): Socket {
  const target = parseAddress(address);
  const settings = readOptions(options);
  if (settings.signal?.aborted) throw settings.signal.reason;
  const by = host ?? defaultHost();
  return connecting(target.text, settings.secureTransport, () => {
    const connection = new Connection(target, settings, by);
    // What the host calls to look the name up may have done that.
    if (settings.signal?.aborted) connection.abort(settings.signal.reason);
    return socketOf(connection);
  });
}
