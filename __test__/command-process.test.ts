/** The command as a process of its own: streams of the system, signals, what it is called with. */

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, test } from 'vitest';
import { patterned, sha256 } from './behaviour/pattern.ts';
import { farewell, received, serve, serveTls, shown } from './command/server.ts';
import { file, start } from './command/stage.ts';
import { type Credentials, createAuthority } from './fixtures/pki.mjs';

let credentials: Credentials;
let ca: string;

beforeAll(async () => {
  const authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  ca = await file('authority.pem', authority.certPem);
});

const timeout = 60_000;

test('8 MiB go each way, through pipes', { timeout }, async () => {
  const bytes = patterned(8_388_608);
  let arrived: Promise<Buffer> | undefined;
  const address = await serveTls(shown(credentials), (socket) => {
    arrived = received(socket);
    socket.write(bytes);
    void arrived.then(() => socket.end());
  });
  const { child, ended, stderr } = start([address, '--tls', '--ca', ca, '--quiet']);
  const hash = createHash('sha256');
  child.stdout.on('data', (chunk: Buffer) => hash.update(chunk));
  child.stdin.end(bytes);
  expect([await ended, await stderr]).toEqual([0, '']);
  expect(hash.digest('hex')).toBe(sha256(bytes));
  expect(sha256((await arrived) as Buffer)).toBe(sha256(bytes));
});

test('a reader of stdout that has enough ends it, without a word', { timeout }, async () => {
  const address = await serve((socket) => {
    const flood = () => {
      while (socket.writable && socket.write(Buffer.alloc(65_536, 'x')));
    };
    socket.on('drain', flood);
    flood();
  });
  const { child, ended, stderr } = start([address, '--quiet']);
  await once(child.stdout, 'data');
  child.stdout.destroy();
  expect([await ended, await stderr]).toEqual([0, '']);
});

test('a slow reader of stdout stops the server, and loses nothing', { timeout }, async () => {
  const bytes = patterned(4_194_304);
  const address = await serve((socket) => void socket.end(bytes));
  const { child, ended } = start([address, '--quiet', '--no-end']);
  const hash = createHash('sha256');
  for await (const chunk of child.stdout) {
    hash.update(chunk);
    await new Promise(setImmediate);
  }
  expect(await ended).toBe(0);
  expect(hash.digest('hex')).toBe(sha256(bytes));
});

describe.skipIf(process.platform === 'win32')('a signal', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s ends it while it copies: %i', { timeout }, async (signal, code) => {
    const address = await serve((socket) => void socket.write('there'));
    const { child, ended } = start([address, '--quiet']);
    await once(child.stdout, 'data');
    child.kill(signal);
    expect(await ended).toBe(code);
  });

  test('ends it while it waits for a handshake, too', { timeout }, async () => {
    let accepted = () => {};
    const isThere = new Promise<void>((resolve) => {
      accepted = resolve;
    });
    const address = await serve((socket) => void socket.once('data', accepted));
    const { child, ended } = start([address, '--tls', '--connect-timeout', '0']);
    await isThere;
    child.kill('SIGINT');
    expect(await ended).toBe(130);
  });
});

test('stdin that stays open does not keep it alive', { timeout }, async () => {
  const address = await serve((socket) => farewell(socket, 'all'));
  const { child, ended } = start([address, '--quiet']);
  const stdout = text(child.stdout);
  expect(await ended).toBe(0);
  expect(await stdout).toBe('all');
  child.stdin.destroy();
});

test('--check neither reads stdin nor waits for it', { timeout }, async () => {
  const address = await serve((socket) => void socket.resume());
  const { child, ended } = start([address, '--check', '--json']);
  const stdout = text(child.stdout);
  expect(await ended).toBe(0);
  expect(JSON.parse(await stdout)).toMatchObject({ ok: true, bytesWritten: 0 });
});

test('--version is that of package.json, and --help is there', { timeout }, async () => {
  const { default: manifest } = await import('../package.json', { with: { type: 'json' } });
  const [version, help] = await Promise.all(
    ['--version', '--help'].map(async (option) => {
      const { child, ended } = start([option]);
      return Promise.all([text(child.stdout), ended]);
    }),
  );
  expect(version).toEqual([`${manifest.version}\n`, 0]);
  expect(help).toEqual([expect.stringMatching(/^Usage: wintersock /), 0]);
});

test('a refused certificate brings no warning of Node: the report says it', { timeout }, async () => {
  const address = await serveTls(shown(credentials));
  const { ended, stderr } = start([address, '--tls', '--check']);
  expect(await ended).toBe(3);
  expect(await stderr).not.toMatch(/Warning|--trace-warnings|anybody/);
});
