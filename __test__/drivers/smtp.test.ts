/** A mail sent over connect() and startTls(), command by command, to a real mail server. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { type Authority, createAuthority } from '../fixtures/pki.mjs';
import { type SmtpServer, startSmtp } from '../fixtures/smtp.mjs';
import { Conversation } from './conversation.ts';

let authority: Authority;
let server: SmtpServer;

beforeAll(async () => {
  authority = await createAuthority();
  server = await startSmtp({ credentials: await authority.issue({ names: ['localhost'] }) });
});
afterAll(() => server?.stop());

/** Up to the handshake, which is not awaited. */
async function upgrade(ca = authority.certPem) {
  const plain = new Conversation(
    connect({ hostname: 'localhost', port: server.port }, { secureTransport: 'starttls' }),
  );
  expect(await plain.reply()).toMatchObject({ code: 220 });
  const offer = await plain.command('EHLO client.example');
  expect(offer.lines).toContain('STARTTLS');
  expect(await plain.command('STARTTLS')).toMatchObject({ code: 220 });
  const secure = plain.startTls({ ca });
  return { plain, secure };
}

async function logIn(secure: Conversation, password = server.password) {
  const offer = await secure.command('EHLO client.example');
  expect(offer.code).toBe(250);
  expect(offer.lines).not.toContain('STARTTLS');
  const token = Buffer.from(`\0${server.user}\0${password}`).toString('base64');
  return secure.command(`AUTH PLAIN ${token}`);
}

describe('a mail', () => {
  test('is sent after STARTTLS, and both sides part in order', async () => {
    const { plain, secure } = await upgrade();
    expect(plain.socket.upgraded).toBe(true);
    expect(secure.socket.upgraded).toBe(false);
    expect(secure.socket.secureTransport).toBe('on');
    await secure.socket.opened;
    await plain.socket.closed;

    expect(await logIn(secure)).toMatchObject({ code: 235 });
    expect(await secure.command('MAIL FROM:<alice@example.org>')).toMatchObject({ code: 250 });
    expect(await secure.command('RCPT TO:<bob@example.org>')).toMatchObject({ code: 250 });
    expect(await secure.command('RCPT TO:<carol@example.org>')).toMatchObject({ code: 250 });
    expect(await secure.command('DATA')).toMatchObject({ code: 354 });
    const text = 'Subject: hello\r\n\r\nGrüße\r\n';
    expect(await secure.command(`${text}.`)).toMatchObject({ code: 250 });
    expect(await secure.command('QUIT')).toMatchObject({ code: 221 });
    expect(await secure.end()).toBe('');
    await secure.socket.closed;

    expect(server.messages.pop()).toEqual({
      from: 'alice@example.org',
      to: ['bob@example.org', 'carol@example.org'],
      user: server.user,
      client: 'client.example',
      secure: true,
      text,
    });
  });

  test('of 5 MB arrives intact', async () => {
    const { secure } = await upgrade();
    await logIn(secure);
    await secure.command('MAIL FROM:<alice@example.org>');
    await secure.command('RCPT TO:<bob@example.org>');
    await secure.command('DATA');
    const text = `${randomBytes(2.5 * 1024 * 1024).toString('hex')}\r\n`;
    await secure.send(text);
    expect(await secure.command('.')).toMatchObject({ code: 250 });
    await secure.socket.close();
    const sum = (data: string) => createHash('sha256').update(data).digest('hex');
    expect(sum(server.messages.pop()?.text ?? '')).toBe(sum(text));
  });

  test('is not taken with a wrong password, and the conversation goes on', async () => {
    const { secure } = await upgrade();
    expect(await logIn(secure, 'wrong')).toMatchObject({ code: 535 });
    expect(await secure.command('NOOP')).toMatchObject({ code: 250 });
    await secure.socket.close();
  });
});

describe('STARTTLS fails', () => {
  /** What a program sees, wherever it looks. */
  async function failure(ca?: string) {
    const { plain, secure } = await upgrade(ca);
    const seen = await secure.command('EHLO client.example').then(
      () => expect.fail('the server was trusted'),
      (error) => error,
    );
    await expect(secure.socket.opened).rejects.toBe(seen);
    await expect(secure.socket.closed).rejects.toBe(seen);
    await plain.socket.closed;
    return seen;
  }

  async function withCertificate(...issued: Parameters<Authority['issue']>) {
    server.setCertificate(await authority.issue(...issued));
    try {
      return await failure();
    } finally {
      server.setCertificate(await authority.issue({ names: ['localhost'] }));
    }
  }

  test('with an unknown authority', async () => {
    const stranger = await createAuthority({ commonName: 'somebody else' });
    const error = await failure(stranger.certPem);
    expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    expect(error.message).toContain(`localhost:${server.port}`);
  });

  test('with a wrong name', async () => {
    const error = await withCertificate({ names: ['mail.example'] });
    expect(error).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(error.message).toContain('mail.example');
  });

  test('with an expired certificate', async () => {
    const error = await withCertificate({ names: ['localhost'], notAfter: new Date(Date.now() - 60_000) });
    expect(error).toMatchObject({ code: 'CERT_HAS_EXPIRED' });
    expect(error.message).toContain('expired');
  });
});

test('a reply that somebody put before the handshake is not believed after it', async () => {
  const { chainPem: cert, keyPem: key } = await authority.issue({ names: ['localhost'] });
  const goAhead = '220 ready\r\n';
  // As an attacker on the way would: plain text right behind the go-ahead, in the same segment.
  const injecting = createServer((socket) => {
    socket.write(`${goAhead}250 injected\r\n`);
    const secure = new TLSSocket(socket, { isServer: true, cert, key });
    secure.on('error', () => {});
    secure.write('250 genuine\r\n');
  }).listen(0, '127.0.0.1');
  await once(injecting, 'listening');
  const { port } = injecting.address() as AddressInfo;

  const plain = connect(`localhost:${port}`, { secureTransport: 'starttls' });
  // Exactly the go-ahead: the rest is left to the socket.
  const reader = plain.readable.getReader({ mode: 'byob' });
  const { value } = await reader.read(new Uint8Array(goAhead.length));
  expect(Buffer.from(value ?? []).toString()).toBe(goAhead);
  reader.releaseLock();
  const secure = new Conversation(plain.startTls({ ca: authority.certPem }));
  await expect(secure.reply()).rejects.toMatchObject({ code: 'ERR_TLS_PROTOCOL' });
  await secure.socket.close().catch(() => {});
  injecting.close();
  await once(injecting, 'close');
});
