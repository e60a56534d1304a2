import { eachSocket, shadow } from './frame.mjs';

/** Sends every error through `change`: those connect() throws, those opened and closed reject with. */
const changing = (change) => (subject) => {
  const made = eachSocket((socket) => {
    for (const name of ['opened', 'closed']) {
      const changed = socket[name].catch((error) => Promise.reject(change(error)));
      changed.catch(() => {});
      shadow(socket, name, () => changed);
    }
  })(subject);
  return {
    ...made,
    connect(address, options) {
      try {
        return made.connect(address, options);
      } catch (error) {
        throw change(error);
      }
    },
  };
};

/** @type {import('./frame.mjs').Defect[]} */
export const errorDefects = [
  {
    name: 'errors-plain',
    says: 'Errors are Errors, each time a new one, with what went wrong as text.',
    tries: [
      'error.',
      'failure.',
      'certificate.socket-error',
      'address.string.throws',
      'reset.socket',
      'close.while',
    ],
    apply: changing((error) => new Error(String(error?.message))),
  },
  {
    name: 'errors-named',
    says: 'name of a SocketError is "SocketError".',
    tries: ['error.'],
    apply: (subject) => {
      subject.SocketError.prototype.name = 'SocketError';
      return {};
    },
  },
  {
    name: 'errors-prefixed-twice',
    says: 'The message says "SocketError: " twice.',
    tries: ['error.message', 'error.printed'],
    apply: changing((error) => Object.assign(error, { message: `SocketError: ${error.message}` })),
  },
  {
    name: 'errors-without-code',
    says: 'Errors have no code.',
    tries: ['error.', 'failure.', 'certificate.', 'address.string.code', 'tls.peer-resets'],
    apply: changing((error) => Object.defineProperty(error, 'code', { value: undefined })),
  },
  {
    name: 'errors-one-message',
    says: 'Every failure has the same message and no stack.',
    tries: ['error.', 'failure.refused', 'certificate.message', 'trust.missing'],
    apply: changing((error) =>
      Object.assign(error, { message: 'SocketError: connection failed', stack: undefined }),
    ),
  },
  {
    name: 'socket-error-bare',
    says: 'SocketError extends Error and ignores its options.',
    tries: ['error.'],
    apply: () => ({ SocketError: class SocketFailure extends Error {} }),
  },
  {
    name: 'read-errors-plain',
    says: 'What streams fail with is no SocketError and has no code.',
    tries: ['reset.'],
    apply: (subject) => {
      const bare = (error) => new Error(String(error?.message));
      return eachSocket((socket) => {
        const { readable, writable } = socket;
        shadow(socket, 'readable', () => ({
          getReader: () => {
            const reader = readable.getReader();
            return {
              read: () => reader.read().catch((error) => Promise.reject(bare(error))),
              releaseLock: () => reader.releaseLock(),
            };
          },
        }));
        shadow(socket, 'writable', () => ({
          getWriter: () => {
            const writer = writable.getWriter();
            return {
              write: (chunk) => writer.write(chunk).catch((error) => Promise.reject(bare(error))),
              releaseLock: () => writer.releaseLock(),
            };
          },
        }));
      })(subject);
    },
  },
];
