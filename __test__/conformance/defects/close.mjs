import { connecting, eachSocket, later, prototype, shadow } from './frame.mjs';

/** Puts a close() of its own over that of Socket.prototype: `call(close, socket, reason)`. */
const closing = (call) =>
  prototype((proto) => {
    const { close } = proto;
    proto.close = function (reason) {
      return call((why) => close.call(this, why), this, reason);
    };
  });

/** @type {import('./frame.mjs').Defect[]} */
export const closes = [
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
];
