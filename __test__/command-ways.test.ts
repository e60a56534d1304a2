/** The ways that the command takes: proxies, and Unix sockets. */

import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { temporaryDirectory } from './behaviour/trust.ts';
import { offered } from './command/scripts.ts';
import { farewell, serveScript, serveTls, shown } from './command/server.ts';
import { command, file, reportOf } from './command/stage.ts';
import { type Authority, type Credentials, createAuthority, selfSigned } from './fixtures/pki.mjs';
import { startConnect, startTlsEnd } from './servers/https-proxy.mjs';

let authority: Authority;
let credentials: Credentials;
let ca: string;

beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
  ca = await file('authority.pem', authority.certPem);
});
afterEach(() => vi.unstubAllEnvs());

describe('through a proxy', () => {
  test('TLS', async () => {
    await using proxy = await startConnect();
    const address = await serveTls(shown(credentials), (socket) => farewell(socket, 'welcome'));
    const argv = [address, '--tls', '--ca', ca, '--proxy', `http://127.0.0.1:${proxy.port}`];
    const { code, stdout, stderr } = await command(argv, { input: '' });
    // The proxy looks the name up.
    expect(stderr).toMatch(
      new RegExp(`^connected {4}${address} from .*, proxy http://127.0.0.1:${proxy.port}$`, 'm'),
    );
    expect([code, stdout.toString(), proxy.requests()]).toEqual([0, 'welcome', [address]]);
  });

  test('StartTLS', async () => {
    await using proxy = await startConnect();
    const address = await serveScript(offered.pop3, credentials);
    const way = ['--proxy', `http://127.0.0.1:${proxy.port}`];
    const report = await reportOf(address, '--starttls', 'pop3', '--ca', ca, ...way);
    expect(report).toMatchObject({
      ok: true,
      addresses: [],
      proxy: way[1],
      timings: { proxy: expect.any(Number) },
    });
  });

  test('that the environment names', async () => {
    await using proxy = await startConnect();
    vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${proxy.port}`);
    vi.stubEnv('NO_PROXY', '');
    const address = await serveTls(shown(credentials));
    const report = await reportOf(address, '--tls', '--ca', ca, '--proxy', 'env');
    expect([report.ok, proxy.requests()]).toEqual([true, [address]]);
    expect(report['proxy']).toBe(`http://127.0.0.1:${proxy.port}`);
    vi.stubEnv('NO_PROXY', 'localhost,127.0.0.1');
    const past = await reportOf(address, '--tls', '--ca', ca, '--proxy', 'env');
    expect([past.ok, past['proxy'], proxy.requests()]).toEqual([true, null, [address]]);
  });

  test('a refused certificate is looked at', async () => {
    await using inner = await startConnect();
    await using proxy = await startTlsEnd({ credentials, port: inner.port });
    const address = await serveTls(shown(await selfSigned({ names: ['localhost'] })));
    const report = await reportOf(address, '--tls', '--ca', ca, '--proxy', `https://127.0.0.1:${proxy.port}`);
    expect(report).toMatchObject({ exitCode: 3, error: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
    expect(report.certificates.map(({ subject }) => subject)).toEqual(['CN=localhost']);
  });
});

// The look at a refused certificate must not go to a proxy that nobody has checked.
describe('a proxy whose own certificate is refused is not told a password:', () => {
  test.each(['in the option', 'in the environment'])('%s', async (where) => {
    await using inner = await startConnect();
    await using proxy = await startTlsEnd({
      credentials: await selfSigned({ names: ['127.0.0.1'] }),
      port: inner.port,
    });
    const url = `https://me:secret@127.0.0.1:${proxy.port}`;
    vi.stubEnv('HTTPS_PROXY', url);
    const option = where === 'in the option' ? url : 'env';
    const { code, stderr } = await command([
      'localhost:1',
      '--tls',
      '--ca',
      ca,
      '--proxy',
      option,
      '--check',
    ]);
    expect(stderr).toContain('(DEPTH_ZERO_SELF_SIGNED_CERT)');
    expect([code, inner.requests()]).toEqual([3, []]);
  });
});

test.skipIf(process.platform === 'win32')('a Unix socket', async () => {
  const path = join(await temporaryDirectory(), 'socket');
  const server = createServer((socket) => void socket.end('here')).listen(path);
  onTestFinished(() => void server.close());
  const { code, stdout, stderr } = await command([`unix:${path}`], { input: '' });
  expect(stderr).toContain(`connected    unix:${path} from unix:`);
  expect([code, stdout.toString()]).toEqual([0, 'here']);
});
