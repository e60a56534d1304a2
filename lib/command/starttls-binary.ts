/** The protocols among them that are not text. */

import { elementOf, lengthOf, partsOf } from './der.ts';
import type { Dialogue } from './dialogue.ts';
import { Failure, quoted } from './failure.ts';

export async function postgres(dialogue: Dialogue): Promise<void> {
  const request = Buffer.alloc(8);
  request.writeInt32BE(8, 0);
  request.writeInt32BE(80_877_103, 4);
  await dialogue.send(request, 'SSLRequest');
  const [answer] = await dialogue.bytes(1);
  if (answer === 0x53) return; // S
  if (answer === 0x4e) {
    throw new Failure("PostgreSQL: the server does not offer TLS: it answered N; it is to have 'ssl = on'");
  }
  const said = String.fromCharCode(answer ?? 0) + dialogue.waiting.toString();
  throw new Failure(
    `the server does not speak PostgreSQL's protocol, or refused us; it said ${quoted(said)}`,
  );
}

/** MySQL's and MariaDB's: the server greets, and a login that is cut short asks for TLS. */
export async function mysql(dialogue: Dialogue): Promise<void> {
  const header = await dialogue.bytes(4);
  const length = header.readUIntLE(0, 3);
  if (header[3] !== 0 || length === 0 || length > 4096) {
    throw new Failure(
      `the server does not speak MySQL's protocol; it said ${quoted(`${header}${dialogue.waiting}`)}`,
    );
  }
  const greeting = await dialogue.bytes(length);
  if (greeting[0] === 0xff) {
    throw new Failure(`MySQL: the server refused the connection: ${quoted(greeting.subarray(3).toString())}`);
  }
  const versionEnd = greeting.indexOf(0, 1);
  // After the version: the thread's id, eight bytes of a challenge, a zero.
  const place = versionEnd + 14;
  if (greeting[0] !== 10 || versionEnd === -1 || length < place + 2) {
    throw new Failure(
      `the server does not speak MySQL's protocol 10; it said ${quoted(greeting.toString())}`,
    );
  }
  const version = greeting.toString('utf8', 1, versionEnd);
  if ((greeting.readUInt16LE(place) & capabilities.tls) === 0) {
    throw new Failure(
      `MySQL: the server, version ${quoted(version)}, does not offer TLS; it needs a certificate and a key`,
    );
  }
  const request = Buffer.alloc(4 + 32);
  request.writeUIntLE(32, 0, 3);
  request[3] = 1;
  request.writeUInt32LE(capabilities.tls | capabilities.protocol41 | capabilities.secureConnection, 4);
  request.writeUInt32LE(0x0100_0000, 8);
  request[12] = 45; // utf8mb4
  await dialogue.send(request, `SSLRequest, to version ${quoted(version)}`);
}

const capabilities = { tls: 0x800, protocol41: 0x200, secureConnection: 0x8000 };

/** LDAP's name of StartTLS. */
const startTls = '1.3.6.1.4.1.1466.20037';

/** The extended operation, as message 1. */
export async function ldap(dialogue: Dialogue): Promise<void> {
  const name = Buffer.from(startTls);
  const request = [0x77, name.length + 2, 0x80, name.length, ...name];
  const message = [0x02, 1, 1, ...request];
  await dialogue.send(Uint8Array.of(0x30, message.length, ...message), 'extended request StartTLS');

  const answer = elementOf(await message1(dialogue));
  const [id, operation] = partsOf(answer?.content ?? new Uint8Array());
  const [code, , diagnostic] = partsOf(operation?.content ?? new Uint8Array());
  if (id === undefined || operation?.tag !== 0x78 || code?.tag !== 0x0a) {
    throw new Failure('the server does not speak LDAP as it should: its answer is not one to StartTLS');
  }
  const result = code.content[0] ?? 0;
  if (result === 0) return;
  const text = Buffer.from(diagnostic?.content ?? []).toString();
  const meaning = results[result] ?? 'see RFC 4511';
  throw new Failure(
    `LDAP: the server refused StartTLS: result ${result} (${meaning})${text === '' ? '' : `, ${quoted(text)}`}`,
  );
}

const results: Readonly<Record<number, string>> = {
  1: 'operationsError: TLS is there already, or something is under way',
  2: 'protocolError: it does not know StartTLS',
  10: 'referral',
  52: 'unavailable: its TLS is not set up',
  53: 'unwillingToPerform',
};

/** All of the first message, header included. */
async function message1(dialogue: Dialogue): Promise<Buffer> {
  const start = Buffer.from(await dialogue.bytes(2));
  if (start[0] !== 0x30)
    throw new Failure(`the server does not speak LDAP; it said ${quoted(`${start}${dialogue.waiting}`)}`);
  const more = Math.max(0, (start[1] ?? 0) - 0x80);
  const header = Buffer.concat([start, await dialogue.bytes(more)]);
  const length = lengthOf(header);
  if (length === undefined || length.content > 65_536) {
    throw new Failure('the server does not speak LDAP: its answer has no length that can be');
  }
  return Buffer.concat([header, await dialogue.bytes(length.content)]);
}
