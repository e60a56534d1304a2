import { Duplex } from 'node:stream';
import tls from 'node:tls';
import { connecting, eachSocket, later, shadow, withOptions } from './frame.mjs';

/** Puts a startTls() of its own over that of each socket: `call(startTls, socket, args)`. */
const upgrading = (call) => (subject) => ({
  connect(address, options) {
    const socket = subject.connect(address, options);
    const startTls = socket.startTls.bind(socket);
    socket.startTls = (...args) => call(startTls, socket, args, { subject, address, options });
    return socket;
  },
});

/** @type {import('./frame.mjs').Defect[]} */
export const upgrades = [
  {
    name: 'starttls-trusts-anyone',
    says: 'startTls() verifies nothing and sends no name.',
    tries: ['starttls.verified', 'starttls.sni', 'starttls.failure', 'starttls.option'],
    apply: upgrading((_startTls, socket) => {
      const plain = Duplex.fromWeb({ readable: socket.readable, writable: socket.writable });
      plain.on('error', () => {});
      const secure = tls.connect({ socket: plain, rejectUnauthorized: false });
      const opened = new Promise((resolve, reject) =>
        secure.once('secureConnect', resolve).on('error', reject),
      );
      const closed = new Promise((resolve) => secure.once('close', resolve));
      opened.catch(() => {});
      const close = () => {
        secure.destroy();
        return closed;
      };
      return { ...Duplex.toWeb(secure), opened, closed, close };
    }),
  },
  {
    name: 'starttls-is-on',
    says: '"starttls" begins with TLS.',
    tries: [
      'opened.starttls',
      'starttls.plain-before',
      'starttls.opened-after',
      'starttls.secure',
      'options.inherited',
      'alpn.starttls',
    ],
    apply: withOptions((options) =>
      options?.secureTransport === 'starttls' ? { ...options, secureTransport: 'on' } : options,
    ),
  },
  {
    name: 'starttls-asynchronous',
    says: 'startTls() returns a promise of the new socket.',
    tries: ['starttls.returns', 'starttls.secure', 'starttls.needs', 'starttls.once'],
    apply: upgrading(async (startTls, _socket, args) => startTls(...args)),
  },
  {
    name: 'starttls-in-place',
    says: 'startTls() returns the socket itself when it is secure, closed or upgraded already.',
    tries: ['tls.start-tls', 'starttls.on-result', 'starttls.once', 'starttls.after-close', 'starttls.needs'],
    apply: upgrading((startTls, socket, args) => {
      try {
        const secure = startTls(...args);
        secure.startTls = () => secure;
        return secure;
      } catch {
        return socket;
      }
    }),
  },
  {
    name: 'starttls-in-any-mode',
    says: 'A socket made with "off" can be upgraded too.',
    tries: ['starttls.needs', 'error.code', 'idl.secure-transport'],
    apply: withOptions((options) => ({
      ...options,
      secureTransport: options?.secureTransport === 'on' ? 'on' : 'starttls',
    })),
  },
  {
    name: 'starttls-dials-again',
    says: 'startTls() makes a second connection.',
    tries: [
      'starttls.secure',
      'starttls.opened-info',
      'starttls.flushes',
      'starttls.upgraded',
      'starttls.option-ca',
      'starttls.option-client',
      'starttls.after-close',
      'starttls.old-',
    ],
    apply: upgrading((_startTls, _socket, _args, { subject, address, options }) =>
      subject.connect(address, { ...options, secureTransport: 'on' }),
    ),
  },
  {
    name: 'starttls-needs-open',
    says: 'startTls() fails while the socket is connecting.',
    tries: ['starttls.before-open', 'starttls.connect-fails'],
    apply: (subject) => {
      const open = new WeakSet();
      return upgrading((startTls, socket, args) => {
        if (!open.has(socket)) throw new subject.SocketError('not connected');
        return startTls(...args);
      })({
        ...subject,
        connect(address, options) {
          const socket = subject.connect(address, options);
          socket.opened.then(
            () => open.add(socket),
            () => {},
          );
          return socket;
        },
      });
    },
  },
  {
    name: 'starttls-options-ignored',
    says: 'startTls() ignores its options.',
    tries: ['starttls.option'],
    apply: upgrading((startTls) => startTls()),
  },
  {
    name: 'starttls-options-strict',
    says: 'startTls() refuses members it does not know and null.',
    tries: ['starttls.option'],
    apply: upgrading((startTls, _socket, [options]) => {
      const known = ['sni', 'servername', 'expectedServerHostname', 'ca', 'cert', 'key'];
      if (options === null || Object.keys(options ?? {}).some((name) => !known.includes(name))) {
        throw new TypeError('wrong options');
      }
      return startTls(options);
    }),
  },
  {
    name: 'starttls-options-of-tls',
    says: 'startTls() knows servername only.',
    tries: ['starttls.option'],
    apply: upgrading((startTls, _socket, [options]) => startTls({ servername: options?.servername })),
  },
  {
    name: 'starttls-connect-options-lost',
    says: 'What connect() was given is forgotten by startTls().',
    tries: ['sni.starttls', 'alpn.starttls', 'starttls.half-open', 'signal.starttls'],
    apply: connecting((connect, address, options) => {
      if (options?.secureTransport !== 'starttls') return connect(address, options);
      return connect(address, { secureTransport: 'starttls' });
    }),
  },
  {
    name: 'starttls-other-name',
    says: 'startTls() sends and checks no name of connect().',
    tries: ['starttls.sni', 'starttls.verified', 'starttls.secure'],
    apply: upgrading((startTls, _socket, [options]) => startTls({ servername: '127.0.0.1', ...options })),
  },
  {
    name: 'upgraded-never',
    says: 'upgraded stays false on the old socket and is true on the new one.',
    tries: ['starttls.upgraded'],
    apply: (() => {
      let count = 0;
      return eachSocket((socket) => {
        const secure = socket.secureTransport === 'on' && ++count > 0;
        shadow(socket, 'upgraded', () => secure);
      });
    })(),
  },
  {
    name: 'upgraded-late',
    says: 'upgraded becomes true a while after closed has resolved.',
    tries: ['starttls.upgraded'],
    apply: eachSocket((socket) => {
      let upgraded = false;
      socket.closed
        .then(() => later(50))
        .then(
          () => {
            upgraded = true;
          },
          () => {},
        );
      Object.defineProperty(socket, 'upgraded', { get: () => upgraded });
    }),
  },
  {
    name: 'old-closed-at-once',
    says: 'closed of the old socket resolves within startTls(), also if the handshake fails later.',
    tries: ['starttls.old-closed', 'starttls.failure-settles'],
    apply: (subject) => ({
      connect(address, options) {
        const socket = subject.connect(address, options);
        let resolve;
        const closed = new Promise((given) => {
          resolve = given;
        });
        socket.closed.then(resolve, resolve);
        shadow(socket, 'closed', () => closed);
        const startTls = socket.startTls.bind(socket);
        socket.startTls = (...args) => {
          resolve();
          return startTls(...args);
        };
        return socket;
      },
    }),
  },
  {
    name: 'old-close-closes-new',
    says: 'close() on the old socket closes the new one.',
    tries: ['starttls.old-close'],
    apply: upgrading((startTls, socket, args) => {
      const secure = startTls(...args);
      socket.close = () => secure.close();
      return secure;
    }),
  },
  {
    name: 'old-streams-live-on',
    says: 'The streams of the old socket go on as those of the new one.',
    tries: ['starttls.old-', 'starttls.returns', 'starttls.queued'],
    apply: upgrading((startTls, socket, args) => {
      const secure = startTls(...args);
      shadow(socket, 'readable', () => secure.readable);
      shadow(socket, 'writable', () => secure.writable);
      return secure;
    }),
  },
  {
    name: 'old-locks-forbid',
    says: 'startTls() throws while a stream of the old socket is locked.',
    tries: ['starttls.locks', 'starttls.old-', 'starttls.flushes'],
    apply: upgrading((startTls, socket, args) => {
      if (socket.readable.locked || socket.writable.locked) throw new TypeError('a stream is locked');
      return startTls(...args);
    }),
  },
  {
    name: 'plain-bytes-kept',
    says: 'What arrived in plain text and was not read yet appears on the secure socket.',
    tries: ['starttls.injected', 'starttls.old-readable'],
    apply: (subject) => ({
      connect(address, options) {
        const socket = subject.connect(address, options);
        if (options?.secureTransport !== 'starttls') return socket;
        const reader = socket.readable.getReader();
        const queue = [];
        const ahead = (async () => {
          for (let next = await reader.read(); !next.done; next = await reader.read())
            queue.push(...next.value);
        })();
        ahead.catch(() => {});
        const take = async (size) => {
          while (queue.length === 0) await later(5);
          return Uint8Array.from(queue.splice(0, size));
        };
        shadow(
          socket,
          'readable',
          () =>
            new ReadableStream(
              {
                type: 'bytes',
                async pull(controller) {
                  const view = controller.byobRequest?.view;
                  const bytes = await take(view?.byteLength ?? 1);
                  if (!view) return controller.enqueue(bytes);
                  new Uint8Array(view.buffer, view.byteOffset).set(bytes);
                  controller.byobRequest.respond(bytes.length);
                },
              },
              { highWaterMark: 0 },
            ),
        );
        const startTls = socket.startTls.bind(socket);
        socket.startTls = (...args) => {
          const secure = startTls(...args);
          const { readable } = secure;
          shadow(secure, 'readable', () => {
            const next = readable.getReader();
            return new ReadableStream(
              {
                pull: async (controller) => {
                  if (queue.length) return controller.enqueue(Uint8Array.from(queue.splice(0)));
                  controller.enqueue((await next.read()).value);
                },
              },
              { highWaterMark: 0 },
            );
          });
          return secure;
        };
        return socket;
      },
    }),
  },
];
