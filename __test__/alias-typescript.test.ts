/** The registration next to a loader of TypeScript that is used with Node: tsx. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { App } from './fixtures/alias-app.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let app: App;

const uses = `
  import { connect } from 'cloudflare:sockets';
  import { connect as ours } from 'wintersock';
  import pg from 'pg';
  import { from } from 'conditional';
  import { net } from 'replaced';
  import { net as other } from 'other';
  import * as own from 'node:net';
  const streamOf = (client: pg.Client): string => (client as never as { connection: { stream: object } }).connection.stream.constructor.name;
  const result: unknown = [connect === ours, streamOf(new pg.Client()), from, net, other, 'ours' in own];
  console.log(JSON.stringify(result));`;
const seen = [true, 'CloudflareSocket', 'workerd', 'net.cjs', 'node', false];

beforeAll(async () => {
  app = await App.create({ standIns: true });
  for (const name of ['tsx', 'pg', 'pg-cloudflare']) await app.link(name);
  await app.write({
    'package.json': { name: 'app', exports: './nothing.js' },
    'tsconfig.json': { compilerOptions: { paths: { mapped: ['./mapped.mts'] } } },
    'mapped.mts': `export const from: string = 'the application';`,
    'maps.mts': `import { from } from 'mapped'; console.log(JSON.stringify(from));`,
    'node_modules/conditional/package.json': {
      name: 'conditional',
      exports: { workerd: './workerd.js', default: './node.js' },
    },
    'node_modules/conditional/workerd.js': `exports.from = 'workerd';`,
    'node_modules/conditional/node.js': `exports.from = 'node';`,
    'module.mts': uses,
    'common.cts': uses,
    // Neither the name nor the manifest says what these are.
    'plain/app.ts': uses,
    'late.mts': `
      import { register } from 'wintersock/register';
      register({ workers: ['pg', 'conditional'] satisfies string[], replace: ['replaced'] });
      await import('./module.mjs');`,
    'thread.mts': `
      import { Worker } from 'node:worker_threads';
      new Worker(new URL('./module.mts', import.meta.url)).on('error', (error) => console.error(error));`,
  });
  for (const name of ['replaced', 'other']) {
    const files = {
      'package.json': { name },
      'index.js': `exports.net = require('node:net').ours ?? 'node';`,
    };
    await app.write(files, `node_modules/${name}`);
  }
});
afterAll(() => app?.remove());

const own = ['--import', 'wintersock/register'];
const tsx = ['--import', 'tsx'];

describe.each([
  { order: 'before tsx', args: [...own, ...tsx] },
  { order: 'after tsx', args: [...tsx, ...own] },
])('registered $order', ({ args }) => {
  async function run(file: string, env: Record<string, string> = {}): Promise<unknown> {
    const { stdout, stderr, code } = await app.execute([...args, file], { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  }
  const env = { WINTERSOCK_REGISTER: 'pg,conditional', WINTERSOCK_REPLACE: 'replaced' };

  test.each(['module.mts', 'common.cts', 'plain/app.ts'])('%s finds what is registered', async (file) => {
    expect(await run(file, env)).toEqual(seen);
  });

  test('a package that tsconfig.json maps to a file is that file', async () => {
    expect(await run('maps.mts', { WINTERSOCK_REGISTER: 'mapped' })).toBe('the application');
  });

  test('register() is meant by what is imported later', async () => {
    expect(await run('late.mts')).toEqual(seen);
  });

  // On Node 20 tsx itself does not reach threads.
  const threads = Number.parseInt(process.versions.node, 10) > 20;
  if (threads) {
    test('a thread finds what is registered', async () => {
      expect(await run('thread.mts', env)).toEqual(seen);
    });
  }
});
