import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { everywhere, rust } from './layers/rust.ts';
import { typescript } from './layers/typescript.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The files of a directory and those below, with forward slashes. */
function filesIn(directory: string, extension: RegExp): string[] {
  const entries = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
  return entries.filter((path) => extension.test(path)).map((path) => path.split(sep).join('/'));
}

const read = (...path: string[]): string => readFileSync(join(root, ...path), 'utf8');

/** What is used against the rules, as `"a uses b"`. */
function trespasses(
  rules: Record<string, readonly string[]>,
  user: string,
  used: readonly string[],
): string[] {
  const allowed = rules[user] ?? [];
  return used
    .filter((name) => name !== user && !allowed.includes(name))
    .map((name) => `${user} uses ${name}`);
}

describe('the TypeScript layer', () => {
  const files = filesIn('lib', /\.ts$/);

  /** What a file imports: files of lib/ by their names there, anything else as it is written. */
  function importsOf(file: string): string[] {
    const matches = read('lib', file).matchAll(/(?<!['\w])(?:from|import) ?\(?'([^']+)'/g);
    const specifiers = [...matches].map(([, specifier = '']) => specifier);
    return specifiers.map((specifier) => {
      if (!specifier.startsWith('.')) return specifier;
      return new URL(specifier, `file:///lib/${file}`).pathname.replace('/lib/', '');
    });
  }

  test('has a place for every file', () => {
    expect(files.sort()).toEqual(Object.keys(typescript).sort());
  });

  test('is imported from above only, and imports nothing but Node', () => {
    const others = (path: string): boolean => !path.startsWith('node:') && !/^\/[\w-]+\.d\.c?ts$/.test(path);
    const found = files.flatMap((file) => trespasses(typescript, file, importsOf(file).filter(others)));
    expect(found.sort()).toEqual([
      // The command is a user of the package.
      'command/session.ts uses wintersock',
      'workerd.ts uses cloudflare:sockets',
    ]);
  });

  test('loads the native addon in one file', () => {
    const loading = files.filter((file) => /createRequire|\.node['"`]/.test(read('lib', file)));
    expect(loading).toEqual(['binding.ts']);
    // The addon's declarations may be used, as types.
    const importing = files.filter((file) =>
      /^(?:im|ex)port (?!type)[^;]*binding\.d\.cts/m.test(read('lib', file)),
    );
    expect(importing).toEqual([]);
  });
});

describe('the native half', () => {
  const files = filesIn('src', /\.rs$/);
  const moduleOf = (file: string): string => file.replace(/\.rs$/, '').split('/')[0] ?? '';
  const code = (file: string): string => read('src', file).replaceAll(/\/\/.*$/gm, '');

  /** The modules that a file names: `crate::a`, `use crate::{a::B, c}`. */
  function modulesIn(source: string): string[] {
    const direct = [...source.matchAll(/\bcrate::(\w+)/g)].map(([, name = '']) => name);
    const grouped = [...source.matchAll(/\bcrate::\{([^;]*)\};/g)].flatMap(([, group = '']) => {
      const paths = group.replaceAll(/\{[^{}]*\}/g, '').split(',');
      return paths.map((path) => path.trim().split('::')[0] ?? '');
    });
    return [...direct, ...grouped].filter(Boolean);
  }

  test('has a place for every module', () => {
    expect([...new Set(files.map(moduleOf))].sort()).toEqual(Object.keys(rust).sort());
  });

  test('is used from above only', () => {
    const used = (file: string) => modulesIn(code(file)).filter((name) => !everywhere.includes(name));
    expect(files.flatMap((file) => trespasses(rust, moduleOf(file), used(file)))).toEqual([]);
  });

  test('knows JavaScript in the binding only', () => {
    const naming = files.filter((file) => /\bnapi(?:_derive|_sys)?\b/.test(code(file)));
    expect(naming.length).toBeGreaterThan(0);
    expect(naming.filter((file) => !file.startsWith('binding/'))).toEqual([]);
  });

  test('finds libuv in one file', () => {
    expect(files.filter((file) => /\blibloading\b/.test(code(file)))).toEqual(['notify/uv.rs']);
  });
});

test('no file is too long to be read', () => {
  const places: [directory: string, extension: RegExp][] = [
    ['src', /\.rs$/],
    ['lib', /\.ts$/],
    ['__test__', /\.m?[jt]s$/],
    ['scripts', /\.mjs$/],
    ['bench', /\.(?:mjs|rs)$/],
  ];
  const paths = places.flatMap(([directory, extension]) =>
    filesIn(directory, extension).map((file) => `${directory}/${file}`),
  );
  // The tests at the end of a Rust file are not counted: they stand where Rust wants them.
  const lengthOf = (path: string): number =>
    (read(path).split('\n#[cfg(test)]\n')[0] ?? '').trimEnd().split('\n').length;
  const lengths = paths.map((path) => ({ path, lines: lengthOf(path) }));
  expect(lengths.filter(({ lines }) => lines > 300)).toEqual([]);
});
