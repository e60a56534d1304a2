/** Connections through each kind of proxy: what comes through, and what becomes of it. */
import { createHash, randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Binding, createBinding, type Socket } from 'wintersock';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf } from './behaviour/link.ts';
import { Peer, type Wire } from './behaviour/wire.ts';
import { Conversation } from './drivers/conversation.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { type Authority, createAuthority, type Credentials } from './fixtures/pki.mjs';
import { type SmtpServer, startSmtp } from './fixtures/smtp.mjs';
import { proxyWays, type RunningProxy } from './proxy/ways.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const MUCH = 8 * 1024 * 1024;
const strays = strayRejections();
let authority: Authority;
let credentials: Credentials;
let smtp: SmtpServer;

beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  smtp = await startSmtp({ credentials });
});
afterAll(() => smtp?.stop());

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** What is to be sent, in chunks of many sizes. */
function chunksOf(bytes: Buffer): Buffer[] {
  const chunks: Buffer[] = [];
  for (let start = 0, length = 1; start < bytes.length; start += length, length = (length * 7) % 100_003) {
    chunks.push(bytes.subarray(start, start + length));
  }
  return chunks;
}

async function sendAll({ writable }: Socket, bytes: Buffer): Promise<void> {
  const writer = writable.getWriter();
  for (const chunk of chunksOf(bytes)) await writer.write(chunk);
  writer.releaseLock();
}

/** Reads until there are so many bytes, or the end comes. */
async function readAll({ readable }: Socket, length = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const reader = readable.getReader();
  const chunks: Uint8Array[] = [];
  for (let count = 0; count < length; ) {
    const { value } = await reader.read();
    if (value === undefined) break;
    chunks.push(value);
    count += value.length;
  }
  reader.releaseLock();
  return Buffer.concat(chunks);
}

/** The same on the other side. */
async function heardBy({ stream }: Wire, length = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let count = 0;
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk);
    count += chunk.length;
    if (count >= length) break;
  }
  return Buffer.concat(chunks);
}

async function expectBothWays(socket: Socket, wire: Wire): Promise<void> {
  const [up, down] = [randomBytes(MUCH), randomBytes(MUCH)];
  wire.stream.write(down);
  const [heard, read] = await Promise.all([heardBy(wire, MUCH), readAll(socket, MUCH), sendAll(socket, up)]);
  expect([digest(heard), digest(read)]).toEqual([digest(up), digest(down)]);
}

/** Each side ends before the other, and the other goes on. */
async function expectHalfOpen(binding: Binding, peer: Peer): Promise<void> {
  const socket = binding.connect(peer.address, { allowHalfOpen: true });
  const wire = await peer.wire();
  const bytes = randomBytes(1024 * 1024);
  await sendAll(socket, bytes);
  await socket.writable.close();
  expect(digest(await heardBy(wire))).toBe(digest(bytes));
  wire.stream.end(bytes);
  expect(digest(await readAll(socket))).toBe(digest(bytes));
  await socket.closed;

  const second = binding.connect(peer.address, { allowHalfOpen: true });
  const other = await peer.wire();
  other.stream.end('bye');
  expect(String(await readAll(second))).toBe('bye');
  await sendAll(second, bytes);
  await second.writable.close();
  expect(digest(await heardBy(other))).toBe(digest(bytes));
  await second.closed;
}

for (const { name, skip, start, halfOpen } of proxyWays) {
  describe.skipIf(skip)(skip || name, () => {
    let proxy: RunningProxy;
    let binding: Binding;
    let peer: Peer;
    let before: number;
    beforeAll(async () => {
      proxy = await start();
      before = openSockets();
      binding = createBinding({ proxy: proxy.config, ca: authority.certPem });
    });
    beforeEach(async () => {
      peer = await Peer.open();
    });
    afterEach(async () => {
      await peer.close();
      await openSocketsReturnTo(before);
    });
    afterAll(() => proxy?.stop());

    test('8 MiB go both ways at once, and everything closes', async () => {
      const socket = binding.connect(peer.address, { allowHalfOpen: true });
      const wire = await peer.wire();
      const { localAddress, remoteAddress } = await socket.opened;
      expect(remoteAddress).toBe(peer.address);
      expect(localAddress).toMatch(/^127\.0\.0\.1:\d+$/);
      await expectBothWays(socket, wire);
      expect(socket.stats).toMatchObject({ bytesRead: MUCH, bytesWritten: MUCH });
      expect(socket.stats.timings).toMatchObject({
        connect: expect.any(Number),
        proxy: expect.any(Number),
        tls: null,
      });
      expect(socket.stats.roundTrip === null).toBe(proxy.text.startsWith('https:'));
      await socket.close();
      expect(await heardBy(wire)).toHaveLength(0);
      wire.tcp.end();
      expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: {} });
    });

    test("8 MiB go both ways over TLS, whose certificate is the destination's", async () => {
      const socket = binding.connect(`localhost:${peer.port}`, { secureTransport: 'on' });
      const wire = await (await peer.wire()).secure({ credentials });
      await expectBothWays(socket, wire);
      await socket.close();
      expect(socket.stats.timings.tls).toEqual(expect.any(Number));
    });

    test('the certificate of the destination is checked against its own name and authority', async () => {
      const wrong = await (await createAuthority()).issue({ names: ['localhost'] });
      const refusal = async (shown: Credentials, host: string) => {
        const socket = binding.connect(`${host}:${peer.port}`, { secureTransport: 'on' });
        void (await peer.wire()).secure({ credentials: shown }).catch(() => {});
        return failureOf(socket.opened);
      };
      expect(await refusal(wrong, 'localhost')).toMatchObject({
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        message: expect.stringContaining(`the certificate of localhost:${peer.port} was refused`),
      });
      const elsewhere = await authority.issue({ names: ['db.example'] });
      expect(await refusal(elsewhere, 'localhost')).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });

    test('StartTLS begins when it is asked for', async () => {
      const plain = new Conversation(
        binding.connect({ hostname: 'localhost', port: smtp.port }, { secureTransport: 'starttls' }),
      );
      expect(await plain.reply()).toMatchObject({ code: 220 });
      await plain.command('EHLO client.example');
      expect(await plain.command('STARTTLS')).toMatchObject({ code: 220 });
      const secure = plain.startTls({});
      const { lines } = await secure.command('EHLO client.example');
      expect(lines).not.toContain('STARTTLS');
      const token = Buffer.from(`\0${smtp.user}\0${smtp.password}`).toString('base64');
      expect(await secure.command(`AUTH PLAIN ${token}`)).toMatchObject({ code: 235 });
      expect(await secure.command('QUIT')).toMatchObject({ code: 221 });
      await secure.socket.closed;
    });

    if (halfOpen) test('each side ends by itself', () => expectHalfOpen(binding, peer));

    test('twenty at once do not disturb each other', async () => {
      peer.onWire = ({ tcp }) => void tcp.pipe(tcp);
      const echoed = async (index: number) => {
        const socket = binding.connect(peer.address, { allowHalfOpen: true });
        const bytes = Buffer.alloc(100_000, index);
        const [read] = await Promise.all([readAll(socket, bytes.length), sendAll(socket, bytes)]);
        await socket.close();
        return read.equals(bytes);
      };
      const all = await Promise.all(Array.from({ length: 20 }, (_, index) => echoed(index)));
      expect(all.every(Boolean)).toBe(true);
    });

    test('the end of the destination is the end of the socket', async () => {
      const socket = binding.connect(peer.address);
      const wire = await peer.wire();
      const bytes = randomBytes(1024 * 1024);
      wire.stream.end(bytes);
      expect(digest(await readAll(socket))).toBe(digest(bytes));
      await socket.closed;
    });

    test('what is aborted is gone, there as well', async () => {
      const abort = new AbortController();
      const socket = binding.connect(peer.address, { signal: abort.signal });
      const wire = await peer.wire();
      await socket.opened;
      const over = new Promise((resolve) => wire.tcp.once('end', resolve).once('close', resolve).resume());
      abort.abort(new Error('enough'));
      await expect(socket.readable.getReader().read()).rejects.toThrow('enough');
      await over;
    });

    test.each(everyWay)('$name is told that the destination refuses', async ({ open }) => {
      const address = `127.0.0.1:${await closedPort()}`;
      const { code, message } = await failureOf(open(binding, address).opened);
      expect(code).toBe('ERR_PROXY_REFUSED');
      expect(message).toMatch(
        new RegExp(
          `^SocketError: connect ERR_PROXY_REFUSED ${address}: the proxy ${proxy.text} (answered 50|was told|failed)`,
        ),
      );
    });

    test.each(everyWay)('$name gets through', async ({ open }) => {
      const link = open(binding, peer.address);
      const wire = await peer.wire();
      await link.opened;
      await link.send('ping');
      expect(String(await wire.hear())).toBe('ping');
      await wire.send('pong');
      expect(String(await link.receive())).toBe('pong');
      await link.close();
    });
  });
}

test('nobody has left a rejection behind', () => {
  expect(strays).toEqual([]);
});
