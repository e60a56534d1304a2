import net from 'node:net';
import tls from 'node:tls';
import { connecting, withOptions } from './frame.mjs';

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
];
