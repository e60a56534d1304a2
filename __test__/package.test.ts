import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { nodeExecutable, nodeMajors } from '../scripts/node-versions.mjs';
import { installInto, packInto } from './fixtures/packed.ts';

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
  const tarballs = await packInto(directory);
  tarball = tarballs.at(-1) ?? '';
  app = await installInto(directory, 'app', tarballs);
  bare = await installInto(directory, 'bare', [tarball]);

  server = createServer((socket) => void socket.pipe(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
}, 120_000);

afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

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
