/** docs/maintainers.md: the client that it shows is the one in examples/, and does on Node and inside workerd what the page says. */
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from './fixtures/closed-port.mjs';
import { runNode } from './fixtures/node-process.mjs';
import { createAuthority } from './fixtures/pki.mjs';
import { startWorkerd, type Worker } from './fixtures/workerd.mjs';
import { available, type RedisServer, startRedis } from './servers/redis.mjs';

const PAGE = 'docs/maintainers.md';
const CLIENT = 'examples/redis-client.mjs';

test('the page shows the client as it is, in under a hundred lines', async () => {
  const client = await readFile(CLIENT, 'utf8');
  expect(client.trimEnd().split('\n').length).toBeLessThan(100);
  expect(await readFile(PAGE, 'utf8')).toContain(`\`\`\`js\n${client}\`\`\`\n`);
});

describe.skipIf(available.skip)(available.skip || 'the client', () => {
  let redis: RedisServer;
  let worker: Worker;
  let directory: string;
  let args: Record<string, string | number>;
  /** Greets in a protocol of its own. */
  const stranger = createServer((socket) => {
    socket.on('error', () => {});
    socket.write('220 mail.example.com\r\n');
  });

  const silent = createServer((socket) => void socket.on('error', () => {}).resume());

  beforeAll(async () => {
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    const authority = await createAuthority();
    directory = await mkdtemp(join(tmpdir(), 'wintersock-maintainers-'));
    await writeFile(join(directory, 'ca.pem'), authority.certPem);
    await once(stranger.listen(0, '127.0.0.1'), 'listening');
    redis = await startRedis({ credentials: await authority.issue({ names: ['localhost'] }) });
    worker = await startWorkerd({
      modules: {
        '__test__/fixtures/redis-client-worker.mjs': '__test__/fixtures/redis-client-worker.mjs',
        '__test__/fixtures/redis-client-jobs.mjs': '__test__/fixtures/redis-client-jobs.mjs',
        [CLIENT]: CLIENT,
        // What a bundler takes by the export condition `workerd`. workerd looks for it beside the file that imports it.
        'examples/wintersock': 'dist/workerd.mjs',
      },
      authority: authority.certPem,
    });
    args = {
      url: redis.url,
      tlsUrl: redis.tlsUrl,
      closedPort: await closedPort(),
      silentPort: (silent.address() as AddressInfo).port,
      stranger: (stranger.address() as AddressInfo).port,
      size: 1_400_000,
    };
  }, 120_000);

  afterAll(async () => {
    stranger.close();
    silent.close();
    await worker?.stop();
    await redis?.stop();
    if (directory) await rm(directory, { recursive: true });
  });

  test('is used as the page says', { timeout: 120_000 }, async () => {
    const [, usage = ''] = /^```js\n(const redis = [\s\S]*?)^```$/m.exec(await readFile(PAGE, 'utf8')) ?? [];
    const program = usage.replace(/'rediss:.*?'/, JSON.stringify(redis.tlsUrl));
    const source = `import { RedisClient } from './${CLIENT}'; ${program} console.log(count);`;
    const env = { NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem') };
    const ending = await runNode(['--input-type=module', '--eval', source], { env });
    expect(ending).toMatchObject({ code: 0, stderr: '', stdout: '42\n' });
  });

  /** A process for each job: it has to end by itself, in silence. */
  async function onNode(job: string): Promise<unknown> {
    const argv = ['__test__/fixtures/redis-client-node.mjs', job, JSON.stringify(args)];
    const { WINTERSOCK_IO = '' } = process.env;
    const env = {
      NODE_EXTRA_CA_CERTS: join(directory, 'ca.pem'),
      ...(WINTERSOCK_IO === '' ? {} : { WINTERSOCK_IO }),
    };
    const ending = await runNode(argv, { env });
    expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
    return JSON.parse(ending.stdout);
  }

  async function inWorkerd(job: string): Promise<unknown> {
    const body = JSON.stringify({ job, args });
    const response = await fetch(worker.url, { method: 'POST', body, signal: AbortSignal.timeout(60_000) });
    const { value, error, strays } = (await response.json()) as {
      value: unknown;
      error?: string;
      strays?: string[];
    };
    expect(error).toBeUndefined();
    expect(strays).toEqual([]);
    return value;
  }

  describe.each([
    ['on Node', onNode],
    ['inside workerd', inWorkerd],
  ])('%s', { timeout: 120_000 }, (_, perform) => {
    const onlyNode = perform === onNode;

    test('understands every kind of reply', async () => {
      const expected = [
        'OK',
        'OK',
        42,
        '42',
        -1,
        null,
        'OK',
        ['', 'é\r\n€', null],
        null,
        [1, ['a', null], []],
      ];
      expect(await perform('replies')).toEqual(expected);
    });

    test('throws what Redis refuses, and goes on', async () => {
      const { failed, next } = (await perform('errors')) as { failed: unknown; next: unknown };
      expect(failed).toMatchObject({ redis: true, message: expect.stringMatching(/^WRONGTYPE/) });
      expect(next).toEqual(['a']);
    });

    test('sends commands without waiting for replies', async () => {
      expect(await perform('pipeline')).toBe(true);
    });

    test('sends and gets a large value', async () => {
      expect(await perform('large')).toBe(true);
    });

    test('gets what is published', async () => {
      const expected = { subscribed: ['subscribe', 'news', 1], messages: ['one', 'two', 'three'] };
      expect(await perform('subscription')).toEqual(expected);
    });

    test('encrypts', async () => {
      expect(await perform('encrypted')).toBe('over TLS');
    });

    test('fails every command when the password is wrong', async () => {
      const wrong = { redis: true, message: expect.stringMatching(/^WRONGPASS/) };
      expect(await perform('wrongPassword')).toMatchObject({ first: wrong, second: wrong });
    });

    test('fails when nobody listens', async () => {
      const failed = await perform('refused');
      expect(failed).toMatchObject({ redis: false, message: expect.any(String) });
      if (onlyNode) expect(failed).toMatchObject({ code: 'ECONNREFUSED' });
    });

    test('closes although the server says nothing', async () => {
      const failed = await perform('silent');
      expect(failed).toMatchObject({ redis: false, message: 'Redis does not answer' });
    });

    test('refuses a certificate for another name', async () => {
      const failed = await perform('wrongName');
      expect(failed).toMatchObject({ redis: false, message: expect.any(String) });
      if (onlyNode) expect(failed).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    });

    test('fails what waits for a reply when the server ends the connection', async () => {
      const failed = { redis: false, message: expect.any(String) };
      expect(await perform('killed')).toMatchObject({ kills: 1, waiting: failed, later: failed });
    });

    test('closes when all is answered', async () => {
      const later = { redis: false, message: expect.any(String) };
      expect(await perform('closing')).toMatchObject({ slow: null, later });
    });

    test('notices that it does not speak with Redis', async () => {
      expect(await perform('stranger')).toMatchObject({ message: 'this is not Redis: 220 mail.example.com' });
    });
  });
});
