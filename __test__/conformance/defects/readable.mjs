import { eachSocket, later, reading, shadow } from './frame.mjs';

/** @type {import('./frame.mjs').Defect[]} */
export const readables = [
  {
    name: 'no-byte-stream',
    says: 'readable is a stream of chunks, without BYOB readers.',
    tries: ['readable.byob', 'close.reads-end-byob'],
    apply: eachSocket((socket) => {
      const { readable } = socket;
      shadow(socket, 'readable', () => readable.pipeThrough(new TransformStream()));
    }),
  },
  {
    name: 'text-chunks',
    says: 'Chunks are strings.',
    tries: ['readable.data', 'readable.uint8array', 'readable.response', 'readable.tee'],
    apply: eachSocket((socket) => {
      const { readable } = socket;
      shadow(socket, 'readable', () => readable.pipeThrough(new TextDecoderStream()));
    }),
  },
  {
    name: 'end-hangs',
    says: 'The end of the stream is not noticed: reads stay pending.',
    tries: [
      'readable.end',
      'readable.byob-end',
      'readable.async',
      'readable.tee',
      'readable.pipe-to',
      'readable.response',
      'fin.closed',
      'fin.data',
      'half-open.readable',
      'fin.tls',
      'tls.clean-end',
      'close.reads',
      'close.nothing',
      'starttls.old-read',
      'process.peer-end',
    ],
    apply: reading({ end: () => new Promise(() => {}) }),
  },
  {
    name: 'reset-is-clean-end',
    says: 'A stream that broke ends as if all had been read.',
    tries: [
      'reset.',
      'tls.truncation',
      'failure.readable',
      'failure.pending-read',
      'certificate.streams',
      'signal.pending-read',
      'signal.starttls',
    ],
    apply: reading({
      fail(_error, controller) {
        controller.close();
        controller.byobRequest?.respond(0);
      },
    }),
  },
  {
    name: 'close-breaks-reads',
    says: 'The end of the stream is an error.',
    tries: [
      'close.reads',
      'close.nothing',
      'readable.end',
      'readable.byob-end',
      'readable.cancel-in',
      'starttls.old-read',
      'half-open.readable',
      'fin.data',
      'signal.after-close',
    ],
    apply: reading({
      end() {
        throw new Error('the socket was closed');
      },
    }),
  },
  {
    name: 'chunks-share-memory',
    says: 'Every chunk is a view of one buffer that is used again.',
    tries: ['readable.own-memory', 'readable.bulk', 'readable.byob-offset'],
    apply: (() => {
      const shared = Buffer.alloc(1 << 20);
      return eachSocket((socket) => {
        const reader = socket.readable.getReader();
        shadow(
          socket,
          'readable',
          () =>
            new ReadableStream({
              pull: async (controller) => {
                const { value, done } = await reader.read();
                if (done) return controller.close();
                shared.set(value);
                controller.enqueue(shared.subarray(0, value.length));
              },
            }),
        );
      });
    })(),
  },
  {
    name: 'reads-wait-for-more',
    says: 'Nothing is delivered before 4096 bytes are there or the stream ends.',
    tries: [
      'readable.arrives',
      'readable.data',
      'readable.waits',
      'readable.queued',
      'readable.read-before',
      'readable.byob',
      'readable.release',
      'half-open.ours',
      'writable.close-leaves',
      'writable.abort-closed',
      'connect.independent',
    ],
    apply: (() => {
      const held = new WeakMap();
      return reading({
        chunk(bytes, controller, socket) {
          const all = Buffer.concat([held.get(socket) ?? Buffer.alloc(0), bytes]);
          held.set(socket, all);
          if (all.length < 4096) return new Promise(() => {});
          held.delete(socket);
          controller.enqueue(new Uint8Array(all));
        },
      });
    })(),
  },
  {
    name: 'reads-empty',
    says: 'A read that finds nothing gives an empty chunk, and a stray one comes before each chunk.',
    tries: ['readable.uint8array', 'readable.waits', 'readable.queued', 'readable.data'],
    apply: eachSocket((socket) => {
      const reader = socket.readable.getReader();
      shadow(
        socket,
        'readable',
        () =>
          new ReadableStream(
            {
              pull: async (controller) => {
                controller.enqueue(new Uint8Array(0));
                const { value, done } = await reader.read();
                if (done) controller.close();
                else controller.enqueue(value);
              },
            },
            { highWaterMark: 0 },
          ),
      );
    }),
  },
  {
    name: 'reads-cut',
    says: 'Of a chunk longer than 8 KiB the rest is lost.',
    tries: [
      'readable.bulk',
      'tls.bulk',
      'writable.full-duplex',
      'backpressure.slow-reader-resumes',
      'fin.data',
    ],
    apply: reading({ chunk: (bytes, controller) => controller.enqueue(bytes.slice(0, 8192)) }),
  },
  {
    name: 'last-chunk-lost',
    says: 'What arrived together with the end is lost.',
    tries: [
      'readable.end',
      'readable.tee',
      'readable.pipe-to',
      'readable.response',
      'readable.async',
      'fin.',
      'half-open.readable',
      'tls.clean',
      'process.peer-end',
      'reset.data-first',
    ],
    apply: (() => {
      const held = new WeakMap();
      return reading({
        async chunk(bytes, controller, socket) {
          await later(30);
          const before = held.get(socket);
          held.set(socket, bytes.slice());
          controller.enqueue(before ?? new Uint8Array([46]));
        },
      });
    })(),
  },
  {
    name: 'reads-ahead-without-bound',
    says: 'Whatever arrives is read at once and queued, and closed does not wait for the reader.',
    tries: ['backpressure.slow-reader', 'fin.unread', 'close.nothing'],
    apply: eachSocket((socket) => {
      const reader = socket.readable.getReader();
      const queue = new ReadableStream({
        async start(controller) {
          try {
            for (let next = await reader.read(); !next.done; next = await reader.read())
              controller.enqueue(next.value);
            controller.close();
          } catch (error) {
            controller.error(error);
          }
        },
      });
      shadow(socket, 'readable', () => queue);
    }),
  },
  {
    name: 'reads-need-connection',
    says: 'A read before the connection exists fails.',
    tries: ['readable.read-before', 'failure.pending-read', 'close.handled'],
    apply: (() => {
      const open = new WeakSet();
      return (subject) => ({
        connect(address, options) {
          const socket = subject.connect(address, options);
          const { readable } = socket;
          socket.opened.then(
            () => open.add(socket),
            () => {},
          );
          Object.defineProperty(socket, 'readable', {
            get: () =>
              open.has(socket)
                ? readable
                : new ReadableStream({ pull: () => Promise.reject(new Error('not connected')) }),
          });
          return socket;
        },
      });
    })(),
  },
  {
    name: 'lock-keeps-read',
    says: 'releaseLock() with a read pending leaves that read pending, and it takes what arrives next.',
    tries: ['readable.release', 'readable.queued'],
    apply: eachSocket((socket) => {
      const reader = socket.readable.getReader();
      shadow(socket, 'readable', () => ({
        locked: false,
        getReader: () => ({
          read: () => reader.read(),
          releaseLock() {},
          cancel: (reason) => reader.cancel(reason),
        }),
      }));
    }),
  },
  {
    name: 'cancel-closes-socket',
    says: 'cancel() closes the whole socket.',
    tries: ['readable.cancel'],
    apply: reading({ source: (_reader, socket) => ({ cancel: () => socket.close() }) }),
  },
  {
    name: 'cancel-rejects',
    says: 'cancel() rejects with its reason.',
    tries: ['readable.cancel', 'writable.both'],
    apply: reading({
      source: () => ({ cancel: (reason) => Promise.reject(reason ?? new Error('cancelled')) }),
    }),
  },
  {
    name: 'byob-copies',
    says: 'A BYOB read gives a buffer of its own, as long as what has arrived.',
    tries: ['readable.byob'],
    apply: eachSocket((socket) => {
      const reader = socket.readable.getReader();
      shadow(socket, 'readable', () => ({
        getReader: () => ({
          async read() {
            const { value, done } = await reader.read();
            return { value: done ? undefined : value, done };
          },
          releaseLock() {},
        }),
      }));
    }),
  },
];
