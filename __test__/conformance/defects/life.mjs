import { connecting, eachSocket, later, prototype, shadow } from './frame.mjs';

/** Puts a close() of its own over that of Socket.prototype: `call(close, socket, reason)`. */
const closing = (call) =>
  prototype((proto) => {
    const { close } = proto;
    proto.close = function (reason) {
      return call((why) => close.call(this, why), this, reason);
    };
  });

/** Has opened rejected in a promise that nobody handles. */
const derived = (name) => eachSocket((socket) => void socket[name].then((value) => value));

/** @type {import('./frame.mjs').Defect[]} */
export const life = [
  {
    name: 'close-new-promise',
    says: 'close() returns a promise of its own.',
    tries: ['close.returns', 'close.idempotent', 'failure.close-after'],
    apply: closing((close, _socket, reason) => close(reason).then(() => true)),
  },
  {
    name: 'close-once',
    says: 'close() throws on a socket that is closed.',
    tries: [
      'close.idempotent',
      'dispose.twice',
      'reset.close-after',
      'failure.close-after',
      'starttls.old-close',
      'close.reset-after',
    ],
    apply: prototype((proto) => {
      const { close } = proto;
      const ended = new WeakSet();
      proto.close = function (reason) {
        if (ended.has(this)) throw new TypeError('the socket is closed');
        ended.add(this);
        this.closed.finally(() => ended.add(this)).catch(() => {});
        return close.call(this, reason);
      };
      const { startTls } = proto;
      proto.startTls = function (...args) {
        const secure = startTls.apply(this, args);
        ended.add(this);
        return secure;
      };
    }),
  },
  {
    name: 'close-throws-after-end',
    says: 'close() throws when the connection has ended by itself.',
    tries: ['reset.close-after', 'failure.close-after', 'dispose.twice'],
    apply: (subject) => {
      const ended = new WeakSet();
      const { close } = subject.Socket.prototype;
      subject.Socket.prototype.close = function (reason) {
        if (ended.has(this)) throw new TypeError('the socket has ended');
        return close.call(this, reason);
      };
      return eachSocket(
        (socket) =>
          void socket.closed.then(
            () => ended.add(socket),
            () => ended.add(socket),
          ),
      )(subject);
    },
  },
  {
    name: 'close-reason-lost',
    says: 'The reason of close() is not passed on.',
    tries: ['close.later', 'close.writer', 'close.while', 'close.during'],
    apply: closing((close) => close()),
  },
  {
    name: 'close-reason-required',
    says: 'close() without a reason takes undefined for the reason.',
    tries: ['close.while', 'error.code', 'close.later-writes-without', 'close.at-once'],
    apply: connecting((connect, address, options) => {
      const socket = connect(address, options);
      const opened = socket.opened.catch((error) =>
        Promise.reject(error.code === 'ERR_SOCKET_CLOSED' ? undefined : error),
      );
      opened.catch(() => {});
      shadow(socket, 'opened', () => opened);
      return socket;
    }),
  },
  {
    name: 'close-destroys',
    says: 'close() drops what is queued and resets the connection; reads reject.',
    tries: ['close.', 'readable.cancel'],
    apply: connecting((connect, address, options) => {
      const own = new AbortController();
      const signal = options?.signal ? AbortSignal.any([options.signal, own.signal]) : own.signal;
      const socket = connect(address, { ...options, signal });
      socket.close = (reason) => {
        own.abort(reason);
        return socket.closed;
      };
      return socket;
    }),
  },
  {
    name: 'close-ends-writing',
    says: 'close() closes the writable side and waits for the peer to end.',
    tries: ['close.', 'half-open.close', 'process.close', 'dispose.', 'reset.close-after'],
    apply: eachSocket((socket) => {
      const { readable, writable, closed } = socket;
      let fail;
      const own = Promise.race([
        closed,
        new Promise((_, reject) => {
          fail = reject;
        }),
      ]);
      own.catch(() => {});
      shadow(socket, 'closed', () => own);
      socket.close = () => {
        if (!writable.locked) writable.close().catch(fail);
        if (!readable.locked) readable.pipeTo(new WritableStream()).catch(fail);
        return own;
      };
      socket[Symbol.asyncDispose] = socket.close;
    }),
  },
  {
    name: 'close-in-name-only',
    says: 'close() resolves closed and leaves the connection as it is.',
    tries: ['close.', 'half-open.close', 'process.close', 'dispose.', 'descriptors.closed'],
    apply: eachSocket((socket) => {
      let close;
      const closed = Promise.race([
        socket.closed,
        new Promise((resolve) => {
          close = resolve;
        }),
      ]);
      closed.catch(() => {});
      shadow(socket, 'closed', () => closed);
      socket.close = () => {
        close();
        return closed;
      };
      socket[Symbol.asyncDispose] = socket.close;
    }),
  },
  {
    name: 'close-through-streams',
    says: 'close() calls cancel() and abort() of the streams, which their locks forbid.',
    tries: ['close.', 'starttls.locks-held'],
    apply: closing((close, socket, reason) => {
      Promise.all([socket.readable.cancel(reason), socket.writable.abort(reason)]).then(() => close(reason));
      return socket.closed;
    }),
  },
  {
    name: 'close-errors-late',
    says: 'After close() a read goes on in the background, and how it ends is for nobody to handle.',
    tries: ['close.reset-after', 'close.handled', 'close.nothing', 'close.reads'],
    apply: closing((close, socket, reason) => {
      if (!socket.readable.locked) later(30).then(() => Promise.reject(new Error('late')));
      return close(reason);
    }),
  },
  {
    name: 'opened-unhandled',
    says: 'A promise derived from opened is not marked as handled.',
    tries: [
      'failure.handled',
      'failure.unresolvable',
      'close.handled',
      'certificate.handled',
      'starttls.failure-handled',
      'signal.handled',
      'process.failure',
    ],
    apply: derived('opened'),
  },
  {
    name: 'end-unhandled',
    says: 'A promise of its own for the end of the stream is not marked as handled.',
    tries: [
      'reset.handled',
      'failure.handled-streams',
      'reset.half-open',
      'failure.settles-once',
      'certificate.handled',
    ],
    apply: eachSocket((socket) => {
      const reader = socket.readable.getReader();
      reader.closed.then(() => {});
      shadow(socket, 'readable', () => {
        reader.releaseLock = () => {};
        return { getReader: () => reader, locked: true };
      });
      shadow(socket, 'opened', () => Promise.race([reader.closed, later(40)]).then(() => reader.closed));
    }),
  },
  {
    name: 'closed-when-opened',
    says: 'closed resolves as soon as the connection is there.',
    tries: [
      'opened.closed',
      'half-open.',
      'readable.cancel-closed',
      'writable.close-closed',
      'writable.abort-closed',
      'fin.unread',
      'backpressure.slow-reader',
      'connect.pending',
      'starttls.old-closed',
    ],
    apply: eachSocket((socket) => {
      const closed = socket.opened.then(() => {});
      closed.catch(() => {});
      shadow(socket, 'closed', () => closed);
    }),
  },
  {
    name: 'closed-by-close-only',
    says: 'closed settles after close() only.',
    tries: [
      'fin.',
      'half-open.',
      'reset.',
      'failure.closed',
      'failure.same',
      'starttls.old-closed',
      'starttls.connect-fails',
      'starttls.failure-settles',
      'starttls.upgraded-before',
      'signal.connection-ends',
      'tls.plain-peer',
      'tls.peer-hangs',
      'failure.handled-unresolvable',
      'certificate.socket-error',
    ],
    apply: eachSocket((socket) => {
      const real = socket.close.bind(socket);
      let resolve;
      const closed = new Promise((given) => {
        resolve = given;
      });
      shadow(socket, 'closed', () => closed);
      socket.close = (reason) => {
        real(reason).then(resolve, resolve);
        return closed;
      };
    }),
  },
  {
    name: 'closed-with-value',
    says: 'closed resolves with true.',
    tries: ['close.resolves', 'fin.closed', 'reset.closed', 'starttls.old-closed'],
    apply: eachSocket((socket) => {
      const closed = socket.closed.then(() => true);
      closed.catch(() => {});
      shadow(socket, 'closed', () => closed);
      const real = socket.close.bind(socket);
      socket.close = (reason) => {
        real(reason);
        return closed;
      };
    }),
  },
  {
    name: 'closed-rejects-on-reset',
    says: 'A failure after opening rejects opened and closed.',
    tries: ['reset.', 'failure.settles', 'half-open.'],
    apply: eachSocket((socket) => {
      const { readable } = socket;
      const [own, watched] = readable.tee();
      const failed = watched.pipeTo(new WritableStream()).then(() => socket.closed);
      failed.catch(() => {});
      const { opened, closed } = socket;
      shadow(socket, 'readable', () => own);
      Object.defineProperty(socket, 'opened', {
        get: () => Promise.all([opened, Promise.race([failed, later(30)])]).then(([info]) => info),
      });
      shadow(socket, 'closed', () => failed.then(() => closed));
    }),
  },
  {
    name: 'ends-keep-connection',
    says: 'Cancelling readable and closing writable leave the connection open.',
    tries: ['writable.both', 'half-open.both', 'descriptors.half', 'readable.cancel'],
    apply: eachSocket((socket) => {
      const { readable, writable } = socket;
      const reader = readable.getReader();
      shadow(
        socket,
        'readable',
        () =>
          new ReadableStream(
            {
              type: 'bytes',
              pull: async (controller) => {
                const { value, done } = await reader.read();
                if (!done) return controller.enqueue(value);
                controller.close();
                controller.byobRequest?.respond(0);
              },
              cancel: () => new Promise(() => {}),
            },
            { highWaterMark: 0 },
          ),
      );
      const writer = writable.getWriter();
      shadow(socket, 'writable', () => new WritableStream({ write: (chunk) => writer.write(chunk) }));
    }),
  },
];
