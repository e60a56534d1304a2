/**
 * A deliberate mistake, put into an implementation that works, to see that clauses notice it.
 *
 * @typedef {object} Defect
 * @property {string} name
 * @property {string} says what is wrong with the implementation
 * @property {string[]} tries beginnings of the ids of the clauses that are run with it
 * @property {(subject: import('../clause.mjs').Subject) => object | Promise<object>} apply what to replace in the subject
 */

/** Replaces connect() by `call(connect, address, options)`. */
export const connecting = (call) => (subject) => ({
  connect: (address, options) => call((...args) => subject.connect(...args), address, options, subject),
});

/** Changes the options, where there are any, before connect() gets them. */
export const withOptions = (change) =>
  connecting((connect, address, options) => connect(address, change(options)));

/** Lets `change(socket, address, options)` change each socket, those of startTls() too. */
export const eachSocket = (change) => (subject) => ({
  connect(address, options) {
    const socket = subject.connect(address, options);
    const startTls = socket.startTls.bind(socket);
    socket.startTls = (...args) => {
      const secure = startTls(...args);
      change(secure, address, options);
      return secure;
    };
    change(socket, address, options);
    return socket;
  },
});

/** Changes Socket.prototype itself. */
export const prototype = (change) => (subject) => {
  change(subject.Socket.prototype, subject);
  return {};
};

/** Puts a property of its own over an attribute of a socket; `make` is called when it is first read. */
export function shadow(socket, name, make) {
  let made;
  Object.defineProperty(socket, name, {
    configurable: true,
    get() {
      made ??= { value: make() };
      return made.value;
    },
  });
}

/**
 * Puts a readable of its own over that of each socket.
 * `chunk(bytes, controller, socket)`, `end(controller)` and `fail(error, controller)` say what becomes of what is read.
 */
export const reading = ({ chunk, end, fail, ...rest }) =>
  eachSocket((socket) => {
    const real = socket.readable;
    shadow(socket, 'readable', () => {
      const reader = real.getReader();
      const source = {
        type: 'bytes',
        async pull(controller) {
          try {
            const { value, done } = await reader.read();
            if (!done && chunk) await chunk(value, controller, socket);
            else if (!done) controller.enqueue(value);
            if (!done) return;
            if (end) await end(controller);
            controller.close();
            controller.byobRequest?.respond(0);
          } catch (error) {
            if (fail) fail(error, controller);
            else controller.error(error);
          }
        },
        cancel: (reason) => reader.cancel(reason),
        ...rest.source?.(reader, socket),
      };
      return new ReadableStream(source, { highWaterMark: rest.highWaterMark ?? 0 });
    });
  });

/**
 * Puts a writable of its own over that of each socket.
 * `write(chunk, writer, socket)`, `close(writer, socket)` and `abort(reason, writer, socket)` say what becomes of it.
 */
export const writing = ({ write, close, abort, strategy }) =>
  eachSocket((socket) => {
    const real = socket.writable;
    shadow(socket, 'writable', () => {
      const writer = real.getWriter();
      let controller;
      const sink = {
        start(given) {
          controller = given;
        },
        write: (chunk) => (write ?? ((bytes) => writer.write(bytes)))(chunk, writer, socket),
        close: () => (close ?? (() => writer.close()))(writer, socket),
        abort: (reason) => (abort ?? (() => writer.abort(reason)))(reason, writer, socket),
      };
      writer.closed.catch((error) => controller?.error(error));
      const size = (bytes) => bytes?.byteLength ?? String(bytes).length;
      return new WritableStream(sink, strategy ?? { highWaterMark: 65536, size });
    });
  });

/** Resolves in a later turn. */
export const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
