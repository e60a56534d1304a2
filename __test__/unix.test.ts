/** Unix domain sockets. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile, symlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { connect, createBinding } from 'wintersock';
import { createConnection, toDuplex } from 'wintersock/node';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf } from './behaviour/link.ts';
import { temporaryDirectory } from './behaviour/trust.ts';
import { echo, heard, serve } from './behaviour/unix-peer.ts';
import { runNode } from './fixtures/node-process.mjs';
import { type Authority, createAuthority } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 30_000 });

const NAME = 'db.example';
/** How many bytes a path may have. */
const PATH_MAX = process.platform === 'linux' ? 107 : 103;
const linux = process.platform === 'linux';
const strays = strayRejections();
const binding = createBinding();
let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority();
});

describe.skipIf(process.platform === 'win32')('Unix domain sockets', () => {
  describe.each(everyWay)('with $name', ({ open }) => {
    async function expectToEcho(address: string): Promise<void> {
      const link = open(binding, address);
      expect(await link.opened).toBe('unix:');
      await link.send('hello');
      expect(String(await link.receive())).toBe('hello');
      await link.close();
      expect(await link.ended).toBe(undefined);
    }

    test('echo', async () => {
      await expectToEcho(`unix:${await serve(echo)}`);
    });

    test('any name that a file can have', async () => {
      const directory = await temporaryDirectory();
      const names = ['with space', 'ümläut-✓', 'a:1', '[::1]', '?#%2f', '@', '-', 'new\nline'];
      for (const name of names) await expectToEcho(`unix:${await serve(echo, join(directory, name))}`);
      const long = 'x'.repeat(PATH_MAX - Buffer.byteLength(directory) - 1);
      await expectToEcho(`unix:${await serve(echo, join(directory, long))}`);
      const path = join(directory, 'link');
      await symlink(join(directory, '-'), path);
      await expectToEcho(`unix:${path}`);
    });

    test.runIf(linux)('an abstract name', async ({ skip }) => {
      const name = `wintersock-${randomBytes(8).toString('hex')}`;
      await serve(echo, `\0${name}`);
      // The abstract name that older versions of Node listen at is as long as there is room for, with NULs at its end.
      const names = await readFile('/proc/net/unix', 'utf8');
      if (names.includes(`@${name}@`)) skip('this version of Node has names of its own');
      await expectToEcho(`unix:@${name}`);
    });

    test('much, in both directions', async () => {
      const link = open(binding, `unix:${await serve(echo)}`);
      const sent = randomBytes(1024 * 1024);
      const rounds = 32;
      const hash = (update: (to: ReturnType<typeof createHash>) => void) => {
        const made = createHash('sha256');
        update(made);
        return made.digest('hex');
      };
      const wanted = hash((to) => {
        for (let round = 0; round < rounds; round += 1) to.update(sent);
      });
      const writing = (async () => {
        for (let round = 0; round < rounds; round += 1) await link.send(sent);
      })();
      const received = createHash('sha256');
      for (let count = 0; count < rounds * sent.length; ) {
        const chunk = (await link.receive()) as Buffer;
        received.update(chunk);
        count += chunk.length;
      }
      await writing;
      expect(received.digest('hex')).toBe(wanted);
      await link.close();
    });

    test('this side ends first', async () => {
      const path = await serve(async (peer) => peer.end(`heard ${await heard(peer)}, and ended`));
      const link = open(binding, `unix:${path}`, { allowHalfOpen: true });
      await link.send('this');
      await link.end();
      expect(String(await link.receive())).toBe('heard this, and ended');
      expect(await link.receive()).toBe(undefined);
      expect(await link.ended).toBe(undefined);
    });

    test('the other side ends first', async () => {
      let hears: Promise<string> | undefined;
      const path = await serve((peer) => {
        peer.end('ended');
        hears = heard(peer);
      });
      const link = open(binding, `unix:${path}`, { allowHalfOpen: true });
      expect(String(await link.receive())).toBe('ended');
      expect(await link.receive()).toBe(undefined);
      await link.send('and yet');
      await link.end();
      expect(await hears).toBe('and yet');
      expect(await link.ended).toBe(undefined);
    });

    test.runIf(linux)(
      'the other side closes without reading what was sent: that is no proper end',
      async () => {
        let take: (peer: Socket) => void = () => {};
        const accepted = new Promise<Socket>((resolve) => {
          take = resolve;
        });
        const link = open(binding, `unix:${await serve((peer) => take(peer))}`);
        await link.opened;
        await link.send('unread');
        // What was taken over goes out at the end of the turn.
        await setImmediate();
        (await accepted).destroy();
        expect((await failureOf(link.receive())).code).toBe('ECONNRESET');
        expect(await link.ended).toMatchObject({ code: 'ECONNRESET' });
      },
    );

    test('while as many wait as may, this one waits, too', async () => {
      const path = join(await temporaryDirectory(), 'deaf');
      const shared = new SharedArrayBuffer(4);
      const deaf = new Worker(
        `const { parentPort, workerData: { path, shared } } = require('node:worker_threads');
         const server = require('node:net').createServer((peer) => peer.pipe(peer));
         server.listen({ path, backlog: 1 }, () => {
           parentPort.postMessage('listening');
           setTimeout(() => Atomics.wait(new Int32Array(shared), 0, 0), 20);
           parentPort.once('message', () => process.exit());
         });`,
        { eval: true, workerData: { path, shared } },
      );
      try {
        await once(deaf, 'message');
        // It takes some until its thread has stopped.
        const hurried = createBinding({ connectTimeout: 200 });
        const early = [];
        for (let failed = ''; failed === ''; ) {
          const link = open(hurried, `unix:${path}`);
          early.push(link);
          failed = await link.opened.then(
            () => '',
            ({ message }) => message,
          );
          if (failed) expect(failed).toContain(`it was connecting (tried unix:${path})`);
        }
        const patient = open(binding, `unix:${path}`);
        Atomics.store(new Int32Array(shared), 0, 1);
        Atomics.notify(new Int32Array(shared), 0);
        await patient.opened;
        await patient.send('at last');
        expect(String(await patient.receive())).toBe('at last');
        await Promise.all([patient, ...early].map((link) => link.close()));
      } finally {
        await deaf.terminate();
      }
    });

    test('TLS, by the name in `sni`', async () => {
      const { chainPem: cert, keyPem: key } = await authority.issue({ names: [NAME] });
      const path = await serve((peer) => {
        const tls = new TLSSocket(peer, { isServer: true, cert, key });
        tls.on('error', () => {}).pipe(tls);
      });
      const trusting = createBinding({ ca: authority.certPem });
      for (const secureTransport of ['on', 'starttls'] as const) {
        for (const [sni, outcome] of [
          [NAME, 'opens'],
          ['other.example', 'ERR_TLS_CERT_ALTNAME_INVALID'],
        ] as const) {
          const plain = open(trusting, `unix:${path}`, { secureTransport, sni });
          if (secureTransport === 'starttls') await plain.opened;
          const link = secureTransport === 'on' ? plain : plain.secure({ sni, servername: sni });
          expect(
            await link.opened.then(
              () => 'opens',
              ({ code }) => code,
            ),
          ).toBe(outcome);
          if (outcome !== 'opens') continue;
          await link.send('hello');
          expect(String(await link.receive())).toBe('hello');
          await link.close();
        }
      }
    });

    test('descriptors return', async () => {
      const path = await serve((peer) => peer.resume().on('end', () => peer.end()));
      const before = openSockets();
      const lives = Array.from({ length: 60 }, async (_, index) => {
        const link = open(binding, `unix:${path}${index % 4 === 3 ? '-missing' : ''}`);
        if (index % 4 > 0) await link.opened.catch(() => {});
        if (index % 4 === 1) await link.send('x');
        await link.close();
      });
      await Promise.all(lives);
      await openSocketsReturnTo(before);
    });
  });

  test('what `opened` says', async () => {
    const path = await serve(echo);
    const socket = connect(`unix:${path}`);
    expect(await socket.opened).toMatchObject({
      remoteAddress: `unix:${path}`,
      localAddress: 'unix:',
      alpn: null,
    });
    await socket.close();
  });

  test('a duplex has neither addresses nor ports, as in node:net', async () => {
    const path = await serve(echo);
    const socket = connect(`unix:${path}`);
    await socket.opened;
    for (const duplex of [toDuplex(socket), createConnection(path)]) {
      if (duplex.connecting) await once(duplex, 'connect');
      const { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily } = duplex;
      const shown = { remoteAddress, remotePort, remoteFamily, localAddress, localPort, localFamily };
      expect(Object.values(shown)).toEqual(Array(6).fill(undefined));
      expect(duplex.address()).toEqual({});
      duplex.setNoDelay(true).setKeepAlive(true, 1000).end('hello');
      expect(String(Buffer.concat(await duplex.toArray()))).toBe('hello');
    }
  });

  const here = { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' };

  test('sockets that nobody holds are collected, and the process ends', async () => {
    const path = await serve((peer) => void peer.write('go'));
    const args = ['--expose-gc', '__test__/fixtures/collected.mjs', 'dropped', `unix:${path}`, '50'];
    const { code, stdout, stderr } = await runNode(args, { env: here });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual(linux ? { opened: 50, left: 0 } : { opened: 0, left: 0 });
  });
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
