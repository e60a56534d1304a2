/** The report in plain words. What comes from the server is made printable here. */

import type { CertificateReport } from './certificate.ts';
import { printable } from './failure.ts';
import type { Report } from './report.ts';

/** One line: what it is about, and what is to be said of it. */
const line = (label: string, text: string): string => `${label.padEnd(LABEL)}${text}\n`;
const LABEL = 13;

/** What was found out once it is open. Not `whole`: only where, how, and what needs attention. */
export function connectionWords(report: Report, whole: boolean): string {
  const { tls, addresses, localAddress, starttls } = report;
  const way = starttls === null ? '' : `, StartTLS (${starttls})`;
  const proxy = report.proxy === null ? '' : `, proxy ${report.proxy}`;
  const found = addresses.length > 0 ? ` (${addresses.join(', ')})` : '';
  const text = line('connected', `${report.address}${found} from ${localAddress}${way}${proxy}`);
  return (
    text + (whole ? timesWords(report) : '') + (tls ? tlsWords(report, whole) : '') + warningWords(report)
  );
}

/** What is not wrong yet, or not for everybody. */
export function warningWords({ warnings }: Report): string {
  return warnings.map((warning) => line('warning', printable(warning))).join('');
}

/** How it went wrong, why, and what to do. */
export function errorWords({ error, hints }: Report): string {
  if (error === null) return '';
  // Several mistakes of the user's are a list; nobody else's words are in it.
  const parts = error.code === 'ERR_INVALID_OPTION' ? error.message.split('\n') : [error.message];
  const text = parts.map(printable).join(`\n${''.padEnd(LABEL)}`);
  return line('error', `${text} (${error.code})`) + hints.map(hintWords).join('');
}

/** What to do. */
export function hintWords(hint: string): string {
  return line('hint', printable(hint));
}

/** How long each step took, as far as it came. */
export function timesWords({ timings, roundTrip }: Report): string {
  if (timings === null) return '';
  const { wait, lookup, connect, proxy, tls } = timings;
  const steps = Object.entries({ wait, lookup, TCP: connect, proxy, TLS: tls });
  const times = steps.flatMap(([step, time]) => (time === null ? [] : [`${step} ${milliseconds(time)}`]));
  if (roundTrip !== null) times.push(`round trip ${milliseconds(roundTrip)}`);
  return times.length === 0 ? '' : line('times', times.join(', '));
}

/** What was shown by the server whose certificate was refused. */
export function refusedWords(report: Report): string {
  if (report.tls === null) return '';
  return report.certificates.map(certificateWords).join('');
}

function tlsWords(report: Report, whole: boolean): string {
  const { tls, certificates } = report;
  if (tls === null) return '';
  const { version, cipher, group, alpn, resumed } = tls;
  const agreed = [
    version,
    cipher,
    group ?? 'no new key exchange',
    alpn === null ? 'no ALPN' : `ALPN ${printable(alpn)}`,
  ];
  const text = line('TLS', [...agreed, resumed ? 'resumed session' : 'new session'].join(', '));
  const chain = whole ? certificates.map(certificateWords).join('') : '';
  return text + chain + trustWords(report);
}

function trustWords({ tls, certificates }: Report): string {
  if (tls === null) return '';
  const problems = certificates.flatMap((certificate) => certificate.problems);
  if (!tls.trusted) {
    const missing =
      tls.missingIssuer === null ? [] : [`its issuer, ${tls.missingIssuer}, was not sent and is not trusted`];
    const why = printable([...problems, ...missing].join('; '));
    return line('trusted', `no (${tls.reason})${why === '' ? '' : `: ${why}`}`);
  }
  return line('trusted', printable(`yes, as ${tls.serverName}, by ${tls.root}`));
}

function certificateWords(certificate: CertificateReport, index: number): string {
  const { subject, issuer, names, validFrom, validTo, daysLeft, key, fingerprint256, pin, problems } =
    certificate;
  const rows: [label: string, text: string][] = [
    [`certificate ${index + 1}`, ''],
    ['  subject', subject],
    ['  issuer', issuer],
    ...(names.length > 0 ? [['  names', names.join(', ')] as [string, string]] : []),
    ['  valid', `${validFrom.slice(0, 10)} to ${validTo.slice(0, 10)}, ${remaining(daysLeft)}`],
    ['  key', key],
    ['  SHA-256', fingerprint256],
    ['  pin', pin],
    ...problems.map((problem): [string, string] => ['  problem', problem]),
  ];
  return rows.map(([label, text]) => line(label, printable(text)).replace(/ +\n$/, '\n')).join('');
}

function remaining(daysLeft: number): string {
  if (daysLeft >= 0) return daysLeft === 1 ? '1 day left' : `${daysLeft} days left`;
  const ago = -daysLeft - 1;
  if (ago === 0) return 'expired today';
  return ago === 1 ? 'expired 1 day ago' : `expired ${ago} days ago`;
}

function milliseconds(time: number): string {
  return `${time.toFixed(time < 1 ? 2 : 1)} ms`;
}
