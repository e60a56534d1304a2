/**
 * How web streams are read and written when it has to be quick. Runs in every runtime that has them, so it uses
 * nothing else.
 */

/** What BYOB readers read into. */
const BYOB_BYTES = 65_536;

/**
 * @template {{ readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array> }} Socket
 * @param {object} api
 * @param {(job: import('../workloads.mjs').Job, port: number) => Promise<Socket>} api.connect Resolves when connected.
 * @param {(link: { socket: Socket, reader?: ReadableStreamDefaultReader, writer?: WritableStreamDefaultWriter })
 *   => Promise<unknown>} api.close Resolves when closed in an orderly way.
 * @param {boolean} [api.byob] Whether to download with a BYOB reader.
 * @returns {import('../workloads.mjs').Idiom}
 */
export function streams({ connect, close, byob = false }) {
  return {
    async open(job, port, unused = false) {
      const socket = await connect(job, port);
      // Short-lived connections that carry nothing need neither.
      if (unused) return { socket };
      const reader = byob ? socket.readable.getReader({ mode: 'byob' }) : socket.readable.getReader();
      return { socket, reader, writer: socket.writable.getWriter() };
    },

    close,

    async rounds({ reader, writer }, message, again) {
      do {
        await writer.write(message);
        for (let missing = message.length; missing > 0; ) {
          const { value, done } = await reader.read();
          if (done) throw ended();
          missing -= value.length;
        }
      } while (again());
    },

    async download({ reader, writer }, request, bytes) {
      await writer.write(request);
      if (byob) {
        let buffer = new ArrayBuffer(BYOB_BYTES);
        for (let missing = bytes; missing > 0; ) {
          const { value, done } = await reader.read(new Uint8Array(buffer));
          if (done) throw ended();
          missing -= value.length;
          buffer = value.buffer;
        }
        return;
      }
      for (let missing = bytes; missing > 0; ) {
        const { value, done } = await reader.read();
        if (done) throw ended();
        missing -= value.length;
      }
    },

    async upload({ reader, writer }, request, chunk, bytes) {
      writer.write(request);
      for (let missing = bytes; missing > 0; missing -= chunk.length) {
        await writer.ready;
        writer.write(chunk);
      }
      const { done } = await reader.read();
      if (done) throw ended();
    },
  };
}

function ended() {
  return new Error('the peer ended the connection');
}
