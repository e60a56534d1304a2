/** What kind of key a certificate has, how it was signed, and what it may be used for. */
import { accepted, below, type Case, lenient, refused, strict } from './case.ts';
import {
  asVersion1,
  authority,
  type Kind,
  type Profile,
  purpose,
  type Signing,
  server,
  unknownExtension,
  usage,
  withNullParameters,
} from './tree.ts';

const profile = (what: Profile): Case['make'] => {
  return ({ serve }) => serve(what);
};
const key = (kind: Kind): Case['make'] => profile({ key: kind });

const ALERT: [string, RegExp] = ['ERR_TLS_ALERT', /HandshakeFailure/];
const INVALID = 'ERR_TLS_CERT_INVALID';
const NOT_OFFERED = 'rustls has no such signatures, and does not offer them: the server ends the handshake.';
const SHORT = 'RSA of 2048 bits is the least. Node thinks so from version 24 on.';
const OTHER_CODE = 'Another code for the same refusal: node:tls has none.';

export const keys: Case[] = [
  accepted('P-256', key('P-256')),
  accepted('P-384', key('P-384')),
  accepted('P-521', key('P-521')),
  accepted('Ed25519', key('Ed25519')),
  accepted('RSA of 2048 bits', key('RSA 2048')),
  accepted('RSA of 4096 bits', key('RSA 4096')),
  strict(
    'RSA of 1024 bits',
    key('RSA 1024'),
    ['CERT_SIGNATURE_FAILURE', /2048 bits/],
    { 20: 'accepted', 24: 'UNSPECIFIED, EE certificate key too weak' },
    SHORT,
  ),
  strict('RSA for PSS only (id-RSASSA-PSS)', key('RSA-PSS'), ALERT, 'accepted', NOT_OFFERED),
  strict('Ed448', key('Ed448'), ALERT, 'accepted', NOT_OFFERED),
  strict(
    'secp256k1',
    key('secp256k1'),
    ALERT,
    { 20: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 22: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' },
    'One code for all alerts; the message names the alert.',
  ),
];

/** By a root with such a key, which signs so. */
const signed = (kind: Kind, signedWith: Signing, own: Signing = signedWith): Case['make'] => {
  return async () =>
    below([await authority(`${kind}, ${own}`, { key: kind, signedWith: own })], { signedWith });
};
const WEAK: [string, RegExp] = [INVALID, /SHA-1/];

export const signatures: Case[] = [
  accepted('ECDSA with SHA-384, P-384', signed('P-384', 'ECDSA with SHA-384 and P-384')),
  accepted('Ed25519', signed('Ed25519', 'Ed25519')),
  accepted('RSA with SHA-256', signed('RSA 2048', 'RSA with SHA-256')),
  strict(
    'RSA with SHA-1',
    signed('RSA 2048', 'RSA with SHA-1'),
    WEAK,
    'UNSPECIFIED, CA signature digest algorithm too weak',
    OTHER_CODE,
  ),
  strict(
    'ECDSA with SHA-1',
    signed('P-256', 'ECDSA with SHA-1'),
    WEAK,
    'UNSPECIFIED, CA signature digest algorithm too weak',
    OTHER_CODE,
  ),
  accepted('SHA-1 on the trusted root only', signed('RSA 2048', 'RSA with SHA-256', 'RSA with SHA-1')),
  strict(
    'RSA of 1024 bits with SHA-256',
    signed('RSA 1024', 'RSA with SHA-256'),
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /2048 bits/],
    { 20: 'accepted', 24: 'UNSPECIFIED, CA certificate key too weak' },
    SHORT,
  ),
  accepted('RSA-PSS with SHA-256', async () => {
    const root = await authority('PSS', { key: 'RSA 2048', signedWith: 'RSA-PSS' });
    const leaf = withNullParameters(await server(root, { signedWith: 'RSA-PSS' }), root);
    return { chain: [leaf.cert], key: leaf.key, ca: [root.cert] };
  }),
  strict(
    'RSA-PSS with SHA-256, whose parameters are left out',
    signed('RSA 2048', 'RSA-PSS'),
    [INVALID, /SHA-1/],
    'accepted',
    'RFC 4055 permits it; rustls knows the usual form only, with NULL, which OpenSSL writes.',
  ),
];

const PURPOSE = 'INVALID_PURPOSE';
const NO_SERVER = /serverAuth/;
const CRITICAL: [string, RegExp] = [INVALID, /critical extension/];
const UNHANDLED = 'UNSPECIFIED, unhandled critical extension';

export const purposes: Case[] = [
  accepted('for servers and clients', profile({ purposes: [purpose.serverAuth, purpose.clientAuth] })),
  accepted('no extended key usage', profile({ purposes: null })),
  refused('clientAuth only', profile({ purposes: [purpose.clientAuth] }), PURPOSE, NO_SERVER),
  refused('codeSigning only', profile({ purposes: [purpose.codeSigning] }), PURPOSE, NO_SERVER),
  refused('anyExtendedKeyUsage only', profile({ purposes: ['2.5.29.37.0'] }), PURPOSE, NO_SERVER),
  refused(
    'an authority with clientAuth only',
    async ({ root }) =>
      below([root, await authority('for clients', { purposes: [purpose.clientAuth] }, root)]),
    PURPOSE,
    NO_SERVER,
  ),
  accepted('no key usage', profile({ usages: null })),
  accepted('key usage without digitalSignature: keyAgreement', profile({ usages: usage.keyAgreement })),
  lenient(
    'key usage without digitalSignature: keyCertSign',
    profile({ usages: usage.keyCertSign }),
    PURPOSE,
    'rustls looks at the extended key usage, and not at the key usage.',
  ),
  accepted('an unknown extension', profile({ extensions: [unknownExtension(false)] })),
  {
    ...strict(
      'an unknown critical extension',
      profile({ extensions: [unknownExtension(true)] }),
      CRITICAL,
      UNHANDLED,
      OTHER_CODE,
    ),
    isUnreadable: true,
  },
  strict(
    'an unknown critical extension of an authority',
    async ({ root }) => below([root, await authority('odd', { extensions: [unknownExtension(true)] }, root)]),
    CRITICAL,
    UNHANDLED,
    OTHER_CODE,
  ),
  {
    ...strict(
      'X.509 version 1, as `openssl x509 -req` makes them without `-extfile`',
      async ({ root }) => {
        const { cert, key } = asVersion1(await server(root), root);
        return { chain: [cert], key, ca: [root.cert] };
      },
      [INVALID, /version/i],
      'accepted',
      'It has no alternative names, and says nothing of what it is for. rustls reads version 3 only.',
    ),
    isUnreadable: true,
  },
];
