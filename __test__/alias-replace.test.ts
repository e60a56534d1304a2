/** Who gets our modules in place of `node:net` and `node:tls`, and who does not. What these do is tested elsewhere. */
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { App, type Files } from './fixtures/alias-app.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let app: App;
/** Where a package lies that is linked into the application. */
let elsewhere: string;

/** A CommonJS package that exports which `node:net` it got. */
const required = (manifest: object): Files => ({
  'package.json': { version: '1.0.0', ...manifest },
  'index.js': `exports.net = require('net').ours ?? 'node';`,
});

/** A package that reaches both modules in every way there is, from a CommonJS and from an ES module. */
const driver: Files = {
  'package.json': {
    name: 'driver',
    version: '1.0.0',
    dependencies: { core: '1', '@scope/inner': '1', wintersock: '1' },
    devDependencies: { tool: '1' },
    peerDependencies: { framework: '1' },
    exports: { import: './esm/index.js', require: './index.js' },
  },
  // Says how to read the files next to it, and nothing of the package.
  'esm/package.json': { type: 'module' },
  'esm/index.js': `
    import net, { connect } from 'net';
    import * as tls from 'node:tls';
    import { createRequire } from 'node:module';
    const required = createRequire(import.meta.url)('node:net');
    const late = await import('node:net');
    export const seen = { default: net.ours, named: connect, tls: tls.ours, late: late.ours, required: required.ours };`,
  'index.js': `
    exports.seen = { net: require('net').ours, tls: require('node:tls').ours, file: require('./deep/file.js') };
    exports.late = () => import('node:tls').then((tls) => tls.ours);`,
  'deep/file.js': `module.exports = require('node:net').ours;`,
};

const asModule = {
  default: 'net.mjs',
  named: 'net.mjs',
  tls: 'tls.mjs',
  late: 'net.mjs',
  required: 'net.cjs',
};
const asCommonJs = { net: 'net.cjs', tls: 'tls.cjs', file: 'net.cjs' };

beforeAll(async () => {
  app = await App.create({ standIns: true });
  for (const name of ['pg', 'pg-cloudflare']) await app.link(name);
  await app.write(driver, 'node_modules/driver');
  await app.write(required({ name: 'core', dependencies: { leaf: '2' } }), 'node_modules/core');
  await app.write(required({ name: '@scope/inner' }), 'node_modules/@scope/inner');
  await app.write(required({ name: 'leaf' }), 'node_modules/leaf');
  await app.write(required({ name: 'leaf' }), 'node_modules/core/node_modules/leaf');
  for (const name of ['tool', 'framework', 'other'])
    await app.write(required({ name }), `node_modules/${name}`);
  // npm's alias: installed under a name of its own.
  await app.write(required({ name: 'original' }), 'node_modules/renamed');
  // pnpm's tree: each package has its dependencies next to it.
  const store = 'node_modules/.pnpm';
  await app.write(
    required({ name: 'stored', dependencies: { below: '1' } }),
    `${store}/stored@1/node_modules/stored`,
  );
  await app.write(required({ name: 'below' }), `${store}/below@1/node_modules/below`);
  await app.link(`${store}/stored@1/node_modules/below`, join(app.root, store, 'below@1/node_modules/below'));
  await app.link('stored', join(app.root, store, 'stored@1/node_modules/stored'));

  elsewhere = await realpath(await mkdtemp(join(tmpdir(), 'wintersock-alias-')));
  const path = (name: string) => join('..', elsewhere.slice(join(app.root, '..').length), name);
  await app.write(required({ name: 'linked', dependencies: { beside: '1' } }), path('checkout'));
  await app.write(required({ name: 'beside' }), path('checkout/node_modules/beside'));
  await app.write(required({ name: 'runner' }), path('checkout/node_modules/runner'));
  await app.link('linked', join(elsewhere, 'checkout'));
  // Not installed anywhere: its own tests run.
  await app.write(required({ name: 'driven', dependencies: { wheel: '1' } }), path('driven'));
  await app.write(required({ name: 'wheel' }), path('driven/node_modules/wheel'));
  // One of several packages of a repository, which has their dependencies at its top.
  await app.write(required({ name: 'part', dependencies: { top: '1' } }), path('repository/packages/part'));
  await app.write(required({ name: 'top' }), path('repository/node_modules/top'));
  await app.link('part', join(elsewhere, 'repository/packages/part'));
});
afterAll(async () => {
  await app?.remove();
  if (elsewhere) await rm(elsewhere, { recursive: true, force: true });
});

const replacing = (names: string) => ({ env: { WINTERSOCK_REPLACE: names } });
/** Reports what packages of CommonJS got, given the paths of their directories. */
const gets = (...names: string[]) => `
  import { createRequire } from 'node:module';
  const load = createRequire(import.meta.url);
  report(${JSON.stringify(names)}.map((name) => load(name).net));`;

describe('a package that is named', () => {
  const imported = `import { seen } from 'driver'; report(seen);`;
  const source = `const { seen, late } = require('driver'); late().then((tls) => report({ ...seen, late: tls }));`;

  test('gets ours in an ES module, however it asks', async () => {
    expect(await app.run(imported, replacing('driver'))).toEqual(asModule);
  });

  test('gets ours in a CommonJS module, however it asks', async () => {
    const options = { ...replacing('driver'), type: 'cjs' } as const;
    expect(await app.run(source, options)).toEqual({ ...asCommonJs, late: 'tls.cjs' });
  });

  test('gets those of Node unless it is named', async () => {
    expect(await app.run(imported)).toEqual({});
    expect(await app.run(source, { type: 'cjs' })).toEqual({ file: undefined });
  });

  test('may be installed under another name', async () => {
    expect(await app.run(gets('renamed'), replacing('renamed'))).toEqual(['net.cjs']);
    expect(await app.run(gets('renamed'), replacing('original'))).toEqual(['net.cjs']);
  });

  // The hooks of a loader make others load the CommonJS modules that are imported.
  test.each([
    { hook: 'registerHooks', on: 'the thread itself' },
    { hook: 'register', on: 'a thread of its own' },
  ])('gets ours, and pg is on Workers, although another hook reads their files, on $on', async ({ hook }) => {
    const load = `(url, context, next) => {
      if (!url.startsWith('file:')) return next(url, context);
      const then = (loaded) => ({ ...loaded, source: loaded.source ?? readFileSync(fileURLToPath(url)), shortCircuit: true });
      const loaded = next(url, context);
      return loaded.then ? loaded.then(then) : then(loaded);
    }`;
    const imports = `import { readFileSync } from 'node:fs'; import { fileURLToPath } from 'node:url'; import * as nodeModule from 'node:module';`;
    await app.write({
      'load-hook.mjs': `${imports} export const load = ${load};`,
      'register.mjs': `${imports} nodeModule.register('./load-hook.mjs', import.meta.url);`,
      'registerHooks.mjs': `${imports} import { load } from './load-hook.mjs'; nodeModule.registerHooks?.({ load });`,
    });
    const program = `
      import { net } from 'core';
      import { net as inner } from '@scope/inner';
      import { net as other } from 'other';
      import { seen } from 'driver';
      import pg from 'pg';
      report([net, inner, other, seen, new pg.Client().connection.stream.constructor.name]);`;
    const own = ['--import', 'wintersock/register'];
    const others = ['--no-warnings', '--import', `./${hook}.mjs`];
    for (const args of [
      [...own, ...others],
      [...others, ...own],
    ]) {
      const answer = await app.run(program, { ...replacing('driver'), args });
      const pg = 'CloudflareSocket';
      expect(answer, args.join(' ')).toEqual(['net.cjs', 'net.cjs', 'node', asModule, pg]);
    }
  });
});

describe('its dependencies', () => {
  test('get ours, and their dependencies', async () => {
    const names = ['core', '@scope/inner', './node_modules/core/node_modules/leaf'];
    expect(await app.run(gets(...names), replacing('driver'))).toEqual(['net.cjs', 'net.cjs', 'net.cjs']);
  });

  test('are those that it gets: not another copy, nor what it is developed with or used by', async () => {
    const names = ['leaf', 'tool', 'framework', 'other'];
    expect(await app.run(gets(...names), replacing('driver'))).toEqual(['node', 'node', 'node', 'node']);
  });

  test('do not make it get ours', async () => {
    expect(await app.run(`import { seen } from 'driver'; report(seen);`, replacing('core'))).toEqual({});
  });

  test('are found in the tree of pnpm', async () => {
    const names = ['stored', './node_modules/.pnpm/below@1/node_modules/below', 'other'];
    expect(await app.run(gets(...names), replacing('stored'))).toEqual(['net.cjs', 'net.cjs', 'node']);
  });

  test('are found where a linked package has them', async () => {
    const names = [
      'linked',
      join(elsewhere, 'checkout/node_modules/beside'),
      join(elsewhere, 'checkout/node_modules/runner'),
    ];
    expect(await app.run(gets(...names), replacing('linked'))).toEqual(['net.cjs', 'net.cjs', 'node']);
    const top = ['part', join(elsewhere, 'repository/node_modules/top')];
    expect(await app.run(gets(...top), replacing('part'))).toEqual(['net.cjs', 'net.cjs']);
  });
});

test('a package that is developed gets ours where its own tests run', async () => {
  const driven = join(elsewhere, 'driven');
  const names = [driven, join(driven, 'node_modules/wheel')];
  expect(await app.run(gets(...names), replacing('driven'))).toEqual(['net.cjs', 'net.cjs']);
});

describe('nothing changes', () => {
  test('for the application', async () => {
    const source = `
      import net from 'node:net';
      import 'driver';
      const tls = await import('tls');
      report([net.ours ?? 'node', tls.ours ?? 'node', process.getBuiltinModule?.('net').ours ?? 'node']);`;
    expect(await app.run(source, replacing('driver'))).toEqual(['node', 'node', 'node']);
    const common = `require('driver'); report([require('net').ours ?? 'node', require('node:tls').ours ?? 'node']);`;
    expect(await app.run(common, { ...replacing('driver'), type: 'cjs' })).toEqual(['node', 'node']);
  });

  test('for this package, whose modules need those of Node', async () => {
    const source = `
      import { createRequire } from 'node:module';
      report(createRequire(import.meta.url)('./node_modules/wintersock/dist/net.cjs').ours);`;
    expect(await app.run(source, replacing('driver,wintersock'))).toBe('net.cjs');
  });
});
