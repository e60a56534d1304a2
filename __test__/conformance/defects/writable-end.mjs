import { eachSocket, later, shadow, writing } from './frame.mjs';

/** @type {import('./frame.mjs').Defect[]} */
export const writableEnds = [
  {
    name: 'write-errors-swallowed',
    says: 'A write that fails resolves.',
    tries: [
      'close.later',
      'close.writer',
      'close.handled',
      'close.flush-bounded',
      'reset.',
      'fin.writable',
      'failure.writable',
      'failure.pending-write',
      'starttls.old-writes',
      'signal.later',
      'signal.pending-write',
      'certificate.streams',
      'certificate.',
      'writable.write-after',
      'writable.abort',
      'half-open.close',
      'error.code-closed',
    ],
    apply: eachSocket((socket) => {
      const { writable } = socket;
      shadow(socket, 'writable', () => {
        const swallowing = (writer) => ({
          write: (chunk) => new Promise((resolve) => resolve(writer.write(chunk))).catch(() => {}),
          close: () => writer.close(),
          abort: (reason) => writer.abort(reason),
          releaseLock: () => writer.releaseLock(),
          closed: writer.closed.catch(() => {}),
          ready: writer.ready,
        });
        return {
          getWriter: () => swallowing(writable.getWriter()),
          abort: (r) => writable.abort(r),
          close: () => writable.close(),
        };
      });
    }),
  },
  {
    name: 'close-without-fin',
    says: 'writer.close() sends nothing.',
    tries: [
      'writable.close',
      'writable.pipe-into',
      'half-open.both',
      'half-open.ours',
      'tls.writer',
      'writable.both',
      'backpressure.slow-peer-resumes',
    ],
    apply: writing({ close: () => {} }),
  },
  {
    name: 'close-drops-queue',
    says: 'writer.close() aborts what is not sent yet.',
    tries: ['writable.close-fin', 'writable.pipe-into', 'tls.writer'],
    apply: writing({
      write: (chunk, writer) =>
        void later(20)
          .then(() => writer.write(chunk))
          .catch(() => {}),
      close: (writer) => writer.close(),
    }),
  },
  {
    name: 'close-ends-socket',
    says: 'writer.close() and writer.abort() close the whole socket.',
    tries: ['writable.close', 'writable.abort', 'half-open.ours', 'tls.writer'],
    apply: writing({
      close: (_writer, socket) => socket.close(),
      abort: (_reason, _writer, socket) => socket.close(),
    }),
  },
  {
    name: 'abort-waits',
    says: 'abort() waits for the writes in flight.',
    tries: ['writable.abort'],
    apply: writing({
      write: (chunk, writer) => writer.write(chunk),
      abort: (reason, writer) => writer.ready.then(() => writer.abort(reason)),
    }),
  },
  {
    name: 'abort-throws',
    says: 'abort() rejects, and forgets its reason.',
    tries: ['writable.abort'],
    apply: eachSocket((socket) => {
      const { writable } = socket;
      const getWriter = writable.getWriter.bind(writable);
      writable.getWriter = () => {
        const writer = getWriter();
        const abort = writer.abort.bind(writer);
        writer.abort = () => abort();
        return writer;
      };
    }),
  },
  {
    name: 'release-aborts',
    says: 'releaseLock() aborts the writes that are pending.',
    tries: ['writable.release'],
    apply: eachSocket((socket) => {
      const { writable } = socket;
      const getWriter = writable.getWriter.bind(writable);
      writable.getWriter = () => {
        const writer = getWriter();
        const release = writer.releaseLock.bind(writer);
        writer.releaseLock = () => {
          writer.abort(new Error('released')).catch(() => {});
          release();
        };
        return writer;
      };
    }),
  },
  {
    name: 'queue-counts-chunks',
    says: 'The queue of the writable counts chunks instead of bytes.',
    tries: ['backpressure.desired', 'backpressure.high', 'backpressure.ready', 'options.high-water-mark'],
    apply: writing({ strategy: { highWaterMark: 16 } }),
  },
  {
    name: 'fin-errors-writable',
    says: 'The end of the peer errors the writable side.',
    tries: ['fin.unlocked', 'fin.writable', 'half-open.writable', 'fin.queued'],
    apply: eachSocket((socket) => {
      const { writable } = socket;
      const writer = writable.getWriter();
      let fail;
      const own = new WritableStream({
        start: (c) => {
          fail = (e) => c.error(e);
        },
        write: (chunk) => writer.write(chunk),
        close: () => writer.close(),
      });
      writer.closed.then(() => fail(new Error('ended')), fail);
      shadow(socket, 'writable', () => own);
    }),
  },
];
