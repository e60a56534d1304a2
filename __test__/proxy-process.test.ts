/** Processes whose host sends them through a proxy: the environment, unmodified clients, and the last words before the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket as TcpSocket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BindingConfig, createBinding } from 'wintersock';
import { Peer } from './behaviour/wire.ts';
import { closedPort } from './fixtures/closed-port.mjs';
import { runNode } from './fixtures/node-process.mjs';
import { createAuthority } from './fixtures/pki.mjs';
import { startPostgres } from './fixtures/postgres.mjs';
import { proxyWays, type RunningProxy } from './proxy/ways.ts';
import { startConnect, startTlsEnd } from './servers/https-proxy.mjs';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const io = { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] ?? '' };
const none = Object.fromEntries(
  ['ALL_PROXY', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap((name) => [
    [name, ''],
    [name.toLowerCase(), ''],
  ]),
);
let peer: Peer;
let down: string;

beforeAll(async () => {
  peer = await Peer.open();
  peer.onWire = (wire) => void wire.drain();
  down = `127.0.0.1:${await closedPort()}`;
});
afterAll(() => peer?.close());

/** What the destination has heard when its end comes. */
async function heard(tcp: TcpSocket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  tcp.on('data', (chunk) => chunks.push(chunk));
  const over = Promise.race([once(tcp, 'end'), once(tcp, 'close')]);
  tcp.resume();
  await over;
  tcp.destroy();
  return Buffer.concat(chunks);
}

/** How addresses are connected to, by what the environment says. */
async function outcomes(proxy: 'true' | 'default', env: Record<string, string>, addresses = [peer.address]) {
  const script = ['__test__/proxy/environment.mjs', proxy, ...addresses];
  const { stdout, stderr } = await runNode(script, { env: { ...io, ...none, ...env } });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as string[];
}

describe('what the environment says', () => {
  const refusal = (scheme: string, target: string) =>
    expect.stringMatching(
      new RegExp(`^SocketError: connect ECONNREFUSED ${scheme}://${down} \\(the proxy for ${target}\\): `),
    );

  test.concurrent('is done with `proxy: true` only', async () => {
    expect(await outcomes('default', { ALL_PROXY: `http://${down}` })).toEqual(['opened']);
    expect(await outcomes('true', { ALL_PROXY: `http://${down}` })).toEqual([refusal('http', peer.address)]);
    expect(await outcomes('true', {})).toEqual(['opened']);
  });

  test.concurrent('is said by several variables', async () => {
    const lower = await outcomes('true', { all_proxy: `socks5h://${down}`, ALL_PROXY: 'http://127.0.0.1:1' });
    expect(lower).toEqual([refusal('socks5h', peer.address)]);
    const https = await outcomes('true', { HTTPS_PROXY: down });
    expect(https).toEqual([refusal('http', peer.address)]);
    expect(await outcomes('true', { HTTP_PROXY: `http://${down}` })).toEqual(['opened']);
    const [wrong] = await outcomes('true', { ALL_PROXY: `ftp://me:secret@${down}` });
    expect(wrong).toContain('the environment variable ALL_PROXY must be a URL');
    expect(wrong).not.toContain('secret');
  });

  test.concurrent('has exceptions', async () => {
    const targets = [peer.address, `localhost:${peer.port}`];
    const [here, named] = targets as [string, string];
    const through = (NO_PROXY: string) =>
      outcomes('true', { ALL_PROXY: `http://${down}`, NO_PROXY }, targets);
    expect(await through('localhost, 192.0.2.1')).toEqual([refusal('http', here), 'opened']);
    expect(await through('127.0.0.0/8')).toEqual(['opened', expect.anything()]);
    expect(await through(`127.0.0.1:${peer.port},localhost:1`)).toEqual(['opened', refusal('http', named)]);
    expect(await through('*')).toEqual(['opened', 'opened']);
  });
});

describe('exceptions of a configuration', () => {
  const outcome = (except: string | readonly string[], address: string) => {
    const binding = createBinding({ proxy: { url: `http://${down}`, except } });
    return binding.connect(address).opened.then(
      () => 'opened',
      ({ code }) => code,
    );
  };

  test('are rules, in a list or in one text', async () => {
    const named = `localhost:${peer.port}`;
    for (const [except, address, expected] of [
      [['local'], peer.address, 'opened'],
      [['127.0.0.1'], peer.address, 'opened'],
      ['127.0.0.0/8,::1', peer.address, 'opened'],
      [['localhost'], named, 'opened'],
      ['localhost', peer.address, 'ECONNREFUSED'],
      [[`*:${peer.port}`], named, 'opened'],
      [['*:1'], named, 'ECONNREFUSED'],
      [[], peer.address, 'ECONNREFUSED'],
    ] as const) {
      expect(await outcome(except, address), `${except} ${address}`).toBe(expected);
    }
  });
});

for (const { name, skip, start } of proxyWays) {
  describe.skipIf(skip)(skip || name, () => {
    let proxy: RunningProxy;
    beforeAll(async () => {
      proxy = await start();
    });
    afterAll(() => proxy?.stop());

    const host = (config: BindingConfig = {}) => ({
      ...io,
      ...none,
      HOST_CONFIG: JSON.stringify({ ...config, proxy: proxy.config }),
    });

    test.each(['exit', 'staged', 'end', 'unref', 'worker'])(
      'nothing is lost that was written right before the end of the process: %s',
      async (how) => {
        await using destination = await Peer.open();
        const script = ['__test__/proxy/last-words.mjs', destination.address, how];
        const ended = runNode(['--import', './__test__/proxy/host.mjs', ...script], { env: host() });
        const bytes = heard((await destination.wire()).tcp);
        expect(await ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' });
        const length = (index: number) => (index < 64 ? 16_384 : 1024);
        const expected = Array.from({ length: 72 }, (_, index) => Buffer.alloc(length(index), index));
        expect((await bytes).equals(Buffer.concat(expected))).toBe(true);
      },
    );

    test('nothing is left of a socket that is closed, although the other side stays open', async () => {
      await using destination = await Peer.open();
      const script = ['__test__/proxy/closed.mjs', destination.address];
      const ended = runNode(['--import', './__test__/proxy/host.mjs', ...script], { env: host() });
      expect(String(await (await destination.wire()).hear())).toBe('bye');
      expect(await ended).toEqual({ code: 0, signal: null, stdout: '0\n', stderr: '' });
    });
  });
}

test('what a slow proxy with TLS has yet to take is not lost when the process exits', async () => {
  const authority = await createAuthority();
  const credentials = await authority.issue({ names: ['127.0.0.1'] });
  await using connects = await startConnect();
  await using end = await startTlsEnd({ credentials, port: connects.port });
  await using destination = await Peer.open();
  const proxy = { url: `https://127.0.0.1:${end.port}`, tls: { ca: authority.certPem } };
  const args = ['--import', './__test__/proxy/host.mjs', '__test__/proxy/last-words.mjs'];
  const child = spawn(process.execPath, [...args, destination.address, 'full'], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { ...process.env, ...io, ...none, HOST_CONFIG: JSON.stringify({ proxy }) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('opened');
    end.pause();
    const bytes = heard((await destination.wire()).tcp);
    const count = Number((await lines.next()).value) - 4;
    end.resume();
    // What was taken last, up to 64 KiB, may not be with the system, which takes nothing now.
    const whole = (await bytes).subarray(0, count * 16_384);
    expect(whole).toHaveLength(count * 16_384);
    const expected = Array.from({ length: count }, (_, index) => Buffer.alloc(16_384, index));
    expect(whole.equals(Buffer.concat(expected))).toBe(true);
  } finally {
    child.kill('SIGKILL');
  }
});

describe('pg, unmodified', () => {
  test('goes where the host sends it, with TLS checked', async () => {
    const authority = await createAuthority();
    const credentials = await authority.issue({ names: ['localhost'] });
    await using postgres = await startPostgres({ credentials });
    await using proxy = await startConnect();
    const job = async (config: BindingConfig, script = ['__test__/drivers/pg-jobs.mjs', 'connection']) => {
      const { stdout, stderr } = await runNode(
        [...['--import', './__test__/proxy/host.mjs'], ...['--import', 'wintersock/register'], ...script],
        {
          env: {
            ...io,
            ...none,
            HOST_CONFIG: JSON.stringify(config),
            PGHOST: 'localhost',
            PGPORT: String(postgres.port),
            PGUSER: postgres.user,
            PGPASSWORD: postgres.password,
            PGDATABASE: postgres.database,
          },
        },
      );
      expect(stderr).toBe('');
      return JSON.parse(stdout);
    };
    const url = `http://127.0.0.1:${proxy.port}`;
    const direct = await job({ ca: authority.certPem });
    expect(proxy.requests()).toEqual([]);
    const through = await job({ proxy: url, ca: authority.certPem });
    expect(proxy.requests()).toEqual([`localhost:${postgres.port}`]);
    expect(direct.value).toMatchObject({ ssl: true, peer: direct.value.localAddress });
    expect(through.value).toMatchObject({ ssl: true, remoteAddress: `localhost:${postgres.port}` });
    expect(through.value.peer).not.toBe(through.value.localAddress);

    const duplex = await job({ proxy: url, ca: authority.certPem }, ['__test__/proxy/pg-duplex.mjs']);
    expect(duplex).toEqual({ value: { ssl: true } });
    expect(proxy.requests()).toHaveLength(2);
    const { error } = await job({ proxy: url });
    expect(error).toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });
});
