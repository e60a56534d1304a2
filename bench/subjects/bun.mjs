/** Bun.connect(), where bun is on PATH: handlers that all sockets share, and writes that may take less than all. */
import { processClock } from '../clock.mjs';
import { programVersion, runner } from '../machine.mjs';
import { performer } from '../workloads.mjs';

const { Bun } = globalThis;

/** What each socket does at the moment is its `data`. */
const handlers = {
  open({ data }) {
    if (!data.tls) data.opened.resolve();
  },
  handshake({ data }, ok, error) {
    if (ok) data.opened.resolve();
    else data.opened.reject(error ?? new Error('the handshake failed'));
  },
  data({ data }, chunk) {
    data.heard(chunk);
  },
  drain({ data }) {
    data.drained?.();
  },
  error({ data }, error) {
    data.fail(error);
  },
  connectError({ data }, error) {
    data.fail(error);
  },
  close({ data }) {
    data.closed.resolve();
    data.fail(new Error('the connection ended'));
  },
};

/** @type {import('../workloads.mjs').Idiom} */
const idiom = {
  async open({ host: hostname, tls, ca }, port) {
    const opened = Promise.withResolvers();
    const data = { tls, opened, closed: Promise.withResolvers(), heard() {}, fail: opened.reject };
    const socket = await Bun.connect({
      hostname,
      port,
      socket: handlers,
      data,
      ...(tls ? { tls: { ca } } : {}),
    });
    await opened.promise;
    return socket;
  },

  async close(socket) {
    socket.data.fail = () => {};
    socket.end();
    await socket.data.closed.promise;
  },

  rounds: (socket, message, again) =>
    listening(
      socket,
      () => {
        let missing = message.length;
        return (chunk) => {
          missing -= chunk.length;
          if (missing > 0) return false;
          missing = message.length;
          if (!again()) return true;
          send(socket, message);
          return false;
        };
      },
      () => send(socket, message),
    ),

  download: (socket, request, bytes) =>
    listening(
      socket,
      () => {
        let missing = bytes;
        return (chunk) => {
          missing -= chunk.length;
          return missing === 0;
        };
      },
      () => send(socket, request),
    ),

  upload: (socket, request, chunk, bytes) =>
    listening(
      socket,
      () => () => true,
      () => {
        let missing = bytes;
        let rest = request;
        socket.data.drained = () => {
          for (;;) {
            rest = rest.subarray(socket.write(rest));
            if (rest.length > 0 || missing === 0) return;
            missing -= chunk.length;
            rest = chunk;
          }
        };
        socket.data.drained();
      },
    ),
};

/** Has `start` begin, and what `hear` returns listen until it says that all is done. */
function listening({ data }, hear, start) {
  return new Promise((resolve, reject) => {
    const heard = hear();
    data.heard = (chunk) => {
      if (heard(chunk)) resolve();
    };
    data.fail = reject;
    start();
  });
}

/** A few bytes, of which the system's buffer always takes all. */
function send(socket, bytes) {
  if (socket.write(bytes) !== bytes.length) socket.data.fail(new Error('a short write'));
}

export const subjects = [
  {
    name: 'bun',
    says: 'Bun.connect()',
    rank: 110,
    required: false,
    detail: true,
    runs: ({ workload, resumed }) => workload !== 'pg' && !resumed,
    launch: () => ({ command: 'bun', args: [runner, 'bun'] }),
    version: () => programVersion('bun'),
    load: async () => performer(idiom, processClock),
  },
];
