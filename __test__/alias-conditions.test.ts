/** What a package may write for Workers in its package.json, besides what register.test.ts has. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { App } from './fixtures/alias-app.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let app: App;

beforeAll(async () => {
  app = await App.create();
  const file = (from: string) => ({ [`${from}.js`]: `exports.from = '${from}';` });
  const files = (...names: string[]) => Object.assign({}, ...names.map(file)) as Record<string, string>;

  const patterns = {
    './*': './node/*.js',
    './deep/*': { workerd: './workers/deep/*.js', default: './node/deep/*.js' },
    './deep/special/*.js': { workerd: './workers/special-*.js' },
    './deep/exact': { workerd: './workers/exact.js', default: './node/deep/exact.js' },
    './list': [{ browser: './no.js' }, { workerd: './workers/list.js' }, './node/list.js'],
  };
  await app.write(
    {
      'package.json': { name: 'patterns', exports: patterns },
      ...files('workers/deep/a/b', 'workers/special-c', 'workers/exact', 'workers/list'),
      ...files('node/plain', 'node/deep/a/b', 'node/deep/special/c.js', 'node/deep/exact', 'node/list'),
    },
    'node_modules/patterns',
  );

  const imports = {
    '#socket': { workerd: './workers.js', default: './node.js' },
    '#platform': { workerd: 'cloudflare:sockets', default: './node.js' },
    '#parts/*': { workerd: './workers/*.js', default: './node/*.js' },
    '#plain': './plain.js',
  };
  const specifiers = ['#socket', '#parts/one', '#plain'];
  await app.write(
    {
      'package.json': { name: 'internal', imports },
      ...files('workers', 'node', 'workers/one', 'node/one', 'plain'),
      'index.js': `
        exports.from = ${JSON.stringify(specifiers)}.map((specifier) => require(specifier).from);
        exports.sockets = require('#platform');`,
      'index.mjs': `
        ${specifiers.map((specifier, i) => `import { from as from${i} } from '${specifier}';`).join('')}
        import * as sockets from '#platform';
        export const from = [${specifiers.map((_, i) => `from${i}`)}];
        export { sockets };`,
    },
    'node_modules/internal',
  );

  const only = {
    'package.json': { name: 'only', exports: { workerd: { import: './main.mjs', require: './main.js' } } },
    'main.mjs': `export { connect } from 'cloudflare:sockets'; export const from = 'import';`,
    'main.js': `exports.connect = require('cloudflare:sockets').connect; exports.from = 'require';`,
  };
  await app.write(only, 'node_modules/only');
  const renamed = { name: 'original', exports: { workerd: './workers.js', default: './node.js' } };
  await app.write({ 'package.json': renamed, ...files('workers', 'node') }, 'node_modules/@scope/renamed');
});
afterAll(() => app?.remove());

const named = (names: string) => ({ env: { WINTERSOCK_REGISTER: names } });
const ways = [
  { how: 'imported', load: (specifier: string) => `await import('${specifier}')`, type: 'mjs' },
  { how: 'required', load: (specifier: string) => `require('${specifier}')`, type: 'cjs' },
] as const;

describe.each(ways)('$how', ({ load, type }) => {
  const from = (...specifiers: string[]) =>
    `report([${specifiers.map((specifier) => `(${load(specifier)}).from`)}]);`;

  test('patterns of subpaths are for Workers, the longest one first', async () => {
    const specifiers = ['plain', 'deep/a/b', 'deep/special/c.js', 'deep/exact', 'list'];
    const source = from(...specifiers.map((specifier) => `patterns/${specifier}`));
    const workers = ['workers/deep/a/b', 'workers/special-c', 'workers/exact', 'workers/list'];
    expect(await app.run(source, { ...named('patterns'), type })).toEqual(['node/plain', ...workers]);
  });

  test('what a package imports from itself is for Workers', async () => {
    const file = type === 'mjs' ? 'internal/index.mjs' : 'internal/index.js';
    const sockets = type === 'mjs' ? `await import('wintersock')` : `require('wintersock')`;
    const source = `
      const internal = ${load(file)};
      report([...internal.from, internal.sockets.connect === (${sockets}).connect]);`;
    expect(await app.run(source, { ...named('internal'), type })).toEqual([
      'workers',
      'workers/one',
      'plain',
      true,
    ]);
    expect(await app.run(source, { ...named('other'), type })).toEqual(['node', 'node/one', 'plain', false]);
  });

  test('a package that is for Workers alone is there', async () => {
    const source = `const { from, connect } = ${load('only')}; report([from, typeof connect]);`;
    const way = type === 'mjs' ? 'import' : 'require';
    expect(await app.run(source, { ...named('only'), type })).toEqual([way, 'function']);
    await expect(app.run(source, { ...named('other'), type })).rejects.toThrow(
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
    );
  });

  test('a package may be installed under another name', async () => {
    const options = { ...named('@scope/renamed'), type };
    expect(await app.run(from('@scope/renamed'), options)).toEqual(['workers']);
  });

  test('a subpath that is not there fails as without the registration', async () => {
    const source = `report((${load('patterns/../x')}).from)`;
    await expect(app.run(source, { ...named('patterns'), type })).rejects.toThrow(
      /ERR_PACKAGE_PATH_NOT_EXPORTED|ERR_INVALID_MODULE_SPECIFIER|MODULE_NOT_FOUND/,
    );
  });
});
