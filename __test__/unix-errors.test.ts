/** What is wrong with Unix domain sockets, and what is said of it. */
import { once } from 'node:events';
import { chmod, rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { connect, createBinding } from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf } from './behaviour/link.ts';
import { temporaryDirectory } from './behaviour/trust.ts';
import { echo, serve } from './behaviour/unix-peer.ts';
import { runNode } from './fixtures/node-process.mjs';

vi.setConfig({ testTimeout: 30_000 });

/** How many bytes a path may have. */
const PATH_MAX = process.platform === 'linux' ? 107 : 103;
const strays = strayRejections();
const binding = createBinding();

describe.skipIf(process.platform === 'win32')('Unix domain sockets', () => {
  test.each(everyWay)('what is wrong with a path, with $name', async ({ open }) => {
    const path = await serve(echo);
    const dead = join(await temporaryDirectory(), 'dead');
    const server = createServer().listen(path.replace(/socket$/, 'old'));
    await once(server, 'listening');
    // Closing removes the file, but not under another name.
    await rename(path.replace(/socket$/, 'old'), dead);
    server.close();
    const cases: [path: string, code: string, says: string][] = [
      [`${path}-missing`, 'ENOENT', 'check the path, and that the server runs'],
      [`${path}-missing/socket`, 'ENOENT', 'check the path, and that the server runs'],
      [`${path}/socket`, 'ENOTDIR', 'check the path, and that the server runs'],
      [dead, 'ECONNREFUSED', 'nobody listens on that socket'],
      [join(path, '..'), 'ECONNREFUSED', 'nobody listens on that socket'],
    ];
    for (const [at, code, says] of cases) {
      const link = open(binding, `unix:${at}`);
      const failure = await failureOf(link.opened);
      expect(failure).toEqual({ code, message: expect.stringContaining(says) });
      expect(failure.message).toContain(`(tried unix:${at}: ${code})`);
      expect(failure.message).not.toContain('port');
      expect(await link.ended).toMatchObject(failure);
    }
  });

  const wrong: Record<string, [address: unknown, says: string]> = {
    'no path': ['unix:', 'not absolute'],
    'a relative path': ['unix:run/socket', 'not absolute'],
    'an abstract name that is empty': ['unix:@', ''],
    'a NUL': ['unix:/run/a\0b', 'NUL'],
    'a NUL in an abstract name': ['unix:@a\0b', 'NUL'],
    'a path that is too long': [`unix:/${'x'.repeat(PATH_MAX)}`, `longer than ${PATH_MAX} bytes`],
    'characters of which each has two bytes': [`unix:/${'é'.repeat(60)}`, `longer than ${PATH_MAX} bytes`],
    'a path for a hostname': [{ hostname: '/run/socket', port: 1 }, 'is not a host name'],
    'such an address for a hostname': [{ hostname: 'unix:/run/socket', port: 1 }, 'is not a host name'],
  };
  test.each(Object.entries(wrong))('%s throws at once', (_, [address, says]) => {
    const invalid = { code: 'ERR_INVALID_ADDRESS', message: expect.stringContaining(says) };
    expect(() => connect(address as string)).toThrow(expect.objectContaining(invalid));
  });

  test('TLS needs `sni`', async () => {
    const path = await serve(echo);
    const needed = expect.objectContaining({
      code: expect.stringMatching(/^ERR_INVALID_(OPTION|SNI)$/),
      message: expect.stringContaining('`sni`'),
    });
    expect(() => connect(`unix:${path}`, { secureTransport: 'on' })).toThrow(needed);
    const socket = connect(`unix:${path}`, { secureTransport: 'starttls' });
    await socket.opened;
    expect(() => socket.startTls()).toThrow(needed);
    await socket.close();
  });

  const here = { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' };

  test('a directory that is closed to the user', async () => {
    const path = await serve(echo);
    await chmod(join(path, '..'), 0);
    const source = `
      import { connect } from 'wintersock';
      if (process.getuid() === 0) process.setuid(65534);
      connect('unix:${path}').opened.catch(({ code, message }) => console.log(JSON.stringify({ code, message })));`;
    const { stdout, stderr } = await runNode(['--input-type=module', '-e', source], { env: here });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      code: 'EACCES',
      message: expect.stringContaining('the rights of the socket, or of a directory above it'),
    });
  });
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
