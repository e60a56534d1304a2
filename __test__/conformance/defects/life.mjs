import { eachSocket, later, shadow } from './frame.mjs';

/** Has opened rejected in a promise that nobody handles. */
const derived = (name) => eachSocket((socket) => void socket[name].then((value) => value));

/** @type {import('./frame.mjs').Defect[]} */
export const life = [
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
