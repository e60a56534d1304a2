/** TLS of a duplex, in the words of node:tls: options, and what it tells of the peer. */

import { X509Certificate } from 'node:crypto';
import tlsDefaults, {
  type CipherNameAndProtocol,
  checkServerIdentity,
  type DetailedPeerCertificate,
  type PeerCertificate,
  rootCertificates,
} from 'node:tls';
import type { CredentialsOptions } from '../../binding.d.cts';
import type { TlsOptions } from '../../node.d.ts';
import { defaultCredentials, type Handshake, loud, optionsOf, over, readMembers } from '../credentials.ts';
import { rethrowing, SocketError } from '../error.ts';
import { describe, invalid, readAlpn } from '../options.ts';

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What a handshake needs, and what to do after it. */
export interface Security extends Handshake {
  /** Whether a certificate that is not trusted ends the connection. */
  reject: boolean;
  /** The caller's own check of the name. */
  check: ((hostname: string, certificate: PeerCertificate) => Error | undefined) | undefined;
}

/** Of a connection whose TLS was set up elsewhere. */
export function securityOf(handshake: Handshake): Security {
  return { ...handshake, reject: optionsOf(handshake.credentials).reject !== false, check: undefined };
}

/** Members that change who is believed or who we are; ignored, they would make a connection less secure than was asked for. */
const unsupported: Readonly<Record<string, string>> = {
  pfx: 'pass `cert` and `key` as PEM',
  pskCallback: 'use certificates',
  secureContext: 'pass the options that it was made of',
  crl: 'use node:tls where revocation lists are needed',
};

/**
 * Options under the names of node:tls, and those of TlsConfig that it has no name for.
 * @param host What is connected to: the name to check, unless `servername` says otherwise.
 * @throws {SocketError} ERR_INVALID_OPTION, ERR_INVALID_CA, ERR_INVALID_CERT, ERR_INVALID_KEY or ERR_INVALID_SNI.
 */
export function readSecurity(options: TlsOptions, host: string, base = defaultCredentials()): Security {
  const bag = options as Record<string, unknown>;
  for (const [name, remedy] of Object.entries(unsupported)) {
    const value = bag[name];
    if (value !== undefined && value !== null && value !== '') {
      throw invalid(`\`${name}\` is not supported; ${remedy}`);
    }
  }
  const { key, passphrase } = keyOf(bag['key'], bag['passphrase']);
  const { extraCa, keyLog, pins, rejectUnauthorized, sessionResumption, systemCa, verify } = bag;
  const others = { extraCa, keyLog, pins, rejectUnauthorized, sessionResumption, systemCa, verify };
  const versions = readVersions(options, optionsOf(base));
  // An empty list means that nobody is trusted, which is not the same as the default.
  const ca = bag['ca'] || undefined;
  const cert = present(bag['cert']);
  const given = readMembers({ ...others, ...versions, alpn: bag['alpn'], ca, cert, key, passphrase }, '');
  const { alpn = undefined, ...members } = given;
  const { checkServerIdentity: own, ALPNProtocols } = options;
  const check = own === undefined || own === null || own === checkServerIdentity ? undefined : own;
  const protocols = readProtocols(ALPNProtocols) ?? alpn;
  const secure = { serverName: options.servername || host, ...(protocols && { alpn: protocols }) };
  // A check of the caller's own comes in the place of ours, unless the host wants that, too.
  const replaces = check !== undefined && optionsOf(base).reject !== true;
  const credentials = over(base, replaces ? { ...members, checkName: false } : members);
  // Under Node's name it is no more than there: whoever asks for it is told by `authorized`.
  if (verify === false) loud(members, credentials);
  try {
    rethrowing(() => credentials.native.check(secure));
  } catch (error) {
    const { code, message } = error as SocketError;
    // The name of the option is another one here.
    throw new SocketError(message.replaceAll('`sni`', '`servername`'), { code });
  }
  return { ...securityOf({ secure, credentials }), check };
}

/** An empty list or text is none. */
function present(value: unknown): unknown {
  const empty = value === '' || value === false || (Array.isArray(value) && value.length === 0);
  return empty ? undefined : value;
}

/** node:tls also takes objects with a passphrase each, and one that no key needs. */
function keyOf(value: unknown, common: unknown): { key?: unknown; passphrase?: unknown } {
  let passphrase = common;
  const pem = (one: unknown) => {
    const object = one as { pem?: unknown; passphrase?: unknown } | null;
    if (typeof object !== 'object' || object === null || object.pem === undefined) return one;
    passphrase = object.passphrase || passphrase;
    return object.pem;
  };
  const key = present(Array.isArray(value) ? value.map(pem) : pem(value));
  return key === undefined ? {} : { key, passphrase: passphrase || undefined };
}

/** Names, or the wire format: each with its length before it. */
function readProtocols(value: TlsOptions['ALPNProtocols']): string[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return readAlpn(value.map(nameOf), 'ALPNProtocols');
  const wire = nameOf(value);
  const names: string[] = [];
  for (let at = 0; at < wire.length; at += 1 + wire.charCodeAt(at)) {
    names.push(wire.slice(at + 1, at + 1 + wire.charCodeAt(at)));
  }
  return readAlpn(names, 'ALPNProtocols');
}

function nameOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('latin1');
  }
  throw invalid(`\`ALPNProtocols\` must be names of protocols or their bytes, not ${describe(value)}`);
}

/** Oldest first. The first two mean "whatever ours can do" as a minimum, and nothing as a maximum. */
const VERSIONS: readonly unknown[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** The versions that are not those of `base` anyway, under the names of TlsConfig. */
function readVersions(
  { minVersion, maxVersion }: TlsOptions,
  base: CredentialsOptions,
): { minVersion: unknown; maxVersion: unknown } {
  const [least, most] = [
    minVersion ?? base.minVersion ?? tlsDefaults.DEFAULT_MIN_VERSION,
    maxVersion ?? base.maxVersion ?? tlsDefaults.DEFAULT_MAX_VERSION,
  ].map((version, index) => {
    const found = VERSIONS.indexOf(version);
    const name = index === 0 ? 'minVersion' : 'maxVersion';
    if (found === -1) {
      throw invalid(
        `\`${name}\` must be one of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3', not ${JSON.stringify(version)}`,
      );
    }
    return found;
  }) as [number, number];
  if (most < 2) throw invalid(`\`maxVersion\` ${maxVersion} is not supported; TLS 1.2 and 1.3 are`);
  if (least > most) throw invalid('`minVersion` is above `maxVersion`');
  const [from, to] = [VERSIONS[Math.max(least, 2)], VERSIONS[most]];
  return {
    minVersion: from === (base.minVersion ?? 'TLSv1.2') ? undefined : from,
    maxVersion: to === (base.maxVersion ?? 'TLSv1.3') ? undefined : to,
  };
}

/** The roots of a connection that are not the default ones. */
export function rootsOf({ credentials }: Handshake): readonly Buffer[] | undefined {
  const { ca, extraCa } = optionsOf(credentials);
  return ca || extraCa
    ? [...(ca ?? rootCertificates.map((pem) => Buffer.from(pem))), ...(extraCa ?? [])]
    : undefined;
}

/**
 * The first of a chain as `getPeerCertificate()` gives it. With `all`, each has who issued it, from the roots if the peer has not sent
 * that; a root has itself.
 */
export function detailed(
  chain: readonly Buffer[],
  all = false,
  roots?: readonly Buffer[],
): DetailedPeerCertificate {
  const certificates = chain.map((der) => new X509Certificate(der));
  const last = certificates.at(-1);
  const root = all && last && !last.checkIssued(last) ? issuerOf(last, roots) : undefined;
  if (root) certificates.push(root);
  const objects = certificates.map((one) => one.toLegacyObject() as unknown as DetailedPeerCertificate);
  for (const [index, object] of all ? objects.entries() : []) {
    const certificate = certificates[index] as X509Certificate;
    const issuer = certificate.checkIssued(certificate) ? object : objects[index + 1];
    if (issuer) object.issuerCertificate = issuer;
  }
  return objects[0] ?? ({} as DetailedPeerCertificate);
}

/** Who issued a certificate, among the roots of a connection. */
function issuerOf(
  certificate: X509Certificate,
  roots: readonly Buffer[] | undefined,
): X509Certificate | undefined {
  const pems: readonly (string | Buffer)[] =
    roots?.flatMap((root): (string | Buffer)[] => root.toString('latin1').match(PEM) ?? [root]) ??
    rootCertificates;
  for (const pem of pems) {
    const candidate = new X509Certificate(pem);
    if (certificate.checkIssued(candidate)) return candidate;
  }
  return undefined;
}

/** A cipher suite under the names of OpenSSL and IANA. */
export function cipherOf(name: string): CipherNameAndProtocol {
  const old = /^TLS_ECDHE_(ECDSA|RSA)_WITH_(?:AES_(128|256)_GCM_SHA(256|384)|CHACHA20_POLY1305_SHA256)$/.exec(
    name,
  );
  if (old === null) return { name, standardName: name, version: 'TLSv1.3' };
  const [, key, bits, hash] = old;
  const cipher = bits ? `AES${bits}-GCM-SHA${hash}` : 'CHACHA20-POLY1305';
  return { name: `ECDHE-${key}-${cipher}`, standardName: name, version: 'TLSv1.2' };
}
