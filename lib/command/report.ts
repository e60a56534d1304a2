/** What is known of a connection: what `--json` prints, and what the words are made of. docs/command.md has its shape, which is API. */

import type { X509Certificate } from 'node:crypto';
import type { SocketInfo, SocketStats, TlsInfo } from '../../index.d.ts';
import { type CertificateReport, describe, parsed } from './certificate.ts';
import { diagnose } from './chain.ts';
import { type Problem, printable } from './failure.ts';

export interface Report {
  /** Whether the exit code is 0. */
  ok: boolean;
  exitCode: number;
  /** As it was given. */
  address: string;
  /** What was found for its name, the most wanted first. Empty if it has none, or a proxy looks it up. */
  addresses: string[];
  /** `--starttls`. */
  starttls: string | null;
  /** Without who we are there. */
  proxy: string | null;
  remoteAddress: string | null;
  localAddress: string | null;
  /** Milliseconds of each step. */
  timings: SocketStats['timings'] | null;
  /** Milliseconds. */
  roundTrip: number | null;
  bytesRead: number;
  bytesWritten: number;
  tls: TlsReport | null;
  /** What the server sent, its own first. */
  certificates: CertificateReport[];
  /** What is not wrong yet, or not for everybody. */
  warnings: string[];
  error: Problem | null;
  /** What to do about the error. */
  hints: string[];
}

export interface TlsReport {
  version: string;
  cipher: string;
  group: string | null;
  alpn: string | null;
  resumed: boolean;
  /** What the certificate was checked against. */
  serverName: string;
  /** Whether the certificate is good: also with `--insecure`, where that has no consequence. */
  trusted: boolean;
  /** The code of why it is not. */
  reason: string | null;
  /** The authority that the chain leads to, if that is trusted. */
  root: string | null;
  /** The authority that is neither among the certificates nor trusted. */
  missingIssuer: string | null;
  /** Where the certificate of that authority is to be had, as the server's certificate says. */
  issuerUrl: string | null;
}

export function emptyReport(address: string, starttls: string | null, proxy: string | null): Report {
  return {
    ok: false,
    exitCode: 1,
    address,
    addresses: [],
    starttls,
    proxy,
    remoteAddress: null,
    localAddress: null,
    timings: null,
    roundTrip: null,
    bytesRead: 0,
    bytesWritten: 0,
    tls: null,
    certificates: [],
    warnings: [],
    error: null,
    hints: [],
  };
}

export function addConnection(report: Report, { remoteAddress, localAddress }: SocketInfo): void {
  report.remoteAddress = remoteAddress;
  report.localAddress = localAddress;
}

export function addStats(report: Report, { timings, roundTrip, bytesRead, bytesWritten }: SocketStats): void {
  const rounded = Object.entries(timings).map(([step, time]) => [
    step,
    time === null ? null : thousandths(time),
  ]);
  report.timings = Object.fromEntries(rounded) as SocketStats['timings'];
  report.roundTrip = roundTrip === null ? null : thousandths(roundTrip);
  report.bytesRead = bytesRead;
  report.bytesWritten = bytesWritten;
}

/** @param refusal The code with which the certificate was refused, if this is a connection made to look at it. */
export function addTls(
  report: Report,
  {
    tls,
    alpn,
    serverName,
    refusal,
  }: { tls: TlsInfo; alpn: string | null; serverName: string; refusal?: string },
): void {
  const now = Date.now();
  const reason = refusal ?? tls.authorizationError;
  const certificates = tls.peerCertificates.map(parsed);
  const { problems, root, missingIssuer, issuerUrl, notes } = diagnose(certificates, {
    host: serverName,
    now,
    reason,
  });
  const { version, cipher, group, resumed } = tls;
  report.tls = {
    ...{ version, cipher, group, alpn, resumed, serverName },
    trusted: reason === null,
    reason,
    root: reason === null ? root : null,
    missingIssuer,
    issuerUrl,
  };
  report.certificates = certificates.map((certificate, index) => ({
    ...describe(certificate, now),
    problems: problems[index] ?? [],
  }));
  report.warnings.push(...notes, ...expiring(report.certificates, certificates));
}

/** Days before the end from which on it is said, and from which on it is urgent. */
const notice = 30;
const urgent = 14;

function expiring(reports: readonly CertificateReport[], certificates: readonly X509Certificate[]): string[] {
  return reports.flatMap(({ daysLeft, subject, problems, validTo }, index) => {
    const isExpired =
      daysLeft < 0 || validTo === 'unknown' || problems.some((problem) => problem.startsWith('expired'));
    if (isExpired || daysLeft >= notice || certificates[index] === undefined) return [];
    const days = daysLeft === 1 ? '1 day' : `${daysLeft} days`;
    const what = `certificate ${index + 1} (${printable(subject)}) expires in ${days}`;
    return [daysLeft < urgent ? `${what}: renew it now` : what];
  });
}

function thousandths(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000;
}
