/** How sockets of node:net and node:tls are read and written when it has to be quick: 'data', write() and 'drain'. */
import { once } from 'node:events';

/**
 * @param {(job: import('../workloads.mjs').Job, port: number) => Promise<import('node:net').Socket>} connect
 *   Resolves when connected.
 * @returns {import('../workloads.mjs').Idiom}
 */
export function events(connect) {
  return {
    open: connect,

    async close(socket) {
      socket.end();
      // The peer's end is not seen by a socket that nobody reads.
      socket.resume();
      if (!socket.closed) await once(socket, 'close');
    },

    rounds(socket, message, again) {
      let missing = message.length;
      return listening(
        socket,
        (chunk, done) => {
          missing -= chunk.length;
          if (missing > 0) return;
          missing = message.length;
          if (again()) socket.write(message);
          else done();
        },
        () => socket.write(message),
      );
    },

    download(socket, request, bytes) {
      let missing = bytes;
      return listening(
        socket,
        (chunk, done) => {
          missing -= chunk.length;
          if (missing === 0) done();
        },
        () => socket.write(request),
      );
    },

    upload(socket, request, chunk, bytes) {
      return listening(
        socket,
        (_, done) => done(),
        () => {
          let missing = bytes;
          const write = () => {
            while (missing > 0) {
              missing -= chunk.length;
              if (!socket.write(chunk)) {
                socket.once('drain', write);
                return;
              }
            }
          };
          socket.write(request);
          write();
        },
      );
    },
  };
}

/** Has `start` begin and `heard` listen until it says that all is done. */
function listening(socket, heard, start) {
  return new Promise((resolve, reject) => {
    const broken = (error) =>
      reject(error instanceof Error ? error : new Error('the peer ended the connection'));
    const data = (chunk) => heard(chunk, done);
    const done = () => {
      socket.off('data', data).off('error', broken).off('close', broken);
      resolve();
    };
    socket.on('data', data).on('error', broken).on('close', broken);
    start();
  });
}
