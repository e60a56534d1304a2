import net from 'node:net';
import tls from 'node:tls';
import { connecting, eachSocket, later, shadow, withOptions } from './frame.mjs';

/** Makes TLS sockets of plain ones to a bridge that speaks TLS, with `settings`, on their behalf. */
const bridged = (settings, { onEnd = (secure) => secure.end() } = {}) =>
  connecting((connect, address, options) => {
    if (options?.secureTransport !== 'on') return connect(address, options);
    const { hostname, port } = typeof address === 'string' ? new URL(`tcp://${address}`) : address;
    const host = hostname.replace(/[[\]]/g, '');
    const name = options.sni ?? (net.isIP(host) ? undefined : host);
    const raw = net.connect({ host, port: Number(port), allowHalfOpen: true });
    raw.on('error', () => {});
    const bridge = net.createServer({ allowHalfOpen: true }, (plain) => {
      bridge.close();
      const secure = tls.connect({
        socket: raw,
        ...(name && { servername: name }),
        ALPNProtocols: [...(options.alpn ?? [])],
        ...settings({ host, name }),
      });
      secure.on('error', () => plain.resetAndDestroy());
      plain.on('error', () => secure.destroy());
      plain.on('close', () => raw.destroySoon());
      secure.pipe(plain);
      plain.pipe(secure, { end: false });
      plain.on('end', () => onEnd(secure, raw));
    });
    bridge.unref().listen(0);
    const { sni, alpn, ...rest } = options;
    return connect(`127.0.0.1:${bridge.address().port}`, { ...rest, secureTransport: 'off' });
  });

/** Puts a startTls() of its own over that of each socket: `call(startTls, socket, args)`. */
const upgrading = (call) => (subject) => ({
  connect(address, options) {
    const socket = subject.connect(address, options);
    const startTls = socket.startTls.bind(socket);
    socket.startTls = (...args) => call(startTls, socket, args, { subject, address, options });
    return socket;
  },
});

/** @type {import('./frame.mjs').Defect[]} */
export const secures = [
  {
    name: 'anyone-trusted',
    says: 'TLS verifies nothing, opened does not wait for the handshake, and an end without close_notify is clean.',
    tries: ['certificate.', 'tls.', 'trust.no-ca-file', 'sni.verified', 'writable.pending-during'],
    apply: bridged(() => ({ rejectUnauthorized: false })),
  },
  {
    name: 'names-not-verified',
    says: 'The chain of a certificate is verified, its name is not.',
    tries: [
      'certificate.wrong',
      'certificate.common',
      'certificate.ip-only',
      'certificate.name-for',
      'certificate.wildcard',
      'sni.verified',
    ],
    apply: bridged(() => ({ checkServerIdentity: () => undefined })),
  },
  {
    name: 'sni-not-sent',
    says: 'No server name is sent.',
    tries: ['sni.'],
    apply: bridged(({ host }) => ({ servername: undefined, checkServerIdentity: () => undefined, host })),
  },
  {
    name: 'sni-for-addresses',
    says: 'A server name is sent for IP addresses too.',
    tries: ['sni.no-ip'],
    apply: bridged(({ host, name }) => ({
      servername: name ?? `${host}.`,
      checkServerIdentity: () => undefined,
    })),
  },
  {
    name: 'tls-1.2-only',
    says: 'TLS 1.2 is the newest version that is spoken.',
    tries: ['tls.version'],
    apply: bridged(() => ({ maxVersion: 'TLSv1.2' })),
  },
  {
    name: 'tls-1.3-only',
    says: 'TLS 1.3 is the oldest version that is spoken.',
    tries: ['tls.version'],
    apply: bridged(() => ({ minVersion: 'TLSv1.3' })),
  },
  {
    name: 'fin-without-close-notify',
    says: 'The end of a TLS connection is FIN alone.',
    tries: ['tls.writer', 'close.close-notify'],
    apply: bridged(() => ({}), { onEnd: (_secure, raw) => raw.end() }),
  },
  {
    name: 'half-open-not-over-tls',
    says: 'The end of either side of a TLS connection ends the other.',
    tries: ['half-open.tls', 'tls.writer'],
    apply: bridged(() => ({}), { onEnd: (secure) => secure.destroySoon() }),
  },
  {
    name: 'tls-downgraded',
    says: 'secureTransport "on" makes a plain connection.',
    tries: [
      'tls.secure',
      'tls.encrypted',
      'tls.opened',
      'tls.queued',
      'tls.clean',
      'tls.start-tls',
      'tls.peer',
      'tls.connection',
      'certificate.valid',
      'certificate.chained',
      'certificate.ip-address',
      'certificate.wildcard',
      'writable.pending-during',
      'close.flushes-tls',
      'fin.tls',
    ],
    apply: withOptions((options) => {
      const { sni, alpn, ...rest } = { ...options };
      return rest.secureTransport === 'on' ? { ...rest, secureTransport: 'off' } : options;
    }),
  },
  {
    name: 'authorities-of-the-host-ignored',
    says: 'NODE_EXTRA_CA_CERTS, SSL_CERT_FILE and SSL_CERT_DIR are ignored.',
    tries: ['trust.', 'certificate.valid', 'certificate.chained', 'certificate.ip-address'],
    apply: () => {
      for (const name of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR']) delete process.env[name];
      return {};
    },
  },
  {
    name: 'failed-handshake-keeps-connection',
    says: 'After a handshake that failed a TCP connection stays open.',
    tries: ['tls.connection-gone', 'starttls.failure-handled'],
    apply: connecting((connect, address, options) => {
      const { hostname, port } = new URL(`tcp://${address}`);
      const idle = net.connect({ host: hostname.replace(/[[\]]/g, ''), port: Number(port) }).unref();
      idle.on('error', () => {});
      return connect(address, options);
    }),
  },
  {
    name: 'starttls-is-on',
    says: '"starttls" begins with TLS.',
    tries: ['opened.starttls', 'starttls.', 'options.inherited', 'alpn.starttls', 'sni.starttls'],
    apply: withOptions((options) =>
      options?.secureTransport === 'starttls' ? { ...options, secureTransport: 'on' } : options,
    ),
  },
  {
    name: 'starttls-asynchronous',
    says: 'startTls() returns a promise of the new socket.',
    tries: ['starttls.returns', 'starttls.secure', 'starttls.needs', 'starttls.once'],
    apply: upgrading(async (startTls, _socket, args) => startTls(...args)),
  },
  {
    name: 'starttls-in-place',
    says: 'startTls() returns the socket itself when it is secure, closed or upgraded already.',
    tries: ['tls.start-tls', 'starttls.on-result', 'starttls.once', 'starttls.after-close', 'starttls.needs'],
    apply: upgrading((startTls, socket, args) => {
      try {
        const secure = startTls(...args);
        secure.startTls = () => secure;
        return secure;
      } catch {
        return socket;
      }
    }),
  },
  {
    name: 'starttls-in-any-mode',
    says: 'A socket made with "off" can be upgraded too.',
    tries: ['starttls.needs', 'error.code', 'idl.secure-transport'],
    apply: withOptions((options) => ({
      ...options,
      secureTransport: options?.secureTransport === 'on' ? 'on' : 'starttls',
    })),
  },
  {
    name: 'starttls-dials-again',
    says: 'startTls() makes a second connection.',
    tries: [
      'starttls.secure',
      'starttls.opened-info',
      'starttls.flushes',
      'starttls.upgraded',
      'starttls.option-ca',
      'starttls.option-client',
      'starttls.after-close',
      'starttls.old-',
    ],
    apply: upgrading((_startTls, _socket, _args, { subject, address, options }) =>
      subject.connect(address, { ...options, secureTransport: 'on' }),
    ),
  },
  {
    name: 'starttls-needs-open',
    says: 'startTls() fails while the socket is connecting.',
    tries: ['starttls.before-open', 'starttls.connect-fails'],
    apply: (subject) => {
      const open = new WeakSet();
      return upgrading((startTls, socket, args) => {
        if (!open.has(socket)) throw new subject.SocketError('not connected');
        return startTls(...args);
      })({
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
    },
  },
  {
    name: 'starttls-options-ignored',
    says: 'startTls() ignores its options.',
    tries: ['starttls.option'],
    apply: upgrading((startTls) => startTls()),
  },
  {
    name: 'starttls-options-strict',
    says: 'startTls() refuses members it does not know and null.',
    tries: ['starttls.option'],
    apply: upgrading((startTls, _socket, [options]) => {
      const known = ['sni', 'servername', 'expectedServerHostname', 'ca', 'cert', 'key'];
      if (options === null || Object.keys(options ?? {}).some((name) => !known.includes(name))) {
        throw new TypeError('wrong options');
      }
      return startTls(options);
    }),
  },
  {
    name: 'starttls-options-of-tls',
    says: 'startTls() knows servername only.',
    tries: ['starttls.option'],
    apply: upgrading((startTls, _socket, [options]) => startTls({ servername: options?.servername })),
  },
  {
    name: 'starttls-connect-options-lost',
    says: 'What connect() was given is forgotten by startTls().',
    tries: ['sni.starttls', 'alpn.starttls', 'starttls.half-open', 'signal.starttls'],
    apply: connecting((connect, address, options) => {
      if (options?.secureTransport !== 'starttls') return connect(address, options);
      return connect(address, { secureTransport: 'starttls' });
    }),
  },
  {
    name: 'starttls-other-name',
    says: 'startTls() sends and checks no name of connect().',
    tries: ['starttls.sni', 'starttls.verified', 'starttls.secure'],
    apply: upgrading((startTls, _socket, [options]) => startTls({ servername: '127.0.0.1', ...options })),
  },
  {
    name: 'upgraded-never',
    says: 'upgraded stays false on the old socket and is true on the new one.',
    tries: ['starttls.upgraded'],
    apply: (() => {
      let count = 0;
      return eachSocket((socket) => {
        const secure = socket.secureTransport === 'on' && ++count > 0;
        shadow(socket, 'upgraded', () => secure);
      });
    })(),
  },
  {
    name: 'upgraded-late',
    says: 'upgraded becomes true a while after closed has resolved.',
    tries: ['starttls.upgraded'],
    apply: eachSocket((socket) => {
      let upgraded = false;
      socket.closed
        .then(() => later(50))
        .then(
          () => {
            upgraded = true;
          },
          () => {},
        );
      Object.defineProperty(socket, 'upgraded', { get: () => upgraded });
    }),
  },
  {
    name: 'old-closed-at-once',
    says: 'closed of the old socket resolves within startTls(), also if the handshake fails later.',
    tries: ['starttls.old-closed', 'starttls.failure-settles'],
    apply: (subject) => ({
      connect(address, options) {
        const socket = subject.connect(address, options);
        let resolve;
        const closed = new Promise((given) => {
          resolve = given;
        });
        socket.closed.then(resolve, resolve);
        shadow(socket, 'closed', () => closed);
        const startTls = socket.startTls.bind(socket);
        socket.startTls = (...args) => {
          resolve();
          return startTls(...args);
        };
        return socket;
      },
    }),
  },
  {
    name: 'old-close-closes-new',
    says: 'close() on the old socket closes the new one.',
    tries: ['starttls.old-close'],
    apply: upgrading((startTls, socket, args) => {
      const secure = startTls(...args);
      socket.close = () => secure.close();
      return secure;
    }),
  },
  {
    name: 'old-streams-live-on',
    says: 'The streams of the old socket go on as those of the new one.',
    tries: ['starttls.old-', 'starttls.returns', 'starttls.queued'],
    apply: upgrading((startTls, socket, args) => {
      const secure = startTls(...args);
      shadow(socket, 'readable', () => secure.readable);
      shadow(socket, 'writable', () => secure.writable);
      return secure;
    }),
  },
  {
    name: 'old-locks-forbid',
    says: 'startTls() throws while a stream of the old socket is locked.',
    tries: ['starttls.locks', 'starttls.old-', 'starttls.flushes'],
    apply: upgrading((startTls, socket, args) => {
      if (socket.readable.locked || socket.writable.locked) throw new TypeError('a stream is locked');
      return startTls(...args);
    }),
  },
  {
    name: 'plain-bytes-kept',
    says: 'What arrived in plain text and was not read yet appears on the secure socket.',
    tries: ['starttls.injected', 'starttls.old-readable'],
    apply: (subject) => ({
      connect(address, options) {
        const socket = subject.connect(address, options);
        if (options?.secureTransport !== 'starttls') return socket;
        const reader = socket.readable.getReader();
        const queue = [];
        const ahead = (async () => {
          for (let next = await reader.read(); !next.done; next = await reader.read())
            queue.push(...next.value);
        })();
        ahead.catch(() => {});
        const take = async (size) => {
          while (queue.length === 0) await later(5);
          return Uint8Array.from(queue.splice(0, size));
        };
        shadow(
          socket,
          'readable',
          () =>
            new ReadableStream(
              {
                type: 'bytes',
                async pull(controller) {
                  const view = controller.byobRequest?.view;
                  const bytes = await take(view?.byteLength ?? 1);
                  if (!view) return controller.enqueue(bytes);
                  new Uint8Array(view.buffer, view.byteOffset).set(bytes);
                  controller.byobRequest.respond(bytes.length);
                },
              },
              { highWaterMark: 0 },
            ),
        );
        const startTls = socket.startTls.bind(socket);
        socket.startTls = (...args) => {
          const secure = startTls(...args);
          const { readable } = secure;
          shadow(secure, 'readable', () => {
            const next = readable.getReader();
            return new ReadableStream(
              {
                pull: async (controller) => {
                  if (queue.length) return controller.enqueue(Uint8Array.from(queue.splice(0)));
                  controller.enqueue((await next.read()).value);
                },
              },
              { highWaterMark: 0 },
            );
          });
          return secure;
        };
        return socket;
      },
    }),
  },
];
