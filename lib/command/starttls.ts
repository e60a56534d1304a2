/** How each protocol asks for TLS. A server that does not offer it is quoted. */

import type { Dialogue } from './dialogue.ts';
import { Failure, quoted } from './failure.ts';
import { ldap, mysql, postgres } from './starttls-binary.ts';

/** Who talks to whom. */
export interface Parties {
  /** The name of the server. */
  server: string;
  /** This side, as mail has it: an address in brackets. */
  client: string;
}

/** Ends when the next byte has to be one of TLS. */
export type Preamble = (dialogue: Dialogue, parties: Parties) => Promise<void>;

/** By the name that `--starttls` takes. */
export const preambles = {
  smtp: (dialogue, { client }) => mail(dialogue, `EHLO ${client}`, 'SMTP'),
  lmtp: (dialogue, { client }) => mail(dialogue, `LHLO ${client}`, 'LMTP'),
  imap,
  pop3,
  postgres,
  mysql,
  ldap,
  ftp,
  nntp,
  sieve,
  xmpp: (dialogue, { server }) => stream(dialogue, server, 'jabber:client'),
  'xmpp-server': (dialogue, { server }) => stream(dialogue, server, 'jabber:server'),
} as const satisfies Record<string, Preamble>;

export type Protocol = keyof typeof preambles;

export const protocols = Object.keys(preambles);

/** A reply of SMTP, LMTP, FTP or NNTP: a code, and lines. */
interface Reply {
  code: string;
  lines: string[];
}

async function reply(dialogue: Dialogue, protocol: string): Promise<Reply> {
  const lines: string[] = [];
  for (;;) {
    const line = await dialogue.line();
    const [, code, more, text = ''] = /^(\d{3})(?:([ -])(.*))?$/.exec(line) ?? [];
    // Within a reply of FTP a line may be anything.
    if (code === undefined && lines.length === 0) throw isNot(protocol, line);
    lines.push(code === undefined ? line : text);
    if (code !== undefined && more !== '-') return { code, lines };
  }
}

async function mail(dialogue: Dialogue, hello: string, protocol: string): Promise<void> {
  const greeting = await reply(dialogue, protocol);
  if (greeting.code !== '220') throw refused(protocol, 'the connection', greeting);
  await dialogue.send(`${hello}\r\n`);
  const answer = await reply(dialogue, protocol);
  if (answer.code !== '250') throw refused(protocol, hello, answer);
  const offers = answer.lines.slice(1).map((line) => line.trim());
  if (!offers.some((offer) => offer.toUpperCase() === 'STARTTLS')) throw notOffered(protocol, offers);
  await dialogue.send('STARTTLS\r\n');
  const agreed = await reply(dialogue, protocol);
  if (agreed.code !== '220') throw refused(protocol, 'STARTTLS', agreed);
}

async function ftp(dialogue: Dialogue): Promise<void> {
  let greeting = await reply(dialogue, 'FTP');
  // "Ready in so many minutes": the real one follows.
  if (greeting.code === '120') greeting = await reply(dialogue, 'FTP');
  if (greeting.code !== '220') throw refused('FTP', 'the connection', greeting);
  await dialogue.send('AUTH TLS\r\n');
  const agreed = await reply(dialogue, 'FTP');
  if (agreed.code !== '234') throw refused('FTP', 'AUTH TLS', agreed);
}

async function nntp(dialogue: Dialogue): Promise<void> {
  const greeting = await reply(dialogue, 'NNTP');
  if (!/^20[01]$/.test(greeting.code)) throw refused('NNTP', 'the connection', greeting);
  await dialogue.send('STARTTLS\r\n');
  const agreed = await reply(dialogue, 'NNTP');
  if (agreed.code !== '382') throw refused('NNTP', 'STARTTLS', agreed);
}

async function imap(dialogue: Dialogue): Promise<void> {
  const greeting = await dialogue.line();
  if (/^\* PREAUTH\b/i.test(greeting)) {
    throw new Failure(
      `IMAP: the server takes us for logged in, and then there is no STARTTLS: ${quoted(greeting)}`,
    );
  }
  if (/^\* BYE\b/i.test(greeting)) throw refused('IMAP', 'the connection', { code: '', lines: [greeting] });
  if (!/^\* OK\b/i.test(greeting)) throw isNot('IMAP', greeting);
  const capabilities = await tagged(dialogue, 'a1', 'CAPABILITY');
  const offers = capabilities.flatMap((line) => /^\* CAPABILITY (.*)$/i.exec(line)?.[1]?.split(' ') ?? []);
  if (!offers.some((offer) => offer.toUpperCase() === 'STARTTLS')) throw notOffered('IMAP', offers);
  await tagged(dialogue, 'a2', 'STARTTLS');
}

/** A command of IMAP; the lines up to the one that says how it went. */
async function tagged(dialogue: Dialogue, tag: string, command: string): Promise<string[]> {
  await dialogue.send(`${tag} ${command}\r\n`);
  const lines: string[] = [];
  for (;;) {
    const line = await dialogue.line();
    if (!line.startsWith(`${tag} `)) lines.push(line);
    else if (/^\S+ OK\b/i.test(line)) return lines;
    else throw refused('IMAP', command, { code: '', lines: [line] });
  }
}

async function pop3(dialogue: Dialogue): Promise<void> {
  const greeting = await dialogue.line();
  if (!/^\+OK/i.test(greeting)) throw isNot('POP3', greeting);
  await dialogue.send('CAPA\r\n');
  // Servers without CAPA are older than it, and may know STLS.
  if (/^\+OK/i.test(await dialogue.line())) {
    const offers: string[] = [];
    for (let line = await dialogue.line(); line !== '.'; line = await dialogue.line()) offers.push(line);
    if (!offers.some((offer) => offer.toUpperCase() === 'STLS')) throw notOffered('POP3', offers, 'STLS');
  }
  await dialogue.send('STLS\r\n');
  const agreed = await dialogue.line();
  if (!/^\+OK/i.test(agreed)) throw refused('POP3', 'STLS', { code: '', lines: [agreed] });
}

/** ManageSieve: the server begins with what it can do. */
async function sieve(dialogue: Dialogue): Promise<void> {
  const offers = await statements(dialogue, 'the connection');
  if (!offers.some((offer) => /^"STARTTLS"/i.test(offer))) throw notOffered('ManageSieve', offers);
  await dialogue.send('STARTTLS\r\n');
  await statements(dialogue, 'STARTTLS');
}

/** The lines up to the OK. */
async function statements(dialogue: Dialogue, what: string): Promise<string[]> {
  const lines: string[] = [];
  for (;;) {
    const line = await dialogue.line();
    if (/^OK\b/i.test(line)) return lines;
    if (/^(?:NO|BYE)\b/i.test(line)) throw refused('ManageSieve', what, { code: '', lines: [line] });
    if (lines.length === 0 && !line.startsWith('"')) throw isNot('ManageSieve', line);
    lines.push(line);
  }
}

async function stream(dialogue: Dialogue, server: string, namespace: string): Promise<void> {
  const name = server.replaceAll(/[<>&'"]/g, '');
  await dialogue.send(
    `<?xml version='1.0'?><stream:stream to='${name}' xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`,
  );
  const features = await dialogue.until(/<\/stream:features>|<stream:features\s*\/>|<\/stream:stream>/);
  if (!/<starttls[\s/>]/.test(features)) throw notOffered('XMPP', [features]);
  await dialogue.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
  const agreed = await dialogue.until(/<(?:proceed|failure|\/stream:stream)[^>]*>/);
  if (!agreed.includes('<proceed')) throw refused('XMPP', 'starttls', { code: '', lines: [agreed] });
  // `<proceed></proceed>` is allowed as well as `<proceed/>`.
  if (!agreed.endsWith('/>')) await dialogue.until(/^\s*<\/proceed>/);
}

function isNot(protocol: string, said: string): Failure {
  return new Failure(`the server does not speak ${protocol}; it said ${quoted(said)}`);
}

function refused(protocol: string, what: string, { code, lines }: Reply): Failure {
  const said = code === '' ? lines.join(' ') : `${code} ${lines.join(' ')}`;
  return new Failure(`${protocol}: the server refused ${what}: ${quoted(said)}`);
}

function notOffered(protocol: string, offers: readonly string[], command = 'STARTTLS'): Failure {
  const rest = offers.length > 0 ? `it offers ${quoted(offers.join(', '))}` : 'it offers nothing';
  return new Failure(`${protocol}: the server does not offer ${command}; ${rest}`);
}
