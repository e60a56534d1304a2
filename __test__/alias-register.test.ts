/** `register()`, and what it shares with the environment variables. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RegisterOptions, Registration } from 'wintersock/register';
import { App } from './fixtures/alias-app.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let app: App;

beforeAll(async () => {
  app = await App.create({ standIns: true });
  for (const name of ['one', 'two']) {
    const exports = { workerd: './workers.js', default: './node.js' };
    const file = (where: string) => `exports.is = ['${where}', require('net').ours ?? 'node'];`;
    const files = {
      'package.json': { name, exports },
      'workers.js': file('workers'),
      'node.js': file('node'),
    };
    await app.write(files, `node_modules/${name}`);
  }
});
afterAll(() => app?.remove());

const plain = ['node', 'node'];
const onWorkers = ['workers', 'node'];
const replaced = ['node', 'net.cjs'];
/** Loads both packages anew, and reports what they are. */
const both = `report([(await import('one')).is, (await import('two')).is]);`;
const call = (options: string) => `import { register } from 'wintersock/register'; register(${options});`;

describe('register()', () => {
  test('takes packages for both ways', async () => {
    const source = `${call(`{ workers: ['one'], replace: new Set(['two']) }`)} ${both}`;
    expect(await app.run(source)).toEqual([onWorkers, replaced]);
    expect(await app.run(source, { args: [] })).toEqual([onWorkers, replaced]);
  });

  test('is meant by require() as well', async () => {
    const source = `
      import('wintersock/register').then(({ register }) => {
        register({ workers: ['one'], replace: ['two'] });
        report([require('one').is, require('two').is]);
      });`;
    expect(await app.run(source, { type: 'cjs', args: [] })).toEqual([onWorkers, replaced]);
  });

  test('may be called in a file that is loaded before the application', async () => {
    await app.write({ 'preload.mjs': call(`{ workers: ['one'], replace: ['two'] }`) });
    const source = `import { is as one } from 'one'; import { is as two } from 'two'; report([one, two]);`;
    expect(await app.run(source, { args: ['--import', './preload.mjs'] })).toEqual([onWorkers, replaced]);
  });

  test('replaces what the environment says, member by member', async () => {
    const env = { WINTERSOCK_REGISTER: 'one', WINTERSOCK_REPLACE: 'two' };
    expect(await app.run(both, { env })).toEqual([onWorkers, replaced]);
    expect(await app.run(`${call('{}')} ${both}`, { env })).toEqual([onWorkers, replaced]);
    expect(await app.run(`${call('{ workers: [] }')} ${both}`, { env })).toEqual([plain, replaced]);
    expect(await app.run(`${call('{ replace: [] }')} ${both}`, { env })).toEqual([onWorkers, plain]);
  });

  test('may be called again, also between two packages', async () => {
    const source = `
      import { register } from 'wintersock/register';
      register({ workers: ['one'] });
      const { is } = await import('one');
      register({ workers: ['two'] });
      report([is, (await import('two')).is]);`;
    expect(await app.run(source)).toEqual([onWorkers, onWorkers]);
  });

  test('lets a package go from one way to the other', async () => {
    const source = `${call(`{ workers: ['one'], replace: ['two'] }`)} register({ workers: ['two'] }); ${both}`;
    expect(await app.run(source)).toEqual([plain, onWorkers]);
    const back = `${call(`{ workers: ['one', 'two'] }`)} register({ replace: ['two'] }); ${both}`;
    expect(await app.run(back)).toEqual([onWorkers, replaced]);
  });

  test('returns what is registered, so that one can be added', async () => {
    const source = `
      import { register } from 'wintersock/register';
      const { workers } = register({ replace: ['a'] });
      report([workers, register({ workers: [...workers, 'b'] }), register()]);`;
    const second = { workers: ['pg', 'b'], replace: ['a'] };
    expect(await app.run(source)).toEqual([['pg'], second, second]);
  });

  test.each(['mjs', 'cjs'] as const)('holds for the threads that are started then: %s', async (type) => {
    const load = { mjs: both, cjs: `report([require('one').is, require('two').is]);` }[type];
    const report = {
      mjs: `import { parentPort } from 'node:worker_threads'; const report = (is) => parentPort.postMessage(is);`,
      cjs: `const report = (is) => require('node:worker_threads').parentPort.postMessage(is);`,
    }[type];
    await app.write({ [`thread.${type}`]: `${report} ${load}` });
    const source = `
      ${call(`{ workers: ['one'], replace: ['two'] }`)}
      import { Worker } from 'node:worker_threads';
      new Worker(${JSON.stringify(join(app.root, `thread.${type}`))}).once('message', report);`;
    expect(await app.run(source)).toEqual([onWorkers, replaced]);
  });

  test('lets the process end', async () => {
    expect(await app.run(`${call('{}')} report(null);`, { timeout: 20_000 })).toBe(null);
  });
});

test('the types know what can be meant', () => {
  const registration: Registration = { workers: ['pg'], replace: [] };
  const options: RegisterOptions[] = [registration, {}, { workers: new Set(['pg']), replace: undefined }];
  // @ts-expect-error one name is no array
  options.push({ workers: 'pg' });
  // @ts-expect-error there is no such member
  options.push({ packages: ['pg'] });
  expect(options).toHaveLength(5);
});

describe('what cannot be meant is refused', () => {
  test.each([
    ['null', 'takes an object'],
    ["['pg']", "such as { workers: ['pg']"],
    ["'pg'", 'takes an object'],
    ["{ packages: ['pg'] }", 'no option `packages`; use `workers` or `replace`'],
    ["{ workers: 'pg' }", '`workers` must be an array of names of packages, such as ["pg"]'],
    ['{ replace: 1 }', '`replace` must be an array'],
    ['{ replace: null }', '`replace` must be an array'],
    ['{ replace: [1] }', "`replace` holds number; name the package alone, such as 'pg'"],
    ["{ workers: [''] }", '`workers` holds ""; name the package alone'],
    ["{ workers: ['pg/lib/client.js'] }", '"pg/lib/client.js"; name the package alone, such as \'pg\''],
    ["{ workers: ['@a/b/c'] }", "such as '@a/b'"],
    ["{ workers: ['@a'] }", '"@a"; name the package alone'],
    ["{ replace: ['redis@6'] }", "such as 'redis'"],
    ["{ replace: ['node:net'] }", '"node:net"; name the package'],
    ["{ replace: ['./local'] }", '"./local"; name the package'],
    ["{ workers: ['pg'], replace: ['pg'] }", '`pg` is to use its code for Workers and to keep'],
  ])('%s', async (options, message) => {
    const source = `
      import { register } from 'wintersock/register';
      import { SocketError } from 'wintersock';
      try {
        register(${options});
      } catch (error) {
        report([error instanceof SocketError, error.code, error.message, register()]);
      }`;
    const [isSocketError, code, text, unchanged] = (await app.run(source, { args: [] })) as unknown[];
    expect([isSocketError, code, unchanged]).toEqual([
      true,
      'ERR_INVALID_OPTION',
      { workers: ['pg'], replace: [] },
    ]);
    expect(text).toMatch(/^SocketError: invalid option: /);
    expect(text).toContain(message);
  });

  test.each([
    { WINTERSOCK_REGISTER: 'pg/lib' },
    { WINTERSOCK_REPLACE: './redis' },
    { WINTERSOCK_REGISTER: 'pg', WINTERSOCK_REPLACE: 'pg' },
  ])('in the environment: %o', async (env) => {
    await app.write({ 'nothing.mjs': '' });
    const args = ['--import', 'wintersock/register', 'nothing.mjs'];
    const { code, stderr } = await app.execute(args, { env: env as Record<string, string> });
    expect(code).toBe(1);
    expect(stderr).toContain('ERR_INVALID_OPTION');
    if (env.WINTERSOCK_REPLACE !== 'pg') expect(stderr).toContain(Object.keys(env)[0]);
  });

  test('in the environment is not what is empty, or what the default names', async () => {
    const source = `import { register } from 'wintersock/register'; report(register());`;
    const registration = (env: Record<string, string>) => app.run(source, { env });
    expect(await registration({ WINTERSOCK_REGISTER: ' , ' })).toEqual({ workers: [], replace: [] });
    expect(await registration({ WINTERSOCK_REPLACE: ' pg, @a/b ,' })).toEqual({
      workers: [],
      replace: ['pg', '@a/b'],
    });
  });
});
