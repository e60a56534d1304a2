import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { homedir, hostname, tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { nodeExecutable, nodeMajors } from '../scripts/node-versions.mjs';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (...path: string[]): string => join(root, 'node_modules', ...path);

/** Has the package and the one for this platform, from their tarballs. */
let app: string;
/** Has the package alone, as after `npm install --omit=optional`. */
let bare: string;
let tarball: string;
let directory: string;
let server: Server;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'wintersock-package-'));
  const { stdout } = await run(process.execPath, [join(root, 'scripts', 'package.mjs'), '--out', directory]);
  const tarballs = stdout.trim().split(/\r?\n/);
  tarball = tarballs.at(-1) ?? '';
  app = await installInto('app', tarballs);
  bare = await installInto('bare', [tarball]);

  server = createServer((socket) => void socket.pipe(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
}, 120_000);

afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

/** An empty project with these packages. Offline: what is not among them is not there. */
async function installInto(name: string, tarballs: readonly string[]): Promise<string> {
  const project = join(directory, name);
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "private": true }');
  const args = ['install', '--offline', '--no-audit', '--no-fund', ...tarballs];
  await run('npm', args, { cwd: project, shell: process.platform === 'win32' });
  return project;
}

/** Runs a program in a project. It reports by `console.log(JSON.stringify(value))`. */
async function runIn(project: string, node: string, file: string, source: string, args: string[] = []) {
  await writeFile(join(project, file), source);
  const { port } = server.address() as AddressInfo;
  const env = { ...process.env, NODE_OPTIONS: '' };
  const { stdout } = await run(node, [...args, file, String(port)], { cwd: project, env });
  return JSON.parse(stdout) as unknown;
}

const echo = `
  async function echo({ connect }) {
    const socket = connect({ hostname: '127.0.0.1', port: Number(process.argv[2]) });
    await socket.writable.getWriter().write('there and back');
    const { value } = await socket.readable.getReader().read();
    await socket.close();
    return new TextDecoder().decode(value);
  }`;
const expected = {
  echoed: 'there and back',
  same: [true, true, true, true, true, true],
  names: ['Socket', 'SocketError', 'connect', 'createBinding', 'presets', 'setDefaultBinding'],
};

describe.each([nodeMajors[0], nodeMajors.at(-1)] as number[])(
  'installed from tarballs, on Node %i',
  (major) => {
    let node: string;

    beforeAll(async () => {
      node = await nodeExecutable(major);
    }, 300_000);

    test('it can be imported', async () => {
      const source = `
      import * as imported from 'wintersock';
      import { createRequire } from 'node:module';
      const required = createRequire(import.meta.url)('wintersock');
      ${echo}
      const names = Object.keys(imported).sort();
      const same = names.map((name) => imported[name] === required[name]);
      console.log(JSON.stringify({ echoed: await echo(imported), same, names }));`;
      expect(await runIn(app, node, 'import.mjs', source)).toEqual(expected);
    });

    test('it has a command', async () => {
      const entry = (project: string) => join(project, 'node_modules', 'wintersock', 'dist', 'command.mjs');
      const { port } = server.address() as AddressInfo;
      const { stdout } = await run(node, [entry(app), `127.0.0.1:${port}`, '--check', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, exitCode: 0 });
      // Without a binary it can still be asked what it does.
      expect((await run(node, [entry(bare), '--help'])).stdout).toMatch(/^Usage: wintersock /);
      await expect(run(node, [entry(bare), '127.0.0.1:1'])).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringContaining('(ERR_NO_BINARY)'),
      });
    });

    test('it can be required', async () => {
      const source = `
      const required = require('wintersock');
      ${echo}
      (async () => {
        const imported = await import('wintersock');
        const names = Object.keys(required).sort();
        const same = names.map((name) => imported[name] === required[name]);
        console.log(JSON.stringify({ echoed: await echo(required), same, names }));
      })();`;
      expect(await runIn(app, node, 'require.cjs', source)).toEqual(expected);
    });

    const register = ['--import', 'wintersock/register'];

    test('it can be registered', async () => {
      const source = `
      import { connect } from 'cloudflare:sockets';
      ${echo}
      console.log(JSON.stringify(await echo({ connect })));`;
      expect(await runIn(app, node, 'registered.mjs', source, register)).toBe('there and back');
    });

    // The registration stands for Workers here, where the same file runs on the runtime's own sockets.
    test('it can be imported as on Workers', async () => {
      const source = `
      import * as imported from 'wintersock';
      import { connect } from 'cloudflare:sockets';
      ${echo}
      const echoed = await echo(imported);
      const names = Object.keys(imported).sort();
      const { Socket, SocketError } = imported;
      const code = (call) => { try { call(); } catch (error) { return error.code; } };
      const refuses = (name) => code(imported[name]) === 'ERR_UNSUPPORTED';
      const same = [imported.connect === connect, connect('127.0.0.1:1').unref() instanceof Socket, new SocketError() instanceof TypeError,
        refuses('createBinding'), refuses('setDefaultBinding'), imported.presets.workerd.allow[0] === 'public'];
      console.log(JSON.stringify({ echoed, names, same }));`;
      const args = ['--conditions=workerd', ...register];
      expect(await runIn(app, node, 'workers.mjs', source, args)).toEqual(expected);
    });

    test('without a binary it says what is missing and what to do', async () => {
      const source = `
      import('wintersock').catch(({ name, code, message }) =>
        console.log(JSON.stringify({ code, message, version: process.version })));`;
      const answer = await runIn(bare, node, 'bare.mjs', source);
      const { code, message, version } = answer as Record<string, string>;
      expect(code).toBe('ERR_NO_BINARY');
      for (const part of [
        process.platform,
        process.arch,
        version,
        `wintersock-${process.platform}`,
        'Install',
      ]) {
        expect(message).toContain(part);
      }
      if (process.platform === 'linux') expect(message).toMatch(/glibc|musl/);
    });
  },
);

test('the package has what it needs and nothing else', async () => {
  const installed = join(app, 'node_modules', 'wintersock');
  const entries = await readdir(installed, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name).slice(installed.length + 1));
  expect(paths.map((path) => path.split(sep).join('/')).sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'cloudflare-sockets.d.ts',
    'dist/command.mjs',
    'dist/host.cjs',
    'dist/index.cjs',
    'dist/index.d.cts',
    'dist/index.mjs',
    'dist/net.cjs',
    'dist/net.mjs',
    'dist/node.cjs',
    'dist/node.d.cts',
    'dist/node.mjs',
    'dist/register-thread.mjs',
    'dist/register.mjs',
    'dist/registration.mjs',
    'dist/rolldown-runtime.cjs',
    'dist/socket.cjs',
    'dist/socket2.cjs',
    'dist/stand-in.cjs',
    'dist/tcp.cjs',
    'dist/tls.cjs',
    'dist/tls.mjs',
    'dist/workerd.mjs',
    'index.d.ts',
    'node.d.ts',
    'package.json',
    'register.d.ts',
  ]);
});

test('a platform package has its binary, its licences and nothing else', async () => {
  const [name = ''] = (await readdir(join(app, 'node_modules'))).filter((one) =>
    one.startsWith('wintersock-'),
  );
  const installed = join(app, 'node_modules', name);
  const binary = `wintersock.${name.slice('wintersock-'.length)}.node`;
  const files = await readdir(installed);
  expect(files.sort()).toEqual(
    ['LICENSE', 'README.md', 'THIRD-PARTY-LICENSES', 'package.json', binary].sort(),
  );
  // Of a megabyte it says that something was built in that should not be.
  expect((await stat(join(installed, binary))).size).toBeLessThan(12_000_000);
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  for (const member of ['scripts', 'dependencies', 'optionalDependencies', 'bin']) {
    expect(manifest).not.toHaveProperty(member);
  }
});

test('nothing in it tells where it was built', async () => {
  const names = (await readdir(join(app, 'node_modules'))).filter((one) => one.startsWith('wintersock'));
  const places = [homedir(), root.replace(/[\\/]$/, ''), join('.cargo', 'registry'), hostname()];
  // Of a machine that is called so, everything would tell.
  const telling = places.filter((place) => place.length > 4 && place !== 'localhost');
  expect(names).toHaveLength(2);
  for (const name of names) {
    const entries = await readdir(join(app, 'node_modules', name), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((one) => one.isFile())) {
      const content = await readFile(join(entry.parentPath, entry.name), 'latin1');
      expect({ file: entry.name, tells: telling.filter((place) => content.includes(place)) }).toEqual({
        file: entry.name,
        tells: [],
      });
      expect(content).not.toContain('sourceMappingURL');
    }
  }
});

test('it uses what Node has, and nothing else', async () => {
  const dist = join(app, 'node_modules', 'wintersock', 'dist');
  const files = (await readdir(dist)).filter((file) => /\.[cm]?js$/.test(file));
  const used = new Set<string>();
  for (const file of files) {
    const code = await readFile(join(dist, file), 'utf8');
    const imports = /(?:\bfrom|\bimport|\brequire\(|\bimport\() ?["']([^"'\n]+)["']/g;
    for (const [, name = ''] of code.matchAll(imports)) used.add(name);
  }
  const others = [...used].filter((name) => !name.startsWith('node:') && !name.startsWith('.'));
  expect(others.filter((name) => !/^(?:wintersock|cloudflare:sockets)/.test(name))).toEqual([]);
});

test('nothing runs when it is installed, and each platform has its package', async () => {
  const manifest = JSON.parse(
    await readFile(join(app, 'node_modules', 'wintersock', 'package.json'), 'utf8'),
  );
  expect(manifest).not.toHaveProperty('scripts');
  expect(manifest).not.toHaveProperty('dependencies');
  expect(manifest).not.toHaveProperty('private');
  const platforms = (await readdir(join(root, 'npm'))).map((platform) => [
    `wintersock-${platform}`,
    manifest.version,
  ]);
  expect(platforms).toHaveLength(8);
  expect(manifest.optionalDependencies).toEqual(Object.fromEntries(platforms));
});

test('publint has no objection', async () => {
  const { messages } = await publint({ pkgDir: join(app, 'node_modules', 'wintersock'), pack: false });
  expect(messages).toEqual([]);
});

describe('the types', () => {
  const attw = [bin('@arethetypeswrong', 'cli', 'dist', 'index.js'), '--no-definitely-typed', '--no-color'];

  test('are what is loaded, for every way of resolving it', async () => {
    await run(process.execPath, [...attw, tarball, '--entrypoints', '.']);
    // Neither is for require(): one is named to `node --import`, the other has no code.
    const others = [
      '--entrypoints',
      './register',
      './cloudflare-sockets',
      '--ignore-rules',
      'cjs-resolves-to-esm',
    ];
    await run(process.execPath, [...attw, tarball, ...others]);
  });

  test('stand alone, without skipLibCheck', async () => {
    await symlink(bin('@types'), join(app, 'node_modules', '@types'), 'junction');
    await writeFile(
      join(app, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          lib: ['es2023', 'esnext.disposable'],
          types: ['node', 'wintersock/cloudflare-sockets'],
          strict: true,
          noEmit: true,
        },
        files: ['imports.mts', 'requires.cts'],
      }),
    );
    const uses = `
      const socket: Socket = connect('localhost:1', { secureTransport: 'starttls' });
      export const secure: Socket = workers.connect('localhost:1').startTls({ ca: new Uint8Array(1) });
      // @ts-expect-error bytes are bytes: the types are there
      socket.startTls({ ca: 1 });`;
    const imports = `
      import { connect, type Socket } from 'wintersock';
      import 'wintersock/register';
      import * as workers from 'cloudflare:sockets';`;
    const requires = `
      import wintersock = require('wintersock');
      import workers = require('cloudflare:sockets');
      import Socket = wintersock.Socket;
      const { connect } = wintersock;`;
    await writeFile(join(app, 'imports.mts'), imports + uses);
    await writeFile(join(app, 'requires.cts'), requires + uses);
    const tsc = run(process.execPath, [bin('typescript', 'bin', 'tsc'), '-p', app]).catch((error) => error);
    expect((await tsc).stdout).toBe('');
  });
});
