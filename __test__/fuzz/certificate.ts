/** What the command makes of what servers send: certificates, whatever is in them, and answers before TLS. */

import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import type { Socket } from '../../index.d.ts';
import { describe, isFor } from '../../lib/command/certificate.ts';
import { elementOf, lengthOf, partsOf, publicKeyOf } from '../../lib/command/der.ts';
import { Dialogue } from '../../lib/command/dialogue.ts';
import { Failure, printable } from '../../lib/command/failure.ts';
import { type Protocol, preambles, protocols } from '../../lib/command/starttls.ts';
import { createAuthority } from '../fixtures/pki.mjs';
import { spelt, type Target, target } from './target.ts';

const authority = await createAuthority();
const issued = await authority.issue({ names: ['localhost', '*.example', '127.0.0.1', '::1', 'a, DNS:b'] });
const originals = [authority.certPem, issued.certPem].map((pem) => new X509Certificate(pem).raw);

/** A certificate with some bytes changed: it need not be valid to be described. */
const changed = fc
  .tuple(
    fc.constantFrom(...originals),
    fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 6 }),
    fc.option(fc.tuple(fc.nat(), fc.uint8Array({ maxLength: 3 })), { nil: undefined, freq: 3 }),
  )
  .map(([original, changes, insertion]) => {
    const raw = Buffer.from(original);
    for (const [place, value] of changes) raw[place % raw.length] = value;
    if (insertion === undefined) return raw;
    const at = insertion[0] % raw.length;
    return Buffer.concat([raw.subarray(0, at), insertion[1], raw.subarray(at + insertion[1].length)]);
  });

function parsed(raw: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(raw);
  } catch {
    return undefined;
  }
}

function checkCertificate(raw: Uint8Array): void {
  const certificate = parsed(raw);
  publicKeyOf(raw);
  if (certificate === undefined) return;
  const { names, problems, ...report } = describe(certificate, Date.now());
  isFor(certificate, 'localhost');
  if (typeof report.daysLeft !== 'number' || problems.length > 0) throw new Error(JSON.stringify(report));
  if (/[\p{Cc}\p{Cf}]/u.test(printable(JSON.stringify([report, names]))))
    throw new Error('it steers a terminal');
}

/** Each element is where its length says, and all of them are what was given. */
function checkDer(bytes: Uint8Array): void {
  const element = elementOf(bytes);
  const length = lengthOf(bytes);
  if (element && length?.content !== element.content.length) throw new Error('another length');
  const parts = partsOf(bytes);
  const sum = parts.reduce((total, { whole }) => total + whole.length, 0);
  if (sum > bytes.length || (element && parts[0]?.whole.length !== element.whole.length))
    throw new Error(`${sum} bytes`);
}

interface Outcome {
  agreed: boolean;
  /** What is left of what the server sent. */
  rest: number;
  sent: string;
}

/** A server that sends so many bytes at a time, whatever it is told. */
async function talk(protocol: Protocol, said: Buffer, cut: number): Promise<Outcome> {
  let at = 0;
  const readable = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (at >= said.length) return controller.close();
        controller.enqueue(said.subarray(at, at + cut));
        at += cut;
      },
    },
    { highWaterMark: 0 },
  );
  let sent = '';
  const writable = new WritableStream<Uint8Array | string>({
    write: (chunk) => {
      sent += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('latin1');
    },
  });
  const socket = { readable, writable, close: async () => {} } as unknown as Socket;
  const trace = (line: string) => {
    if (/[\p{Cc}\p{Cf}]/u.test(line)) throw new Error(`it steers a terminal: ${JSON.stringify(line)}`);
  };
  const dialogue = new Dialogue(socket, { protocol, limit: 0, trace });
  try {
    await preambles[protocol](dialogue, { server: 'db.example', client: '[127.0.0.1]' });
    return { agreed: true, rest: said.length - Math.min(at, said.length) + dialogue.waiting.length, sent };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    if (/[\p{Cc}\p{Cf}]/u.test(error.message)) throw new Error(`it steers a terminal: ${error.message}`);
    return { agreed: false, rest: 0, sent: '' };
  } finally {
    dialogue.leave();
  }
}

const answers = spelt(
  [
    ...[
      '220 x\r\n',
      '250-x\r\n',
      '250 STARTTLS\r\n',
      '250-STARTTLS\r\n',
      '234 x\r\n',
      '382 x\r\n',
      '101 list\r\n',
      'STARTTLS\r\n',
      '.\r\n',
    ],
    ...[
      '* OK x\r\n',
      '* CAPABILITY IMAP4rev1 STARTTLS\r\n',
      'a1 OK x\r\n',
      'a2 OK x\r\n',
      '1 OK\r\n',
      '+OK x\r\n',
      'STLS\r\n',
      '-ERR x\r\n',
    ],
    ...[
      '"STARTTLS"\r\n',
      'OK\r\n',
      'OK "x"\r\n',
      'NO\r\n',
      '{3}\r\nabc\r\n',
      '"IMPLEMENTATION" "x"\r\n',
      'BYE\r\n',
    ],
    ...[
      "<stream:stream id='1' xmlns='jabber:client'>",
      '<stream:features>',
      "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
    ],
    ...[
      '</stream:features>',
      "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
      '<failure/>',
      '<?xml version="1.0"?>',
    ],
    ...[
      'S',
      'N',
      '\x4a\0\0\0\x0a8.0\0',
      `${'\0'.repeat(12)}\xff\xff`,
      '0\x0c\x02\x01\x01x\x07\x0a\x01\0\x04\0\x04\0',
      '\x15\x03\x01\0\x02',
      '\r',
      '\n',
    ],
  ],
  10,
).map((text) => Buffer.from(text, 'latin1'));

export const certificate: Target[] = [
  target('certificate: changed', [changed], checkCertificate),
  target('certificate: DER', [fc.uint8Array({ maxLength: 300 })], checkDer),
  target(
    'starttls: answers',
    [fc.constantFrom(...(protocols as Protocol[])), fc.tuple(answers, fc.integer({ min: 1, max: 9 }))],
    async (protocol, [said, cut]) => {
      const whole = await talk(protocol, said, said.length + 1);
      for (const length of [1, cut]) {
        const pieces = await talk(protocol, said, length);
        if (JSON.stringify(pieces) !== JSON.stringify(whole)) {
          throw new Error(
            `${protocol}: ${JSON.stringify(whole)}, in pieces of ${length} ${JSON.stringify(pieces)}`,
          );
        }
      }
    },
    0.5,
  ),
];
