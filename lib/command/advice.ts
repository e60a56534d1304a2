/** What to do, in the words of the command line: what the messages of errors cannot know. */

import type { Problem } from './failure.ts';
import { printable, quoted } from './failure.ts';
import type { Report } from './report.ts';

/** @param overheard What the server says at once in plain text, if that was asked; empty: nothing. */
export function hintsFor(report: Report, error: Problem, overheard?: Uint8Array): string[] {
  const { code, message } = error;
  const hints = trustHints(report, error);
  if (code === 'ERR_TLS_ALERT' && /Certificate|HandshakeFailure|AccessDenied|UnknownCA/.test(message)) {
    hints.push('if the server wants to know who we are, pass --cert file and --key file');
  }
  if (code === 'ERR_TLS_ALPN') hints.push('leave --alpn out, or offer another protocol');
  if (message.includes('TLS from the first byte')) hints.push('try --tls in place of --starttls');
  if (/had said nothing/.test(message)) hints.push('if it speaks TLS from the first byte, use --tls');
  if (overheard !== undefined) hints.push(plainHint(overheard, portOf(report.address)));
  return hints;
}

/** After a connection in plain text on which TLS came. */
export const wantsTls = 'what came looks like TLS; try --tls';

/** What waits in plain text without a word, by its port. */
const silent: Readonly<Record<string, string>> = {
  389: 'ldap',
  5222: 'xmpp',
  5269: 'xmpp-server',
  5432: 'postgres',
};

function trustHints({ tls, certificates }: Report, { code }: Problem): string[] {
  if (tls === null || tls.trusted) return [];
  const [own] = certificates;
  const hints: string[] = [];
  if (tls.missingIssuer !== null) {
    const trust = `if you trust ${tls.missingIssuer}, pass its certificate: --extra-ca file`;
    hints.push(`${trust}; if it is an intermediate authority, let the server send that`);
    if (tls.issuerUrl !== null) hints.push(`its certificate is to be had at ${tls.issuerUrl}`);
  } else if (/SELF_SIGNED/.test(code)) {
    const pin = own === undefined ? '' : `, or accept this key alone: --insecure --pin ${own.pin}`;
    // One that says it is an authority is none a server can have, trusted or not.
    if (own?.authority) hints.push(`let the server have a certificate of its own (CA:FALSE)${pin}`);
    else hints.push(`if you know it, trust it: --extra-ca file${certificates.length === 1 ? pin : ''}`);
  }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID' && own !== undefined) {
    const names = own.names.length > 0 ? `it is for ${own.names.join(', ')}` : 'it is for no name at all';
    hints.push(`${names}; connect by a name that it has, or pass --sni name`);
  }
  if (code === 'ERR_TLS_PIN')
    hints.push('the pins of what the server sent are above; pass --pin with one that you know');
  return hints;
}

/** What a server is that does not speak TLS at once. */
function plainHint(said: Uint8Array, port: string): string {
  const text = Buffer.from(said).toString('latin1');
  if (text === '') {
    const protocol = silent[port];
    if (protocol) return `port ${port} is usually plain text at first; try --starttls ${protocol}`;
    return 'in plain text it says nothing at once; does it speak TLS at all? Try without --tls';
  }
  const [protocol] = Object.entries(greetings).find(([, pattern]) => pattern.test(text)) ?? [];
  const what = `in plain text the server says ${printable(quoted(text))}`;
  return protocol === undefined ? `${what}; try without --tls` : `${what}; try --starttls ${protocol}`;
}

/** How protocols begin, the surest first. */
const greetings: Readonly<Record<string, RegExp>> = {
  lmtp: /^220[ -].*LMTP/i,
  smtp: /^220[ -].*(?:SMTP|mail)/i,
  ftp: /^220[ -]/,
  imap: /^\* (?:OK|PREAUTH|BYE)/i,
  pop3: /^\+OK/i,
  nntp: /^20[01] /,
  sieve: /^"[A-Z]+"/,
  mysql: /^.{3}\0\n/s,
};

function portOf(address: string): string {
  return address.slice(address.lastIndexOf(':') + 1);
}
