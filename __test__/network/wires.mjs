/**
 * A connection as a workload wants it, by connect(), by wintersock/node, or by node:net and node:tls for comparison. For plain Node
 * processes of every version, so not what __test__/behaviour has in TypeScript.
 */
import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import { createBinding } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { AGREES, ASKS } from './said.mjs';

/**
 * @typedef {object} Target
 * @property {string} host The address, or a name that stands for `hosts`.
 * @property {number} port
 * @property {readonly string[]} [hosts] Addresses of the name, most wanted first.
 * @property {string} ca
 * @property {object} [config] More of the binding's configuration.
 * @property {AbortSignal} [signal]
 * @property {boolean} [allowHalfOpen]
 *
 * @typedef {object} Wire
 * @property {Promise<void>} opened With TLS: after the handshake.
 * @property {Promise<{ code?: string } | undefined>} ended What it ended with, `undefined` if nothing was wrong. Never rejects.
 * @property {() => Promise<Buffer | undefined>} read The next bytes; `undefined` at the end.
 * @property {(bytes: Uint8Array) => Promise<void>} write
 * @property {() => Promise<void>} end Ends this side.
 * @property {() => Promise<void>} close Sends what was written, and closes.
 * @property {() => Promise<void>} giveUp Closes whatever is under way.
 */

/** @param {'connect()' | 'wintersock/node' | 'node:net'} api @param {'off' | 'on' | 'starttls'} security @param {Target} target @returns {Wire} */
export function openWire(api, security, target) {
  const begin = api === 'connect()' ? web : api === 'wintersock/node' ? duplex : nodes;
  const first = begin(target, security);
  if (security !== 'starttls') return first.wire;
  let current = first.wire;
  const opened = first.wire.opened.then(async () => {
    await current.write(Buffer.from(ASKS));
    let answer = '';
    while (answer.length < AGREES.length) {
      const bytes = await current.read();
      if (bytes === undefined) throw new Error('the peer ended before TLS');
      answer += bytes;
    }
    if (answer !== AGREES) throw new Error(`the peer said ${JSON.stringify(answer)}`);
    current = first.secure();
    await current.opened;
  });
  opened.catch(() => {});
  return {
    opened,
    ended: opened.then(
      () => current.ended,
      (error) => error,
    ),
    read: () => current.read(),
    write: (bytes) => current.write(bytes),
    end: () => current.end(),
    close: () => current.close(),
    giveUp: () => current.giveUp(),
  };
}

/** @param {Target} target */
const bindingOf = ({ hosts, ca, config }) =>
  createBinding({ ca, ...(hosts ? { resolve: () => hosts } : {}), ...config });

/** @param {Target} target @param {string} secureTransport */
function web(target, secureTransport) {
  const { host, port, signal, allowHalfOpen } = target;
  const options = { secureTransport, signal, allowHalfOpen };
  const socket = bindingOf(target).connect({ hostname: host, port }, options);
  const wire = webWire(socket);
  return {
    wire,
    secure: () => {
      wire.release();
      return webWire(socket.startTls());
    },
  };
}

/** What one side of a socket that has closed broke with; that it was closed is nothing wrong. @param {Promise<void>} closed */
const failureOf = (closed) =>
  closed.then(
    () => undefined,
    (error) => (error.code === 'ERR_SOCKET_CLOSED' ? undefined : error),
  );

function webWire(socket) {
  const reader = socket.readable.getReader();
  const writer = socket.writable.getWriter();
  const opened = socket.opened.then(() => {});
  opened.catch(() => {});
  // A write that cannot be sent any more is told by those after it, and by this.
  writer.closed.catch(() => {});
  return {
    opened,
    ended: socket.closed.then(
      async () => (await failureOf(reader.closed)) ?? (await failureOf(writer.closed)),
      (error) => error,
    ),
    read: () => reader.read().then(({ value }) => value && Buffer.from(value)),
    write: (bytes) => writer.write(bytes),
    end: () => writer.close(),
    close: () => socket.close(),
    giveUp: () => socket.close(),
    release: () => {
      reader.releaseLock();
      writer.releaseLock();
    },
  };
}

/** @param {Target} target @param {string} security */
function duplex(target, security) {
  const { host, port, signal, allowHalfOpen, ca } = target;
  const options = { host, port, signal, allowHalfOpen, binding: bindingOf(target), ca };
  const socket = createConnection({ ...options, secureTransport: security === 'on' ? 'on' : 'off' });
  const event = security === 'on' ? 'secureConnect' : 'connect';
  return {
    wire: duplexWire(socket, event),
    secure: () => duplexWire(socket.startTls({ ca, servername: host }), 'secureConnect'),
  };
}

/** Node's own sockets, which are there to compare with: what becomes of them in the end is not ours. @type {Set<net.Socket>} */
const others = new Set();

/** Ends those that are left. */
export function destroyOthers() {
  for (const socket of others) socket.destroy();
  others.clear();
}

/** @template {net.Socket} S @param {S} socket */
function other(socket) {
  others.add(socket);
  return socket;
}

/** @param {Target} target @param {string} security */
function nodes(target, security) {
  const { host, port, signal, allowHalfOpen = false, ca, hosts } = target;
  const list = hosts?.map((address) => ({ address, family: net.isIP(address) }));
  const lookup = list && { lookup: (_name, _options, done) => done(null, list), autoSelectFamily: true };
  const options = { host, port, signal, allowHalfOpen, ...lookup };
  if (security === 'on') {
    const socket = other(tls.connect({ ...options, ca, servername: nameOf(host) }));
    return { wire: duplexWire(socket, 'secureConnect') };
  }
  const socket = other(net.connect(options));
  return {
    wire: duplexWire(socket, 'connect'),
    secure: () => {
      const secure = other(tls.connect({ socket, ca, host, servername: nameOf(host), allowHalfOpen }));
      return duplexWire(secure, 'secureConnect');
    },
  };
}

/** What may be sent as a name. @param {string} host */
const nameOf = (host) => (net.isIP(host) ? '' : host);

function duplexWire(socket, event) {
  const ended = new Promise((resolve) => {
    let wrong;
    socket.on('error', (error) => {
      wrong ??= error;
    });
    socket.once('close', () => resolve(wrong));
  });
  const closed = ended.then((error) => Promise.reject(error ?? new Error('it was closed')));
  closed.catch(() => {});
  const opened = Promise.race([once(socket, event), closed]).then(() => {});
  opened.catch(() => {});
  return {
    opened,
    ended,
    // Not by 'data', which would make it flow: it is to read no more than is asked for.
    read: () =>
      new Promise((resolve, reject) => {
        const events = ['readable', 'end', 'close'];
        const settle = (act) => {
          for (const name of events) socket.off(name, take);
          act();
        };
        const take = () => {
          const chunk = socket.read();
          if (chunk !== null) settle(() => resolve(chunk));
          else if (socket.readableEnded) settle(() => resolve(undefined));
          else if (socket.closed)
            settle(() => ended.then((error) => (error ? reject(error) : resolve(undefined))));
        };
        for (const name of events) socket.on(name, take);
        take();
      }),
    write: (bytes) =>
      new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
    end: () => new Promise((resolve) => socket.end(() => resolve())),
    close: async () => {
      socket.destroySoon();
      // Nobody reads any more: the peer's end has to be seen.
      socket.resume();
      await ended;
    },
    giveUp: async () => {
      socket.destroy();
      await ended;
    },
  };
}
