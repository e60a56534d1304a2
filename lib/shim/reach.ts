/** What sockets of ours can do. The rest goes to Node's own, so that nothing that was asked for is silently left out. */

import { constants } from 'node:crypto';
import tls from 'node:tls';

/** Where a socket of ours cannot connect to, or from. */
const PLACES = [
  ...(process.platform === 'win32' ? ['path'] : []),
  ...['fd', 'handle', 'onread', 'localAddress', 'localPort', 'blockList'],
];

/** What TLS in Rust does not know, and what is lost, or less secure, without it. */
const TLS = [
  'pfx',
  'crl',
  'sigalgs',
  'pskCallback',
  'requestOCSP',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'clientCertEngine',
] as const;

/** Names for "whatever both sides can do". */
const ANY_PROTOCOL = new Set<unknown>([
  undefined,
  '',
  'TLS_method',
  'TLS_client_method',
  'SSLv23_method',
  'SSLv23_client_method',
]);

/** Versions that ours does not go down to. */
const OLD_VERSIONS = new Set<unknown>(['TLSv1', 'TLSv1.1']);

/** The first of the options that only Node's own `net.Socket` can honour. */
export function beyondTcp(options: object): string | undefined {
  return PLACES.find((name) => isGiven(Reflect.get(options, name)));
}

/** The first of the options of TLS that only Node's own can honour. Options that make no difference to ours are not among them. */
export function beyondTls(options: object): string | undefined {
  const {
    ciphers,
    ecdhCurve,
    key,
    maxVersion,
    secureOptions,
    secureProtocol,
  }: Partial<tls.SecureContextOptions> = options;
  const unknown = TLS.find((name) => isGiven(Reflect.get(options, name)));
  if (unknown !== undefined) return unknown;
  if ((ciphers ?? tls.DEFAULT_CIPHERS) !== constants.defaultCoreCipherList) return 'ciphers';
  if ((ecdhCurve ?? tls.DEFAULT_ECDH_CURVE) !== 'auto') return 'ecdhCurve';
  // Several keys are several identities.
  if (Array.isArray(key) && key.length > 1) return 'key';
  if (OLD_VERSIONS.has(maxVersion ?? tls.DEFAULT_MAX_VERSION)) return 'maxVersion';
  if (isGiven(secureOptions) && secureOptions !== 0) return 'secureOptions';
  return ANY_PROTOCOL.has(secureProtocol) ? undefined : 'secureProtocol';
}

/** Node takes these for "not given". */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && value !== '';
}
