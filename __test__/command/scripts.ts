/** What is said before TLS, as each protocol has it. */

import type { Protocol } from '../../lib/command/starttls.ts';
import type { Step } from './server.ts';

/** MySQL's greeting of protocol 10. */
export function greeting(capabilities: number): Buffer {
  const body = Buffer.concat([
    Buffer.from('\x0a8.4.0-stub\0', 'latin1'),
    Buffer.alloc(4 + 8 + 1, 1),
    Buffer.from([capabilities & 0xff, capabilities >> 8]),
    Buffer.alloc(60, 2),
  ]);
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body]);
}

export const ldapRequest = `0\x1d\x02\x01\x01w\x18\x80\x161.3.6.1.4.1.1466.20037`;
const xmppStart = (namespace: string) =>
  `<?xml version='1.0'?><stream:stream to='127.0.0.1' xmlns='${namespace}' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>`;
export const xmppAnswer =
  "<?xml version='1.0'?><stream:stream from='x' id='1' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>";
export const xmppAsk = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

/** What is said by a server that is willing. */
export const offered: Record<Protocol, readonly Step[]> = {
  smtp: [
    { say: '220-mail.example ESMTP\r\n220 ready\r\n' },
    { hear: 'EHLO [127.0.0.1]\r\n' },
    { say: '250-mail.example\r\n250-SIZE 1000\r\n250-StartTLS\r\n' },
    { say: '250 HELP\r\n' },
    { hear: 'STARTTLS\r\n' },
    { say: '220 go ahead\r\n' },
  ],
  lmtp: [
    { say: '220 mail.example LMTP\r\n' },
    { hear: 'LHLO [127.0.0.1]\r\n' },
    { say: '250-mail.example\r\n250 STARTTLS\r\n' },
    { hear: 'STARTTLS\r\n' },
    { say: '220 go ahead\r\n' },
  ],
  imap: [
    { say: '* OK ready\r\n' },
    { hear: 'a1 CAPABILITY\r\n' },
    { say: '* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\na1 OK done\r\n' },
    { hear: 'a2 STARTTLS\r\n' },
    { say: '* NO it may snow\r\na2 OK begin\r\n' },
  ],
  pop3: [
    { say: '+OK ready\r\n' },
    { hear: 'CAPA\r\n' },
    { say: '+OK\r\nTOP\r\nSTLS\r\n.\r\n' },
    { hear: 'STLS\r\n' },
    { say: '+OK begin\r\n' },
  ],
  postgres: [{ hear: '\0\0\0\x08\x04\xd2\x16/' }, { say: 'S' }],
  mysql: [{ say: greeting(0xffff) }, { hear: `\x20\0\0\x01\0\x8a\0\0\0\0\0\x01\x2d${'\0'.repeat(23)}` }],
  ldap: [
    { hear: ldapRequest },
    { say: Buffer.from('0\x0c\x02\x01\x01x\x07\x0a\x01\0\x04\0\x04\0', 'latin1') },
  ],
  ftp: [
    { say: '220-welcome\r\nto this\r\n220 ready\r\n' },
    { hear: 'AUTH TLS\r\n' },
    { say: '234 begin\r\n' },
  ],
  nntp: [{ say: '201 no posting\r\n' }, { hear: 'STARTTLS\r\n' }, { say: '382 begin\r\n' }],
  sieve: [
    { say: '"IMPLEMENTATION" "stub"\r\n"SIEVE" "fileinto"\r\n"STARTTLS"\r\nOK "ready"\r\n' },
    { hear: 'STARTTLS\r\n' },
    { say: 'OK "begin"\r\n' },
  ],
  xmpp: [
    { hear: xmppStart('jabber:client') },
    { say: `${xmppAnswer}<stream:features>` },
    { say: "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>" },
    { hear: xmppAsk },
    { say: "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>" },
  ],
  'xmpp-server': [
    { hear: xmppStart('jabber:server') },
    {
      say: `${xmppAnswer}<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>`,
    },
    { hear: xmppAsk },
    { say: "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>" },
  ],
};
