/** The configurations for vitest in docs/alias.md, run as they are on a small project. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { App } from './fixtures/alias-app.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 });

let app: App;
let withRegistration: string;
let withPostgres: string;
let withInlining: string;

const ours = `
  import { Socket } from 'wintersock';
  import { expect, test } from 'vitest';
  const isOurs = (socket: unknown) => expect(socket).toBeInstanceOf(Socket);`;

beforeAll(async () => {
  const page = await readFile(new URL('../docs/alias.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```js\n(\/\/ vitest\.config\.mjs\n[\s\S]*?)^```$/gm)];
  const configs = blocks.map(([, code = '']) => code);
  [withRegistration, withPostgres, withInlining] = configs as [string, string, string];

  app = await App.create();
  for (const name of ['vitest', 'pg', 'pg-cloudflare', 'postgres', 'worker-mailer', 'redis-on-workers'])
    await app.link(name);
  await app.write({
    'package.json': { private: true, type: 'module' },
    'sockets.ts': `export { connect } from 'cloudflare:sockets';`,
    'own.test.ts': `${ours}
      import { connect } from './sockets';
      test('own files', () => isOurs(connect('127.0.0.1:1')));
      test('import()', async () => isOurs((await import('cloudflare:sockets')).connect('127.0.0.1:1')));`,
    'mailer.test.ts': `${ours}
      import { LogLevel, WorkerMailer } from 'worker-mailer';
      test('worker-mailer', async () => {
        const options = { host: '127.0.0.1', port: 1, logLevel: LogLevel.NONE };
        const mailer = new (WorkerMailer as never as new (_: object) => { socket: unknown })(options);
        isOurs(mailer.socket);
      });`,
    'redis.test.ts': `${ours}
      import { createRedis, getConnectFn } from 'redis-on-workers';
      test('redis-on-workers', async () => isOurs((await getConnectFn())('127.0.0.1:1')));`,
    'pg.test.ts': `${ours}
      import pg from 'pg';
      test('pg', () => {
        const { stream } = (new pg.Client() as never as { connection: { stream: object } }).connection;
        expect(stream.constructor.name).toBe('CloudflareSocket');
      });`,
    // Its build for Workers knows no environment.
    'postgres.test.ts': `${ours}
      import postgres from 'postgres';
      test('postgres', () => expect(postgres().options.user).toBe('postgres'));`,
    'register.mjs': `
      import { register } from 'wintersock/register';
      register({ workers: [], replace: ['replaced'] });`,
    'node_modules/replaced/package.json': { name: 'replaced' },
    'node_modules/replaced/index.js': `exports.net = require('node:net');`,
    'replaced.test.ts': `${ours}
      import * as own from 'node:net';
      import { net } from 'replaced';
      test('replaced', () => expect(net.Socket).not.toBe(own.Socket));`,
  });
});
afterAll(() => app?.remove());

/** Runs tests of the project, and returns how many have passed, and what vitest said of the others. */
async function run(config: string, files: string[], ...options: string[]) {
  await app.write({ 'vitest.config.mjs': config });
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', ...options, ...files];
  const { stdout, stderr } = await app.execute(args, { env: { PGUSERNAME: 'someone' } });
  const report = JSON.parse(stdout.slice(stdout.indexOf('{"numTotal')) || '{}');
  const results = (report.testResults ?? []) as {
    message: string;
    assertionResults: { failureMessages: string[] }[];
  }[];
  const failures = results.flatMap(({ message, assertionResults }) => [
    ...(message ? [message] : []),
    ...assertionResults.flatMap(({ failureMessages }) => failureMessages),
  ]);
  return { passed: report.numPassedTests, failures, ...(report.numPassedTests === undefined && { stderr }) };
}

describe('with the registration', () => {
  const files = ['own', 'mailer', 'redis', 'pg'];

  test.each(['forks', 'threads'])('own files and packages use connect(), in %s', async (pool) => {
    expect(await run(withRegistration, files, `--pool=${pool}`)).toEqual({ passed: 5, failures: [] });
  });

  test('a package of which Vite chooses the file uses connect()', async () => {
    expect(await run(withPostgres, ['own', 'postgres'])).toEqual({ passed: 3, failures: [] });
    const { failures } = await run(withRegistration, ['postgres']);
    expect(failures.join()).toContain('someone');
  });

  test('packages are registered by a file of the project', async () => {
    const config = withRegistration.replace("'wintersock/register'", "'./register.mjs'");
    const { passed, failures } = await run(config, ['own', 'replaced', 'pg']);
    expect(passed).toBe(3);
    expect(failures.join()).toContain("expected 'Socket' to be 'CloudflareSocket'");
  });
});

describe('without the registration', () => {
  test('own files and inlined packages use connect()', async () => {
    expect(await run(withInlining, ['own', 'mailer', 'redis'])).toEqual({ passed: 4, failures: [] });
  });

  test('what is not inlined does not', async () => {
    const config = withInlining.replace(/inline: .*?]/, 'inline: []');
    const { passed, failures } = await run(config, ['own', 'mailer']);
    expect(passed).toBe(2);
    expect(failures.join()).toContain('cloudflare:');
  });
});
