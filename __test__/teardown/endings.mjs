/** The ways in which an environment ends. */
/** The exit code of process.exit(), and what is thrown. */
export const EXIT_CODE = 7;
export const THROWN = 'thrown by the program';

const ignore = () => {};

/** How an environment ends. What terminate() and the like do comes from outside. */
export const endings = {
  terminate: ignore,
  exit: () => process.exit(EXIT_CODE),
  throw: () => {
    throw new Error(THROWN);
  },
  reject: () => void Promise.reject(new Error(THROWN)),
  signal: () => process.kill(process.pid, 'SIGTERM'),
  /** By itself, because nothing keeps it. */
  return: (sockets) => {
    for (const socket of sockets) socket.unref();
  },
  /** By itself, when all are closed. */
  close: (sockets) => {
    for (const socket of sockets) {
      if (socket.destroy) socket.destroy();
      else socket.close();
    }
  },
};
