/** The command as a netcat: bytes, ends, and what becomes of them. */

import type { Duplex } from 'node:stream';
import { beforeAll, describe, expect, test } from 'vitest';
import { patterned, sha256 } from './behaviour/pattern.ts';
import { farewell, received, serve, serveTls, shown, tcpOf } from './command/server.ts';
import { command, file } from './command/stage.ts';
import { type Credentials, createAuthority } from './fixtures/pki.mjs';

let credentials: Credentials;
let ca: string;

beforeAll(async () => {
  const authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  ca = await file('authority.pem', authority.certPem);
});

/** Starts a server, and returns what the command is called with. */
type Way = (accept: (socket: Duplex) => void) => Promise<string[]>;

const ways: Record<string, Way> = {
  plain: async (accept) => [await serve(accept)],
  TLS: async (accept) => [await serveTls(shown(credentials), accept), '--tls', '--ca', ca],
};

const mebibyte = 1_048_576;

describe.each(Object.keys(ways))('over %s', (name) => {
  const start: Way = (accept) => (ways[name] as Way)(accept);

  test('8 MiB go each way, at the same time, and arrive as they were', { timeout: 60_000 }, async () => {
    const bytes = patterned(8 * mebibyte);
    const answer = bytes.toReversed();
    let arrived: Promise<Buffer> | undefined;
    const argv = await start((socket) => {
      arrived = received(socket);
      socket.end(answer);
    });
    const { code, stdout, stderr } = await command([...argv, '--half-open', '--quiet'], { input: bytes });
    expect([code, stderr]).toEqual([0, '']);
    expect(sha256(stdout)).toBe(sha256(answer));
    expect(sha256((await arrived) as Buffer)).toBe(sha256(bytes));
  });

  test('with --half-open all of stdin is sent after the server has ended', { timeout: 60_000 }, async () => {
    const bytes = patterned(16 * mebibyte);
    let arrived: Promise<Buffer> | undefined;
    const argv = await start((socket) => {
      farewell(socket, 'that was all');
      // More than the system holds is then still to be sent.
      socket.once('finish', () => {
        arrived = received(socket);
      });
    });
    const { code, stdout } = await command([...argv, '--half-open'], { input: bytes });
    expect([code, stdout.toString()]).toEqual([0, 'that was all']);
    expect(sha256((await arrived) as Buffer)).toBe(sha256(bytes));
  });

  test('the end of stdin is passed on, and what the server then says still arrives', async () => {
    const argv = await start((socket) => {
      void received(socket).then(({ length }) => socket.end(`${length} bytes`));
    });
    const { code, stdout } = await command(argv, { input: 'twelve bytes' });
    expect([code, stdout.toString()]).toEqual([0, '12 bytes']);
  });

  test('with --no-end it is not', async () => {
    let ended = false;
    const argv = await start((socket) => {
      socket.on('end', () => {
        ended = true;
      });
      socket.once('data', () =>
        socket.write('first', () => setImmediate(() => socket.end(`, ended: ${ended}`))),
      );
    });
    const { code, stdout } = await command([...argv, '--no-end'], { input: 'request' });
    expect([code, stdout.toString()]).toEqual([0, 'first, ended: false']);
  });

  test('the end of the server ends it, although stdin goes on', async () => {
    const argv = await start((socket) => farewell(socket, 'that was all'));
    const { code, stdout } = await command(argv);
    expect([code, stdout.toString()]).toEqual([0, 'that was all']);
  });

  test('what of stdin the server does not take any more is an error', async () => {
    const argv = await start((socket) => {
      socket.pause();
      farewell(socket, '413');
    });
    const { code, stdout, stderr } = await command(argv, { input: patterned(16 * mebibyte) });
    expect(stdout.toString()).toBe('413');
    expect(stderr).toContain('the server ended before all of stdin was sent');
    expect(code).toBe(1);
  });

  test('a reset is an error, after what arrived before', async () => {
    const argv = await start((socket) => {
      socket.once('data', () => {
        socket.write('before', () => setImmediate(() => tcpOf(socket).resetAndDestroy()));
      });
    });
    const { code, stderr } = await command(argv, { input: 'x' });
    expect(stderr).toContain('(ECONNRESET)');
    expect(code).toBe(1);
  });

  test('a signal ends it with its code', async () => {
    const interruption = new AbortController();
    const argv = await start((socket) => void socket.write('still there'));
    const running = command(argv, { signal: interruption.signal });
    await new Promise((resolve) => setTimeout(resolve, 0));
    interruption.abort(130);
    expect((await running).code).toBe(130);
  });
});

test('TLS that is cut off without an end is an error', async () => {
  const argv = await (ways['TLS'] as Way)((socket) => {
    socket.write('part', () => setImmediate(() => tcpOf(socket).destroy()));
  });
  const { code, stdout, stderr } = await command(argv, { input: '' });
  expect(stdout.toString()).toBe('part');
  expect(stderr).toMatch(/ERR_TLS_TRUNCATED|ECONNRESET/);
  expect(code).toBe(1);
});
