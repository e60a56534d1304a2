/** This package in place of `@arrowood.dev/socket`, by npm's `overrides`, as docs/alias.md has it. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Registry, startRegistry } from './fixtures/alias-registry.mjs';
import { createAuthority } from './fixtures/pki.mjs';
import { available, type RedisServer, startRedis } from './servers/redis.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 180_000 });

const execute = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));

let directory: string;
let registry: Registry;

/** Packs, into the directory, what the application installs. */
async function pack(): Promise<string[]> {
  const packing = execute(process.execPath, [join(root, 'scripts', 'package.mjs'), '--out', directory]);
  const copy = join(directory, 'redis-on-workers');
  await cp(join(root, 'node_modules', 'redis-on-workers'), copy, { recursive: true });
  const { stdout } = await npm(copy, 'pack', '--silent', '--ignore-scripts');
  const own = (await packing).stdout.trim().split(/\r?\n/);
  return [...own, join(copy, stdout.trim())];
}

function npm(cwd: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1' };
  return execute('npm', args, { cwd, env, shell: process.platform === 'win32' });
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wintersock-overrides-'));
  registry = await startRegistry(await pack());
  const page = await readFile(join(root, 'docs', 'alias.md'), 'utf8');
  const [, manifest = ''] = page.match(/^```json\n(\{[\s\S]*?"overrides"[\s\S]*?)^```$/m) ?? [];
  await writeFile(join(directory, 'package.json'), manifest);
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts'];
  await npm(
    directory,
    'install',
    '--registry',
    registry.url,
    '--cache',
    join(directory, 'cache'),
    ...options,
  );
});
afterAll(async () => {
  await registry?.stop();
  if (directory) await rm(directory, { recursive: true, force: true });
});

/** Runs a program in the application, without any registration, and returns what it reports. */
async function run(source: string, env: Record<string, string> = {}): Promise<unknown> {
  const file = join(directory, 'program.mjs');
  await writeFile(file, `const report = (value) => console.log(JSON.stringify(value));${source}`);
  const options = { cwd: directory, env: { ...process.env, NODE_OPTIONS: '', ...env }, timeout: 30_000 };
  return JSON.parse((await execute(process.execPath, [file], options)).stdout);
}

test('it is installed there, with what is imported from it', async () => {
  const source = `
    import { readFileSync } from 'node:fs';
    import * as sockets from '@arrowood.dev/socket';
    import { createRequire } from 'node:module';
    const { name } = JSON.parse(readFileSync('node_modules/@arrowood.dev/socket/package.json', 'utf8'));
    const required = createRequire(import.meta.url)('@arrowood.dev/socket');
    report([name, Object.keys(sockets).sort(), required.connect === sockets.connect]);`;
  const names = ['Socket', 'SocketError', 'connect', 'createBinding', 'presets', 'setDefaultBinding'];
  expect(await run(source)).toEqual(['wintersock', names, true]);
});

describe.skipIf(available.skip)(available.skip || 'redis-on-workers', () => {
  let server: RedisServer;

  beforeAll(async () => {
    const authority = await createAuthority();
    server = await startRedis({ credentials: await authority.issue({ names: ['localhost'] }) });
  });
  afterAll(() => server?.stop());

  test('connects over it, and ends', async () => {
    const source = `
      import { Socket } from '@arrowood.dev/socket';
      import { createRedis } from 'redis-on-workers';
      const redis = createRedis(process.env.REDIS_URL);
      const isOurs = (await redis.startConnection()).socket instanceof Socket;
      const set = await redis.send('SET', 'key', 'value');
      report([isOurs, set, await redis.sendOnce('GET', 'key')]);`;
    expect(await run(source, { REDIS_URL: server.url })).toEqual([true, 'OK', 'value']);
  });
});
