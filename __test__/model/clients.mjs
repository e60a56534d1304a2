/** A program that goes over to TLS, by connect() and by createConnection(), in the same words. */
import { once } from 'node:events';
import { createConnection } from 'wintersock/node';
import { wordOf } from './ledger.mjs';
import { Received } from './pattern.mjs';

/** What a program has of its connection. */
export const clients = { web: webClient, duplex: duplexClient };

/** @param {number} port @param {import('./machine.mjs').Trust} trust */
function webClient(port, { binding, ca }) {
  const socket = binding.connect(`127.0.0.1:${port}`, { secureTransport: 'starttls' });
  const writer = socket.writable.getWriter();
  let read = 0;
  return {
    write: (bytes) => writer.write(bytes),
    /** Reads so many bytes, and not one more. @param {number} length */
    async read(length) {
      const reader = socket.readable.getReader({ mode: 'byob' });
      for (let left = length; left > 0; ) {
        const { value, done } = await reader.read(new Uint8Array(left));
        if (done) throw new Error('the plain text ends');
        left -= value.length;
        read += value.length;
      }
      reader.releaseLock();
    },
    /** Whether more was read than that. @param {number} length */
    hasRead: (length) => read > length,
    /** @param {boolean} reads */
    secure(reads) {
      const pending = reads ? socket.readable.getReader().read() : undefined;
      pending?.then(
        ({ value }) => {
          read += value?.length ?? 0;
        },
        () => {},
      );
      const next = socket.startTls({ ca });
      const nextWriter = next.writable.getWriter();
      return {
        opened: next.opened,
        closed: next.closed,
        write: (bytes) => nextWriter.write(bytes),
        readAll: async () => {
          const received = new Received();
          for await (const chunk of next.readable) received.add(chunk);
          return received;
        },
      };
    },
    destroy: () => socket.close(),
  };
}

/** @param {number} port @param {import('./machine.mjs').Trust} trust */
function duplexClient(port, { ca }) {
  const socket = createConnection({ port, host: '127.0.0.1' });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  const broken = new Promise((_, reject) => socket.once('error', reject));
  broken.catch(() => {});
  const write = (bytes) =>
    new Promise((resolve, reject) =>
      socket.write(bytes, (error) => (error ? reject(error) : resolve(undefined))),
    );
  return {
    write,
    async read(length) {
      for (let left = length; left > 0; ) {
        const chunk = socket.read(Math.min(left, socket.readableLength || 1));
        left -= chunk?.length ?? 0;
        if (chunk === null) await Promise.race([once(socket, 'readable'), broken]);
      }
    },
    hasRead: () => false,
    secure() {
      try {
        socket.startTls({ ca });
      } catch (error) {
        if (wordOf(error) !== 'ERR_INVALID_STATE') throw error;
        return undefined;
      }
      const gone = closed.then(() => Promise.reject(new Error('it has closed')));
      gone.catch(() => {});
      return {
        opened: Promise.race([once(socket, 'secureConnect'), broken, gone]),
        closed,
        write,
        readAll: async () => {
          const received = new Received();
          for await (const chunk of socket) received.add(chunk);
          return received;
        },
      };
    },
    destroy: () => socket.destroy(),
  };
}
