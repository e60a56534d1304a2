/** What a certificate says, in words and for scripts. */

import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { PeerCertificate } from '../../index.d.ts';
import { publicKeyOf } from './der.ts';

/** A certificate as the report has it. */
export interface CertificateReport {
  subject: string;
  issuer: string;
  /** Host names and IP addresses that it is for. */
  names: string[];
  /** ISO 8601, or `unknown`. */
  validFrom: string;
  validTo: string;
  /** Whole days until it expires; negative once it has. */
  daysLeft: number;
  serialNumber: string;
  /** `"EC P-256"`, `"RSA 2048"`, `"Ed25519"`. */
  key: string;
  fingerprint256: string;
  /** What `--pin` and `pins` take. */
  pin: string;
  /** Whether it is an authority's. */
  authority: boolean;
  /** What is wrong with it, in words. */
  problems: string[];
}

const day = 86_400_000;

/** What the server sent, parsed again: X509Certificate of node:crypto tells more than the contract names. */
export function parsed({ raw }: PeerCertificate): X509Certificate {
  return new X509Certificate(raw);
}

export function describe(certificate: X509Certificate, now: number): CertificateReport {
  const [validFrom, validTo] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  const daysLeft = Math.floor((validTo.getTime() - now) / day);
  const dated = !Number.isNaN(validFrom.getTime()) && !Number.isNaN(daysLeft);
  return {
    subject: nameOf(certificate.subject),
    issuer: nameOf(certificate.issuer),
    names: namesOf(certificate),
    validFrom: dated ? validFrom.toISOString() : 'unknown',
    validTo: dated ? validTo.toISOString() : 'unknown',
    daysLeft: dated ? daysLeft : 0,
    serialNumber: certificate.serialNumber,
    key: keyOf(certificate),
    fingerprint256: certificate.fingerprint256,
    pin: pinOf(certificate),
    authority: certificate.ca,
    problems: [],
  };
}

/** A distinguished name on one line, the common name first: Node gives a line for each part, the largest unit first. */
export function nameOf(distinguished: string): string {
  const parts = (distinguished ?? '').split('\n').filter(Boolean).reverse();
  return parts.join(', ') || '(no name)';
}

/** Whether a certificate is for a host. A common name does not count. */
export function isFor(certificate: X509Certificate, host: string): boolean {
  if (isIP(host)) return certificate.checkIP(host) !== undefined;
  return certificate.checkHost(host, { subject: 'never' }) !== undefined;
}

/** Node quotes, as JSON, what would be ambiguous otherwise. */
/** Of one that cannot be read there are none; Node says null then. */
function namesOf({ subjectAltName }: X509Certificate): string[] {
  const entries = [...(subjectAltName ?? '').matchAll(/(?:^|, )([^:,]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)];
  return entries
    .filter(([, kind]) => kind === 'DNS' || kind === 'IP Address')
    .map(([, , name = '']) => (name.startsWith('"') ? JSON.parse(name) : name) as string);
}

const curves: Record<string, string> = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

function keyOf(certificate: X509Certificate): string {
  try {
    const { asymmetricKeyType = '', asymmetricKeyDetails = {} } = certificate.publicKey;
    const { modulusLength, namedCurve } = asymmetricKeyDetails;
    if (namedCurve !== undefined) return `EC ${curves[namedCurve] ?? namedCurve}`;
    if (modulusLength !== undefined) return `${asymmetricKeyType.toUpperCase()} ${modulusLength}`;
    return asymmetricKeyType.replace(/^ed/, 'Ed');
  } catch {
    return 'of a kind that this Node does not know';
  }
}

function pinOf({ raw }: X509Certificate): string {
  const key = publicKeyOf(raw);
  return key === undefined ? '' : `sha256/${createHash('sha256').update(key).digest('base64')}`;
}
