import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Who may import whom. A new file has to find its place here first. */
const typescript: Record<string, readonly string[]> = {
  'index.ts': ['connect.ts', 'socket.ts', 'error.ts'],
  'connect.ts': ['address.ts', 'options.ts', 'socket.ts', 'connection.ts', 'error.ts'],
  'socket.ts': ['connection.ts', 'error.ts'],
  'connection.ts': [
    'address.ts',
    'credentials.ts',
    'deferred.ts',
    'info.ts',
    'misuse.ts',
    'options.ts',
    'owner.ts',
    'readable.ts',
    'signal.ts',
    'state.ts',
    'writable.ts',
    'binding.ts',
    'error.ts',
  ],
  'readable.ts': ['binding.ts', 'memory.ts', 'owner.ts', 'reader.ts', 'reads.ts'],
  'writable.ts': ['binding.ts', 'chunk.ts', 'intake.ts', 'owner.ts', 'seal.ts', 'writer.ts'],
  'intake.ts': ['binding.ts', 'deferred.ts', 'pace.ts', 'writer.ts'],
  'pace.ts': ['binding.ts', 'deferred.ts'],
  'memory.ts': ['binding.ts'],
  'owner.ts': ['address.ts', 'binding.ts', 'error.ts'],
  'misuse.ts': ['error.ts'],
  // One thing in two files: what a connection is at, and what it does then.
  'state.ts': ['connection.ts'],
  'seal.ts': [],
  // They know streams, and nothing of sockets.
  'reader.ts': [],
  'reads.ts': ['deferred.ts'],
  'writer.ts': ['reader.ts'],
  'chunk.ts': ['error.ts'],
  'credentials.ts': ['binding.ts', 'options.ts', 'pem.ts', 'error.ts'],
  'pem.ts': ['options.ts', 'error.ts'],
  'info.ts': ['binding.ts'],
  'options.ts': ['address.ts', 'error.ts'],
  'address.ts': ['error.ts'],
  'binding.ts': ['io.ts', 'error.ts'],
  'io.ts': ['error.ts'],
  'deferred.ts': [],
  'signal.ts': [],
  'error.ts': [],
  'node.ts': [
    'duplex/arguments.ts',
    'duplex/life.ts',
    'duplex/postgres.ts',
    'duplex/security.ts',
    'duplex/socket.ts',
    'socket.ts',
  ],
  'duplex/postgres.ts': ['duplex/security.ts', 'duplex/socket.ts', 'error.ts'],
  'duplex/socket.ts': ['duplex/life.ts', 'duplex/parts.ts', 'duplex/security.ts', 'duplex/tcp.ts'],
  'duplex/tcp.ts': [
    'duplex/half-open.ts',
    'duplex/idleness.ts',
    'duplex/life.ts',
    'duplex/parts.ts',
    'error.ts',
  ],
  'duplex/life.ts': [
    'address.ts',
    'connect.ts',
    'duplex/arguments.ts',
    'duplex/half-open.ts',
    'duplex/line.ts',
    'duplex/lookup.ts',
    'duplex/parts.ts',
    'duplex/security.ts',
    'error.ts',
    'options.ts',
    'duplex/writes.ts',
  ],
  'duplex/parts.ts': [
    'binding.ts',
    'duplex/arguments.ts',
    'duplex/idleness.ts',
    'duplex/line.ts',
    'duplex/security.ts',
    'duplex/tuning.ts',
  ],
  'duplex/half-open.ts': ['duplex/parts.ts'],
  'duplex/tuning.ts': ['duplex/line.ts', 'error.ts'],
  // The same core as below connection.ts, without streams of the web.
  'duplex/line.ts': [
    'address.ts',
    'binding.ts',
    'credentials.ts',
    'duplex/attempts.ts',
    'duplex/failure.ts',
    'duplex/parts.ts',
    'duplex/writes.ts',
    'memory.ts',
    'error.ts',
  ],
  'duplex/failure.ts': ['error.ts'],
  'duplex/lookup.ts': ['duplex/arguments.ts', 'error.ts'],
  'duplex/security.ts': ['credentials.ts', 'options.ts', 'error.ts'],
  'duplex/idleness.ts': ['error.ts'],
  'duplex/arguments.ts': ['duplex/idleness.ts', 'options.ts', 'error.ts'],
  'duplex/attempts.ts': ['address.ts'],
  'duplex/writes.ts': [],
  'shim/net.ts': ['duplex/arguments.ts', 'shim/reach.ts', 'shim/socket.ts', 'shim/stand-in.ts'],
  'shim/tls.ts': [
    'duplex/arguments.ts',
    'duplex/life.ts',
    'duplex/parts.ts',
    'duplex/tcp.ts',
    'shim/context.ts',
    'shim/reach.ts',
    'shim/roots.ts',
    'shim/secure-socket.ts',
    'shim/stand-in.ts',
  ],
  'shim/socket.ts': ['duplex/arguments.ts', 'duplex/parts.ts', 'duplex/tcp.ts', 'error.ts', 'shim/reach.ts'],
  'shim/secure-socket.ts': ['duplex/socket.ts', 'error.ts', 'shim/socket.ts'],
  // They know Node's modules, and nothing of sockets.
  'shim/context.ts': [],
  'shim/reach.ts': [],
  'shim/roots.ts': [],
  'shim/stand-in.ts': [],
  // Entries of their own. They load neither the addon nor each other.
  'workerd.ts': ['error.ts'],
  'register.ts': ['register/commonjs.ts', 'register/hooks.ts', 'register/registration.ts'],
  'register/commonjs.ts': ['register/modules.ts', 'register/registration.ts', 'register/workers.ts'],
  'register/hooks.ts': ['register/modules.ts', 'register/registration.ts'],
  'register/thread.ts': ['register/modules.ts', 'register/registration.ts'],
  'register/modules.ts': ['register/packages.ts', 'register/registration.ts', 'register/workers.ts'],
  'register/registration.ts': ['register/replaced.ts', 'register/workers.ts'],
  'register/workers.ts': ['register/conditions.ts', 'register/packages.ts'],
  'register/replaced.ts': ['register/packages.ts'],
  'register/conditions.ts': [],
  'register/packages.ts': [],
};

/** The same for the modules of the native half. */
const rust: Record<string, readonly string[]> = {
  // Declares them all.
  lib: [],
  binding: ['connection', 'dial', 'notify', 'runtime', 'tls', 'trust', 'verify', 'error'],
  connection: [
    'ahead',
    'close',
    'dial',
    'notify',
    'runtime',
    'session',
    'staged',
    'tls',
    'transport',
    'error',
  ],
  ahead: ['notify', 'runtime', 'session', 'transport', 'error'],
  close: ['notify', 'runtime', 'session', 'staged', 'transport'],
  dial: ['happy_eyeballs', 'notify', 'runtime', 'session', 'tls', 'transport', 'error'],
  staged: ['notify', 'transport'],
  runtime: ['notify', 'transport', 'error'],
  // One thing in two files: TLS is a transport over a transport.
  transport: ['session', 'notify'],
  session: ['transport', 'notify'],
  tls: ['configs', 'pem', 'session', 'transport', 'trust', 'verify', 'error'],
  // Options are what a configuration is known by.
  configs: ['tls'],
  pem: ['error'],
  trust: ['error'],
  error: ['advice', 'code', 'verify'],
  advice: ['code'],
  code: [],
  notify: [],
  happy_eyeballs: [],
  verify: [],
};

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
    expect(found).toEqual(['workerd.ts uses cloudflare:sockets']);
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
    expect(files.flatMap((file) => trespasses(rust, moduleOf(file), modulesIn(code(file))))).toEqual([]);
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
