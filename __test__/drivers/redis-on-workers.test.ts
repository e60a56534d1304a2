/** redis-on-workers, unmodified, over connect(): by its option, and by the alias. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from '../fixtures/closed-port.mjs';
import { runNode } from '../fixtures/node-process.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { available, type RedisServer, startRedis } from '../servers/redis.mjs';
import type { Failure } from './database.ts';

/** What a job gave its user, and what the package left unhandled. */
interface Outcome {
  value?: unknown;
  error?: Failure;
  unhandled: string[];
}

let server: RedisServer;
let directory: string;
let env: Record<string, string>;

/** Runs a program, which has to end by itself, cleanly and in silence, and returns what it printed. */
async function output(args: string[], more: Record<string, string> = {}): Promise<string> {
  const ending = await runNode(args, { env: { ...env, ...more } });
  expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
  return ending.stdout;
}

async function outcomes(
  way: 'option' | 'alias',
  more?: Record<string, string>,
  job?: string,
): Promise<ReadonlyMap<string, Outcome>> {
  const jobs = ['__test__/drivers/redis-on-workers-jobs.mjs', way, ...(job ? [job] : [])];
  const printed = await output(way === 'alias' ? ['--import', 'wintersock/register', ...jobs] : jobs, more);
  return new Map(
    printed
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
  );
}

describe.skipIf(available.skip)(available.skip || 'redis-on-workers', { timeout: 60_000 }, () => {
  beforeAll(async () => {
    const authority = await createAuthority();
    server = await startRedis({ credentials: await authority.issue({ names: ['localhost'] }) });
    directory = await mkdtemp(join(tmpdir(), 'wintersock-redis-on-workers-'));
    const caFile = join(directory, 'ca.pem');
    await writeFile(caFile, authority.certPem);
    env = {
      NODE_EXTRA_CA_CERTS: caFile,
      REDIS_PORT: String(server.port),
      REDIS_TLS_PORT: String(server.tlsPort),
      REDIS_PASSWORD: server.password,
      REDIS_URL: server.url,
      CLOSED_PORT: String(await closedPort()),
      // runNode() takes it away.
      ...(process.env['WINTERSOCK_IO'] && { WINTERSOCK_IO: process.env['WINTERSOCK_IO'] }),
    };
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
    if (directory) await rm(directory, { recursive: true });
  });

  describe.each(['option', 'alias'] as const)('by the %s', (way) => {
    let all: ReadonlyMap<string, Outcome>;
    beforeAll(async () => {
      all = await outcomes(way);
    }, 60_000);

    /** What a job gave, leaving nothing unhandled. */
    function value(job: string): unknown {
      const { value, error, unhandled } = all.get(job) ?? {};
      expect({ error, unhandled }).toEqual({ unhandled: [] });
      return value;
    }

    test('connects and logs in', () => {
      expect(value('plain')).toBe('hello');
      expect(value('url')).toBe('hello');
    });

    test('encrypts, and verifies the server', () => {
      expect(value('encrypted')).toBe('hello');
    });

    test('sends and gets ten megabytes', () => {
      expect(value('large')).toEqual({ set: 'OK', length: 10 * 1024 * 1024, intact: true });
    });

    test('pipelines, and gets the answers in order', () => {
      expect(value('pipeline')).toEqual({ auth: 'OK', inOrder: true });
    });

    test('keeps many connections', () => {
      expect(value('parallel')).toBe(20);
    });

    test('commits transactions', () => {
      expect(value('transaction')).toEqual(['OK', 'QUEUED', 'QUEUED', ['OK', 42]]);
    });

    test('goes on after a command that failed', () => {
      expect(value('failingCommand')).toMatchObject({
        failure: { message: expect.stringContaining('wrong number of arguments') },
        next: 'again',
      });
    });

    test('is told that the password is wrong', () => {
      const { error, unhandled } = all.get('wrongPassword') ?? {};
      expect(error?.message).toContain('WRONGPASS');
      expect(unhandled).toEqual([]);
    });

    test('notices that the server ends the connection', () => {
      expect(value('killed')).toEqual({ killed: 1, told: 'Listener closed', connected: false });
    });

    // The package reports an error to its user, and then once more to nobody.
    test.each([
      { job: 'refused', what: 'nobody listens', code: 'ECONNREFUSED' },
      { job: 'unknownName', what: 'the name is not known', code: 'ENOTFOUND' },
      { job: 'wrongName', what: 'the certificate is for another name', code: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    ])('fails if $what', ({ job, code }) => {
      const { error, unhandled } = all.get(job) ?? {};
      expect(error).toMatchObject({ name: 'SocketError', code });
      expect(unhandled).toEqual([code]);
    });

    test('fails if nobody vouches for the certificate', async () => {
      const untrusting = await outcomes(way, { NODE_EXTRA_CA_CERTS: '' }, 'encrypted');
      const { error } = untrusting.get('encrypted') ?? {};
      expect(error).toMatchObject({ name: 'SocketError', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    });
  });

  test('the recipe works as it is', async () => {
    const recipe = ['examples/drivers/redis-on-workers.mjs'];
    expect(await output(recipe, { REDIS_URL: server.tlsUrl })).toBe('PONG\n');
  });
});
