import { eachSocket, later, shadow, writing } from './frame.mjs';

const bytesOf = (chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
const PENDING = ['writable.pending', 'writable.before-open', 'failure.pending-write'];

/** @type {import('./frame.mjs').Defect[]} */
export const writables = [
  {
    name: 'strings-rejected',
    says: 'Strings cannot be written.',
    tries: [
      'writable.string',
      'writable.empty',
      'writable.pipe-into',
      'connect.plain',
      'writable.write-resolves',
    ],
    apply: writing({
      write(chunk, writer) {
        if (typeof chunk === 'string') throw new TypeError('a string cannot be written');
        return writer.write(chunk);
      },
    }),
  },
  {
    name: 'strings-latin1',
    says: 'Strings are written and counted as one byte for each character.',
    tries: ['writable.string', 'backpressure.desired-size-string'],
    apply: writing({
      write: (chunk, writer) =>
        writer.write(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk),
    }),
  },
  {
    name: 'offset-ignored',
    says: 'Of a view its whole buffer is written.',
    tries: ['writable.view', 'writable.uint8array', 'writable.shared'],
    apply: writing({
      write: (chunk, writer) =>
        writer.write(ArrayBuffer.isView(chunk) ? new Uint8Array(chunk.buffer) : chunk),
    }),
  },
  {
    name: 'uint8arrays-only',
    says: 'Only Uint8Arrays and strings can be written, and only of memory that is not shared.',
    tries: ['writable.array-buffer', 'writable.view', 'writable.shared', 'writable.empty'],
    apply: writing({
      write(chunk, writer) {
        const shared = chunk?.buffer instanceof SharedArrayBuffer;
        if (shared || !(typeof chunk === 'string' || chunk instanceof Uint8Array))
          throw new TypeError('wrong chunk');
        return writer.write(chunk);
      },
    }),
  },
  {
    name: 'chunks-iterated',
    says: 'A view is written by its elements instead of its bytes.',
    tries: ['writable.view', 'writable.uint8array', 'writable.array-buffer'],
    apply: writing({
      write: (chunk, writer) =>
        writer.write(
          ArrayBuffer.isView(chunk) && !(chunk instanceof DataView) ? Uint8Array.from(chunk, Number) : chunk,
        ),
    }),
  },
  {
    name: 'chunks-hex',
    says: 'A view is written as text.',
    tries: ['writable.uint8array', 'writable.bulk', 'tls.bulk'],
    apply: writing({ write: (chunk, writer) => writer.write(String(chunk)) }),
  },
  {
    name: 'chunks-coerced',
    says: 'Whatever is no buffer is written as text.',
    tries: ['writable.wrong'],
    apply: writing({
      write: (chunk, writer) =>
        writer.write(
          typeof chunk === 'object' && chunk !== null && 'byteLength' in chunk ? chunk : String(chunk),
        ),
    }),
  },
  {
    name: 'chunks-skipped',
    says: 'A wrong chunk rejects and the stream goes on.',
    tries: ['writable.wrong'],
    apply: eachSocket((socket) => {
      const { writable } = socket;
      shadow(socket, 'writable', () => ({
        getWriter() {
          const writer = writable.getWriter();
          return {
            releaseLock: () => writer.releaseLock(),
            write: (chunk) =>
              typeof chunk === 'string' ? writer.write(chunk) : Promise.reject(new Error('wrong chunk')),
          };
        },
      }));
    }),
  },
  {
    name: 'empty-chunk-ends',
    says: 'An empty chunk ends the writable side.',
    tries: ['writable.empty'],
    apply: writing({
      write: (chunk, writer) => (bytesOf(chunk).byteLength === 0 ? writer.close() : writer.write(chunk)),
    }),
  },
  {
    name: 'writes-resolve-at-once',
    says: 'A write resolves when it is queued, and the queue has no bound.',
    tries: [
      ...PENDING,
      'backpressure.',
      'writable.reusable',
      'writable.abort-in',
      'signal.pending-write',
      'reset.pending-write',
      'close.flush-bounded',
      'close.handled',
      'certificate.expired',
      'starttls.verified',
      'certificate.unknown-ca',
    ],
    apply: writing({ write: (chunk, writer) => void writer.write(chunk).catch(() => {}) }),
  },
  {
    name: 'writes-not-copied',
    says: 'A write resolves at once and its buffer is read a moment later.',
    tries: ['writable.reusable', 'writable.shared', 'tls.queued', 'starttls.flushes'],
    apply: writing({
      write: (chunk, writer) =>
        void later(20)
          .then(() => writer.write(chunk))
          .catch(() => {}),
    }),
  },
  {
    name: 'writes-transferred',
    says: 'The buffer of a write is transferred away.',
    tries: ['writable.not-detached', 'writable.reusable'],
    apply: writing({
      write: (chunk, writer) =>
        writer.write(
          chunk instanceof Uint8Array ? structuredClone(chunk, { transfer: [chunk.buffer] }) : chunk,
        ),
    }),
  },
  {
    name: 'writes-count',
    says: 'A write resolves with the number of bytes.',
    tries: ['writable.write-resolves'],
    apply: eachSocket((socket) => {
      const { writable } = socket;
      const getWriter = writable.getWriter.bind(writable);
      writable.getWriter = () => {
        const writer = getWriter();
        const write = writer.write.bind(writer);
        writer.write = (chunk) => write(chunk).then(() => bytesOf(chunk).byteLength);
        return writer;
      };
    }),
  },
  {
    name: 'writes-corked',
    says: 'Short writes wait for two seconds for more to come.',
    tries: ['connect.no-delay', 'starttls.plain-before', 'starttls.flushes'],
    apply: writing({
      write: (chunk, writer) =>
        void later(2000)
          .then(() => writer.write(chunk))
          .catch(() => {}),
    }),
  },
  {
    name: 'writes-lost-before-open',
    says: 'What is written before the connection exists is lost.',
    tries: ['writable.before-open', 'tls.queued', 'starttls.queued', 'close.flushes', 'starttls.verified'],
    apply: (() => {
      const open = new WeakSet();
      return (subject) =>
        writing({ write: (chunk, writer, socket) => (open.has(socket) ? writer.write(chunk) : undefined) })({
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
    })(),
  },
  {
    name: 'writes-lost-when-full',
    says: 'What is written while the peer does not read is lost.',
    tries: [
      'backpressure.slow-peer',
      'backpressure.awaited',
      'fin.queued',
      'writable.bulk',
      'close.flushes-much',
    ],
    apply: writing({
      write: (chunk, writer) =>
        Promise.race([writer.write(chunk), later(50).then(() => void writer.abort())]).catch(() => {}),
    }),
  },
];
