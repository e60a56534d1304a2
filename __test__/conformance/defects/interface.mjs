import { connecting, eachSocket, prototype, shadow } from './frame.mjs';

const ATTRIBUTES = ['readable', 'writable', 'opened', 'closed', 'upgraded', 'secureTransport'];

/** @type {import('./frame.mjs').Defect[]} */
export const interfaces = [
  {
    name: 'own-properties',
    says: 'The attributes are plain properties of each socket.',
    tries: ['idl.'],
    apply: eachSocket((socket) => {
      for (const name of ATTRIBUTES) {
        Object.defineProperty(socket, name, { value: socket[name], writable: true, configurable: true });
        delete Object.getPrototypeOf(socket)[name];
      }
    }),
  },
  {
    name: 'class-members',
    says: 'Members are those of a JavaScript class: not enumerable, with the length of their parameter lists, without brand.',
    tries: ['idl.'],
    apply: prototype((proto) => {
      const { close, startTls } = proto;
      class TcpSocket {
        close(reason) {
          return this instanceof TcpSocket
            ? undefined
            : Object.hasOwn(this, 'x') || proto === Object.getPrototypeOf(this)
              ? close.call(this, reason)
              : Promise.resolve();
        }
        startTls(options) {
          return proto === Object.getPrototypeOf(this) ? startTls.call(this, options) : null;
        }
      }
      for (const name of ['close', 'startTls']) {
        Object.defineProperty(proto, name, Object.getOwnPropertyDescriptor(TcpSocket.prototype, name));
      }
      for (const name of ATTRIBUTES) {
        const { get } = Object.getOwnPropertyDescriptor(proto, name);
        Object.defineProperty(proto, name, {
          get() {
            return Object.getPrototypeOf(this) === proto ? get.call(this) : undefined;
          },
          set() {},
          enumerable: false,
          configurable: true,
        });
      }
      Object.defineProperty(proto.constructor, 'name', { value: 'TcpSocket' });
      Object.defineProperty(proto, Symbol.toStringTag, {
        value: 'TcpSocket',
        writable: true,
        configurable: true,
      });
    }),
  },
  {
    name: 'constructor-open',
    says: 'The class of sockets can be instantiated.',
    tries: ['idl.no-constructor'],
    apply: prototype((proto) => {
      Object.defineProperty(proto, 'constructor', { value: class Socket {} });
    }),
  },
  {
    name: 'connect-as-method',
    says: 'connect() is a method that needs its object and has two parameters.',
    tries: ['idl.connect'],
    apply: (subject) => ({
      connect: function open(address, options) {
        if (this?.connect === undefined) throw new Error('illegal invocation');
        return subject.connect(address, options);
      },
    }),
  },
  {
    name: 'connect-asynchronous',
    says: 'connect() returns a promise of a socket.',
    tries: [
      'connect.returns',
      'connect.attributes',
      'idl.types',
      'opened.',
      'address.string.throws',
      'failure.asynchronous',
    ],
    apply: connecting(async (connect, address, options) => connect(address, options)),
  },
  {
    name: 'connect-resolves-first',
    says: 'connect() throws when it knows at once that a name does not exist.',
    tries: ['failure.'],
    apply: connecting((connect, address, options, { SocketError }) => {
      const host = String(address.hostname ?? address);
      if (host.includes('.invalid')) throw new SocketError('no such name', { code: 'ENOTFOUND' });
      return connect(address, options);
    }),
  },
  {
    name: 'dialled-when-used',
    says: 'The connection is made when the socket is first used.',
    tries: ['connect.dials', 'certificate.handled', 'address.string.throws', 'close.at-once'],
    apply: connecting((connect, address, options) => {
      let socket;
      const used = () => {
        socket ??= connect(address, options);
        return socket;
      };
      const get = (_target, key) => {
        const value = Reflect.get(used(), key, used());
        return typeof value === 'function' ? value.bind(used()) : value;
      };
      return new Proxy({}, { get });
    }),
  },
  {
    name: 'connections-pooled',
    says: 'A second socket to an address is the first one.',
    tries: ['connect.independent', 'connect.string-or', 'address.object.port-string', 'failure.one-of-many'],
    apply: (() => {
      const pool = new Map();
      return connecting((connect, address, options) => {
        const key =
          typeof address === 'string' ? address : `${address.hostname}:${String(address.port).trim()}`;
        if (!pool.has(key)) pool.set(key, connect(address, options));
        return pool.get(key);
      });
    })(),
  },
  {
    name: 'failures-shared',
    says: 'A connection that fails closes every other socket.',
    tries: ['failure.one-of-many'],
    apply: (() => {
      const all = [];
      return eachSocket((socket) => {
        all.push(socket);
        socket.opened.catch(() => all.map((other) => other.close()));
      });
    })(),
  },
  {
    name: 'attributes-fresh',
    says: 'Each look at readable, writable, opened or closed makes a new object.',
    tries: [
      'idl.same-object',
      'idl.attributes',
      'readable.locked',
      'writable.locked',
      'close.locked',
      'close.returns',
    ],
    apply: eachSocket((socket) => {
      const { readable, writable, opened, closed } = socket;
      const own = (name, get) => Object.defineProperty(socket, name, { get, configurable: true });
      const reader = readable.getReader();
      const writer = writable.getWriter();
      own(
        'readable',
        () =>
          new ReadableStream({
            pull: async (c) => {
              const { value, done } = await reader.read();
              if (done) c.close();
              else c.enqueue(value);
            },
          }),
      );
      own(
        'writable',
        () => new WritableStream({ write: (chunk) => writer.write(chunk), close: () => writer.close() }),
      );
      own('opened', () => opened.then((info) => info));
      own('closed', () => closed.then(() => {}));
    }),
  },
  {
    name: 'secure-transport-missing',
    says: 'secureTransport is "off" whatever the mode.',
    tries: ['idl.secure-transport', 'starttls.secure-transport'],
    apply: eachSocket((socket) => shadow(socket, 'secureTransport', () => 'off')),
  },
  {
    name: 'information-resolved',
    says: 'opened tells the address that was found instead of the one that was asked for, without brackets, and no local one.',
    tries: ['opened.', 'starttls.opened-info', 'tls.opened-info'],
    apply: eachSocket((socket) => {
      const opened = socket.opened.then(({ remoteAddress }) => ({
        remoteAddress: remoteAddress.replace('localhost', '127.0.0.1').replace(/[[\]]/g, ''),
        localAddress: '0.0.0.0:0',
      }));
      opened.catch(() => {});
      shadow(socket, 'opened', () => opened);
    }),
  },
  {
    name: 'information-missing',
    says: 'opened resolves with undefined.',
    tries: ['opened.', 'alpn.agreed'],
    apply: eachSocket((socket) => {
      const opened = socket.opened.then(() => {});
      opened.catch(() => {});
      shadow(socket, 'opened', () => opened);
    }),
  },
  {
    name: 'opened-at-once',
    says: 'opened resolves as soon as the socket exists.',
    tries: [
      'opened.',
      'connect.pending',
      'failure.opened',
      'tls.opened',
      'starttls.opened',
      'starttls.verified',
      'certificate.expired',
      'fin.before',
      'close.while-connecting',
      'alpn.mismatch',
      'sni.verified',
      'tls.plain-peer',
      'trust.no-ca-file',
      'starttls.option-checked',
      'starttls.option-ca-replaces',
    ],
    apply: eachSocket((socket) =>
      shadow(socket, 'opened', () => Promise.resolve({ remoteAddress: '', localAddress: '', alpn: null })),
    ),
  },
  {
    name: 'opened-never',
    says: 'opened does not resolve before something was read.',
    tries: [
      'opened.resolves',
      'fin.before',
      'address.string.host-port',
      'address.object.hostname-port',
      'connect.string-or',
      'certificate.valid',
      'options.inherited',
    ],
    apply: eachSocket((socket) => shadow(socket, 'opened', () => new Promise(() => {}))),
  },
];
