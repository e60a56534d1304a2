/** Which link of a chain is the trouble. What counts is the verdict of the handshake; this only finds words for it. */

import type { X509Certificate } from 'node:crypto';
import { isFor, nameOf } from './certificate.ts';

export interface Diagnosis {
  /** Who has issued the last link. */
  root: string | null;
  /** What is wrong with each certificate, by its place. */
  problems: string[][];
  /** The authority whose certificate is neither here nor trusted. */
  missingIssuer: string | null;
  /** Where the certificate of that authority is to be had, as the last one of the chain says. */
  issuerUrl: string | null;
  /** Of the chain as a whole. */
  notes: string[];
}

/** Extended key usage: a server of TLS, and anything. */
const server = ['1.3.6.1.5.5.7.3.1', '2.5.29.37.0'];

/**
 * @param host What the first certificate has to be for.
 * @param reason The code of why it is not trusted; `null`: it is.
 */
export function diagnose(
  sent: readonly X509Certificate[],
  { host, now, reason }: { host: string; now: number; reason: string | null },
): Diagnosis {
  const links = linked(sent);
  const problems = sent.map((certificate) =>
    links.includes(certificate)
      ? problemsOf(certificate, { host, now, isFirst: certificate === sent[0] })
      : [],
  );
  const last = links.at(-1);
  const root = last === undefined ? null : nameOf(last.issuer);
  const diagnosis = { root, problems, missingIssuer: null, issuerUrl: null, notes: notesOf(sent, links) };
  // Whether we trust somebody of that name is not known here. The code says what was missing.
  if (last === undefined || !/SELF_SIGNED|^UNABLE_TO_/.test(reason ?? '')) return diagnosis;
  if (isSelfIssued(last)) {
    const isAlone = links.length === 1;
    const what = isAlone ? 'signed by itself, and not trusted here' : 'a root that is not trusted here';
    problems[sent.indexOf(last)]?.push(what);
    return diagnosis;
  }
  const issuerUrl = last.infoAccess?.match(/^CA Issuers - URI:(\S+)$/m)?.[1] ?? null;
  return { ...diagnosis, missingIssuer: root, issuerUrl };
}

/** The chain, from the server's own certificate on, in the order in which each is issued by the next. */
function linked(sent: readonly X509Certificate[]): X509Certificate[] {
  const links: X509Certificate[] = [];
  for (let next = sent[0]; next !== undefined; ) {
    const current: X509Certificate = next;
    links.push(current);
    next = isSelfIssued(current)
      ? undefined
      : sent.find((candidate) => !links.includes(candidate) && isIssuedBy(current, candidate));
  }
  return links;
}

function isSelfIssued({ subject, issuer }: X509Certificate): boolean {
  return subject === issuer;
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (certificate.issuer !== issuer.subject) return false;
  try {
    return certificate.verify(issuer.publicKey);
  } catch {
    return true; // an algorithm that this Node does not know: the name has to do
  }
}

function problemsOf(
  certificate: X509Certificate,
  { host, now, isFirst }: { host: string; now: number; isFirst: boolean },
): string[] {
  const problems: string[] = [];
  const from = new Date(certificate.validFrom);
  const to = new Date(certificate.validTo);
  if (Number.isNaN(from.getTime() + to.getTime()))
    problems.push('valid from or until a time that cannot be read');
  if (now > to.getTime()) problems.push(`expired on ${to.toISOString()}`);
  if (now < from.getTime()) problems.push(`not valid before ${from.toISOString()}`);
  if (!isFirst) {
    if (!certificate.ca) problems.push('not an authority, so it cannot issue certificates');
    return problems;
  }
  if (!isFor(certificate, host)) problems.push(`not for ${host}`);
  // What Node calls the key usage is the extended one.
  const uses: readonly string[] | undefined = certificate.keyUsage;
  if (uses !== undefined && !uses.some((use) => server.includes(use)))
    problems.push('not meant for servers of TLS');
  if (certificate.ca) problems.push("an authority's own (CA:TRUE), which cannot be a server's");
  return problems;
}

function notesOf(sent: readonly X509Certificate[], links: readonly X509Certificate[]): string[] {
  const notes: string[] = [];
  const places = links.map((link) => sent.indexOf(link));
  if (places.some((place, index) => place < (places[index - 1] ?? 0))) {
    notes.push('the server sends its certificates in the wrong order; not every client puts up with that');
  }
  for (const [index, certificate] of sent.entries()) {
    if (links.includes(certificate)) continue;
    const namesake = links.some(({ issuer }) => issuer === certificate.subject);
    const why = namesake
      ? 'has the name of the issuer, but not the key that has signed: it was made anew, or is another'
      : 'is not part of the chain';
    notes.push(`certificate ${index + 1} (${nameOf(certificate.subject)}) ${why}`);
  }
  return notes;
}
