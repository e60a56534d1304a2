import { connecting, withOptions } from './frame.mjs';

/** @type {import('./frame.mjs').Defect[]} */
export const options = [
  {
    name: 'modes-lower-cased',
    says: 'secureTransport is trimmed and compared without regard to case.',
    tries: ['options.secure-transport'],
    apply: withOptions((options) =>
      options?.secureTransport
        ? { ...options, secureTransport: String(options.secureTransport).trim().toLowerCase() }
        : options,
    ),
  },
  {
    name: 'modes-unknown-are-off',
    says: 'A secureTransport that is not known means plain text.',
    tries: ['options.secure-transport', 'error.code-option'],
    apply: withOptions((options) => ({
      ...options,
      secureTransport: ['on', 'starttls'].includes(options?.secureTransport)
        ? options.secureTransport
        : 'off',
    })),
  },
  {
    name: 'modes-secure-by-default',
    says: 'Every mode but "starttls" means TLS.',
    tries: [
      'options.absent',
      'options.secure-transport-off',
      'connect.plain-by-default',
      'idl.secure-transport',
    ],
    apply: withOptions((options) => ({
      ...options,
      secureTransport: options?.secureTransport === 'starttls' ? 'starttls' : 'on',
    })),
  },
  {
    name: 'modes-strings-only',
    says: 'secureTransport has to be a string, options an object, allowHalfOpen a boolean: nothing is converted.',
    tries: ['options.'],
    apply: connecting((connect, address, options) => {
      const { secureTransport = 'off', allowHalfOpen = false } = options;
      if (typeof secureTransport !== 'string') throw new TypeError('secureTransport must be a string');
      return connect(address, { ...options, allowHalfOpen: allowHalfOpen === true });
    }),
  },
  {
    name: 'options-own-members',
    says: 'Only own members of the options are read, and read twice; unknown ones are refused.',
    tries: ['options.'],
    apply: withOptions((options) => {
      const known = ['secureTransport', 'allowHalfOpen', 'sni', 'alpn', 'highWaterMark', 'signal'];
      for (const name of Object.keys(options ?? {})) {
        if (!known.includes(name) || options[name] === undefined) throw new TypeError(`wrong option ${name}`);
      }
      return { ...options };
    }),
  },
  {
    name: 'options-swallowed',
    says: 'Options that cannot be read or are no object are left out.',
    tries: ['options.'],
    apply: withOptions((options) => {
      try {
        return typeof options === 'object' ? { ...options } : {};
      } catch {
        return {};
      }
    }),
  },
  {
    name: 'tls-options-without-tls',
    says: 'sni and alpn are ignored on plain sockets, wrong names too.',
    tries: ['options.sni', 'options.alpn'],
    apply: withOptions((options) => {
      const { sni, alpn, ...rest } = { ...options };
      return rest;
    }),
  },
  {
    name: 'tls-options-null-refused',
    says: 'sni and alpn are refused on plain sockets although they have their defaults.',
    tries: ['options.sni', 'options.alpn', 'options.undefined-members', 'sni.null'],
    apply: withOptions((options) => {
      if (options && ('alpn' in options || options.sni === null)) throw new TypeError('only with TLS');
      return options;
    }),
  },
  {
    name: 'alpn-arrays-joined',
    says: 'alpn is turned into a list by String(), and what is too long or empty is left out.',
    tries: ['options.alpn', 'alpn.'],
    apply: withOptions((options) => {
      if (!options || options.alpn === undefined) return options;
      const names = Array.isArray(options.alpn) ? options.alpn : [options.alpn];
      const fitting = names
        .map((name) => String(name).replace(/\W/g, ''))
        .filter((name) => name && name.length < 256);
      return { ...options, alpn: fitting };
    }),
  },
  {
    name: 'alpn-ignored',
    says: 'alpn is not sent.',
    tries: ['alpn.'],
    apply: withOptions((options) => ({ ...options, alpn: [] })),
  },
  {
    name: 'alpn-assumed',
    says: 'alpn of opened is the first protocol offered, whatever was agreed, and "http/1.1" without an offer.',
    tries: ['alpn.', 'opened.alpn-null', 'tls.opened-info'],
    apply: connecting((connect, address, options) => {
      const socket = connect(address, options);
      const alpn = [...(options?.alpn ?? [])][0] ?? 'http/1.1';
      const opened = socket.opened.then((info) => ({ ...info, alpn }));
      opened.catch(() => {});
      Object.defineProperty(socket, 'opened', { value: opened });
      return socket;
    }),
  },
  {
    name: 'sni-ignored',
    says: 'sni is checked for its form and then ignored.',
    tries: ['sni.'],
    apply: withOptions((options) => ({ ...options, sni: undefined })),
  },
  {
    name: 'high-water-mark-ignored',
    says: 'highWaterMark is ignored.',
    tries: ['options.high-water-mark', 'backpressure.high-water-mark', 'backpressure.ready'],
    apply: withOptions((options) => ({ ...options, highWaterMark: 4096 })),
  },
  {
    name: 'signal-ignored',
    says: 'signal is ignored.',
    tries: ['signal.', 'options.signal'],
    apply: withOptions((options) => ({ ...options, signal: undefined })),
  },
  {
    name: 'signal-closes',
    says: 'Aborting calls close() a turn later, without the reason.',
    tries: ['signal.'],
    apply: connecting((connect, address, options) => {
      const { signal, ...rest } = { ...options };
      const socket = connect(address, rest);
      signal?.addEventListener('abort', () => setTimeout(() => socket.close(), 0));
      return socket;
    }),
  },
  {
    name: 'signal-after-close',
    says: 'Aborting errors a socket that is closed already, for nobody to handle.',
    tries: ['signal.after-close', 'signal.handled'],
    apply: connecting((connect, address, options) => {
      const socket = connect(address, options);
      options?.signal?.addEventListener('abort', () => Promise.reject(options.signal.reason));
      return socket;
    }),
  },
  {
    name: 'half-open-ignored',
    says: 'allowHalfOpen is ignored.',
    tries: ['half-open.', 'starttls.half-open', 'options.half-open'],
    apply: withOptions((options) => ({ ...options, allowHalfOpen: false })),
  },
  {
    name: 'half-open-always',
    says: 'Every socket allows the half-open state.',
    tries: ['fin.', 'process.peer-end'],
    apply: withOptions((options) => ({ ...options, allowHalfOpen: true })),
  },
];
