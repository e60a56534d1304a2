/** What the two sides have to agree on besides the server's certificate. */
import { createSecureContext, type SecureVersion, type TlsOptions } from 'node:tls';
import { accepted, type Case, refused, strict, type Tree } from './case.ts';
import { ENDED, type Setting } from './clients.ts';
import { DAY, type Entity, type Profile, purpose, server } from './tree.ts';

const ONE_CODE = 'One code for all alerts; the message names the alert.';
const SERVER_ENDS =
  'node:tls’s server ends the connection without an alert and without `close_notify`, which a stream tells from a proper end.';
const HANDSHAKE_FAILURE = {
  20: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
  22: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
};

/** A server that wants a client certificate of the root's. */
const asks = (
  maxVersion: SecureVersion,
  client: (tree: Tree) => Promise<Entity | undefined>,
): Case['make'] => {
  return async (tree) => {
    const identity = await client(tree);
    return {
      ...(await tree.serve()),
      server: { requestCert: true, rejectUnauthorized: true, ca: [tree.root.cert], maxVersion },
      client: identity ? { cert: identity.cert, key: identity.key } : {},
    };
  };
};
const client = (issuer: Entity | undefined, profile: Profile = {}): Promise<Entity> =>
  server(issuer, { names: [], subject: 'client', purposes: [purpose.clientAuth], ...profile });
/** Node's server does not take it. */
const unfit = (title: string, which: (tree: Tree) => Promise<Entity>): Case => ({
  ...strict(title, asks('TLSv1.3', which), ['ERR_TLS_TRUNCATED', /close_notify/], ENDED, SERVER_ENDS),
  duplex: ENDED,
});

export const clientCertificates: Case[] = [
  accepted(
    'the right one, TLS 1.3',
    asks('TLSv1.3', ({ root }) => client(root)),
  ),
  accepted(
    'the right one, TLS 1.2',
    asks('TLSv1.2', ({ root }) => client(root)),
  ),
  strict(
    'none, TLS 1.3: at the first read',
    asks('TLSv1.3', async () => undefined),
    ['ERR_TLS_ALERT', /CertificateRequired/],
    'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
    ONE_CODE,
  ),
  strict(
    'none, TLS 1.2',
    asks('TLSv1.2', async () => undefined),
    ['ERR_TLS_ALERT', /HandshakeFailure/],
    HANDSHAKE_FAILURE,
    ONE_CODE,
  ),
  unfit('of an unknown authority', ({ stranger }) => client(stranger)),
  unfit('expired', ({ root }) => client(root, { notAfter: new Date(Date.now() - DAY) })),
  unfit('for servers only (serverAuth)', ({ root }) => client(root, { purposes: [purpose.serverAuth] })),
  unfit('self-signed', () => client(undefined)),
];

const speaks = (options: TlsOptions, client: Setting['client'] = {}): Case['make'] => {
  return ({ serve }) => serve({}, { server: options, client });
};
const only = (version: SecureVersion): TlsOptions => ({ minVersion: version, maxVersion: version });
const old = (title: string, make: Case['make']): Case =>
  strict(title, make, ['ERR_TLS_ALERT', /ProtocolVersion/], 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', ONE_CODE);

export const versions: Case[] = [
  old('the server speaks TLS 1.0 only', speaks(only('TLSv1'))),
  old('the server speaks TLS 1.1 only', speaks(only('TLSv1.1'))),
  accepted('the server speaks TLS 1.2 only', speaks(only('TLSv1.2'))),
  accepted('the server speaks TLS 1.3 only', speaks(only('TLSv1.3'))),
  strict(
    'TLS 1.2 without forward secrecy only (RSA key exchange)',
    ({ serve }) => serve({ key: 'RSA 2048' }, { server: { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' } }),
    ['ERR_TLS_ALERT', /HandshakeFailure/],
    'accepted',
    'rustls has no cipher suite without forward secrecy.',
  ),
];

/** @param isNeeded Whether the server ends a session without one. */
const alpn = (offered: string[], spoken: string[], isNeeded = false): Case['make'] => {
  return async ({ serve }) => ({
    ...(await serve()),
    server: { ALPNProtocols: spoken },
    client: offered.length > 0 ? { alpn: offered } : {},
    ...(isNeeded && {
      speaks: true,
      serve: (socket) => {
        socket.once('data', () => void (socket.alpnProtocol ? socket.write('hello') : socket.end()));
      },
    }),
  });
};

export const protocols: Case[] = [
  accepted('offered and spoken', alpn(['h2', 'http/1.1'], ['http/1.1'], true)),
  accepted('not offered, and not needed', alpn([], ['h2'])),
  refused('not offered, and needed', alpn([], ['h2'], true), ENDED, /ended/),
  strict(
    'offered, but the server speaks others',
    alpn(['h2'], ['http/1.1']),
    ['ERR_TLS_ALPN', /none of the protocols/],
    'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    'A code of its own, as the remedy is another.',
  ),
];

/** A server with a certificate for `other.example.org` besides its usual one. */
const virtual = (name: string, isStrict = false): Case['make'] => {
  return async ({ serve, intermediate }) => {
    const other = await server(intermediate, { names: ['other.example.org'] });
    const context = createSecureContext({ cert: other.cert + intermediate.cert, key: other.key });
    const choose: TlsOptions['SNICallback'] = (asked, done) => {
      if (asked === 'other.example.org') done(null, context);
      else done(isStrict ? new Error('unknown name') : null);
    };
    return { ...(await serve()), name, server: { SNICallback: choose } };
  };
};

export const hosts: Case[] = [
  accepted('the name of its other certificate', virtual('other.example.org')),
  accepted('the name of its usual certificate', virtual('db.example.org')),
  refused(
    'a name that it has no certificate for',
    virtual('third.example.org'),
    'ERR_TLS_CERT_ALTNAME_INVALID',
    /not valid for third\.example\.org/,
  ),
  {
    ...strict(
      'a name that it refuses',
      virtual('third.example.org', true),
      ['ERR_TLS_HANDSHAKE', /during the TLS handshake/],
      'ECONNRESET',
      'It closes the connection: a code of its own, as it was in the handshake.',
    ),
    duplex: 'ECONNRESET',
  },
];
