import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const root = fileURLToPath(new URL('..', import.meta.url));
const register = ['--import', 'wintersock/register'];

/** An application that depends on this package, pg, postgres, and a package that has code for Workers. */
let app: string;
/** Sends an error of PostgreSQL to whoever connects. */
let server: Server;

beforeAll(async () => {
  app = await mkdtemp(join(tmpdir(), 'wintersock-register-'));
  const modules = join(app, 'node_modules');
  await mkdir(join(modules, '@scope'), { recursive: true });
  await symlink(root, join(modules, 'wintersock'), 'junction');
  for (const name of ['pg', 'pg-pool', 'pg-cloudflare', 'postgres']) {
    await symlink(join(root, 'node_modules', name), join(modules, name), 'junction');
  }
  await packageWithConditions('conditional', join(modules, 'conditional'));
  await packageWithConditions('@scope/conditional', join(modules, '@scope', 'conditional'));

  const fields = 'SFATAL\0VFATAL\0C3D000\0Mthis server has no databases\0\0';
  const length = Buffer.alloc(4);
  length.writeInt32BE(fields.length + 4);
  const refusal = Buffer.concat([Buffer.from('E'), length, Buffer.from(fields)]);
  server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(refusal));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
});

afterAll(async () => {
  server.close();
  await rm(app, { recursive: true, force: true });
});

async function packageWithConditions(name: string, directory: string): Promise<void> {
  const subpath = (file: string) => ({
    workerd: { import: `./${file}-workerd.mjs`, require: `./${file}-workerd.cjs` },
    default: { import: `./${file}-node.mjs`, require: `./${file}-node.cjs` },
  });
  await mkdir(directory);
  const manifest = { name, version: '1.0.0', exports: { '.': subpath('main'), './sub': subpath('sub') } };
  await writeFile(join(directory, 'package.json'), JSON.stringify(manifest));
  for (const file of ['main-workerd', 'main-node', 'sub-workerd', 'sub-node']) {
    await writeFile(join(directory, `${file}.mjs`), `export const from = '${file}';`);
    await writeFile(join(directory, `${file}.cjs`), `exports.from = '${file}';`);
  }
}

interface Run {
  /** Arguments for Node itself. */
  args?: readonly string[];
  /** WINTERSOCK_REGISTER. */
  packages?: string;
  type?: 'mjs' | 'cjs';
}

let programs = 0;

/** Runs a program in the application. It reports by `report(value)`, once. */
async function run(source: string, { args = register, packages, type = 'mjs' }: Run = {}): Promise<unknown> {
  const file = join(app, `program-${programs++}.${type}`);
  const { port } = server.address() as AddressInfo;
  const prelude = `const report = (value) => console.log(JSON.stringify(value)); const port = ${port};`;
  await writeFile(file, `${prelude}\n${source}`);
  const env = { ...process.env, NODE_OPTIONS: '', WINTERSOCK_REGISTER: packages };
  const { stdout } = await promisify(execFile)(process.execPath, [...args, file], { cwd: app, env });
  return JSON.parse(stdout);
}

describe('cloudflare:sockets', () => {
  test('is this package for import and import()', async () => {
    const source = `
      import * as sockets from 'cloudflare:sockets';
      import { connect } from 'wintersock';
      const late = await import('cloudflare:sockets');
      report([sockets.connect === connect, late.connect === connect, 'default' in sockets]);`;
    expect(await run(source)).toEqual([true, true, false]);
  });

  test('is this package for require()', async () => {
    const source = `
      const { connect } = require('cloudflare:sockets');
      import('cloudflare:sockets').then((late) =>
        report([connect === require('wintersock').connect, connect === late.connect]));`;
    expect(await run(source, { type: 'cjs' })).toEqual([true, true]);
  });

  test('opens connections', async () => {
    const source = `
      import { connect } from 'cloudflare:sockets';
      const socket = connect({ hostname: '127.0.0.1', port });
      await socket.writable.getWriter().write(new Uint8Array(8));
      const { value } = await socket.readable.getReader().read();
      report(String.fromCharCode(value[0]));
      await socket.close();`;
    expect(await run(source)).toBe('E');
  });

  test.each(['mjs', 'cjs'] as const)('is there in a worker thread: %s', async (type) => {
    const worker =
      type === 'mjs'
        ? `import { parentPort } from 'node:worker_threads'; import { connect } from 'cloudflare:sockets';`
        : `const { parentPort } = require('node:worker_threads'); const { connect } = require('cloudflare:sockets');`;
    const file = join(app, `worker.${type}`);
    await writeFile(file, `${worker} parentPort.postMessage(typeof connect);`);
    const source = `
      import { Worker } from 'node:worker_threads';
      new Worker(${JSON.stringify(file)}).once('message', report);`;
    expect(await run(source)).toBe('function');
  });

  test('is not there without the registration', async () => {
    const source = `report(await import('cloudflare:sockets').then(() => 'there', () => 'not there'));`;
    expect(await run(source, { args: [] })).toBe('not there');
  });
});

describe('pg', () => {
  const query = `
    const client = new Client({ host: '127.0.0.1', port, user: 'someone', database: 'none', password: '' });
    client.connect().catch((error) => report([client.connection.stream.constructor.name, error.message]));`;
  const onWorkers = ['CloudflareSocket', 'this server has no databases'];

  test('uses connect() when imported', async () => {
    expect(await run(`import { Client } from 'pg'; ${query}`)).toEqual(onWorkers);
  });

  test('uses connect() when required', async () => {
    expect(await run(`const { Client } = require('pg'); ${query}`, { type: 'cjs' })).toEqual(onWorkers);
  });

  test('uses connect() when imported late', async () => {
    expect(await run(`const { Client } = (await import('pg')).default; ${query}`)).toEqual(onWorkers);
  });

  test('uses connect() in a pool', async () => {
    const source = `
      import { Pool } from 'pg';
      const pool = new Pool({ host: '127.0.0.1', port, user: 'someone', database: 'none', password: '' });
      pool.query('SELECT 1').catch((error) => report(error.message)).finally(() => pool.end());`;
    expect(await run(source)).toBe('this server has no databases');
  });

  test('keeps its own sockets if it is not named', async () => {
    const [socket] = (await run(`import { Client } from 'pg'; ${query}`, { packages: '' })) as string[];
    expect(socket).toBe('Socket');
  });

  test('is the only one who sees the navigator of Workers', async () => {
    const source = `
      import 'pg';
      const { value, get } = Object.getOwnPropertyDescriptor(globalThis, 'navigator') ?? {};
      report([typeof value, typeof get, globalThis.navigator?.userAgent ?? 'none']);`;
    const unchanged = await run(source, { args: [] });
    expect(await run(source)).toEqual(unchanged);
    expect(unchanged).not.toContain('Cloudflare-Workers');
  });
});

describe('the export condition workerd', () => {
  const imported = `
    import { from as main } from 'conditional';
    import { from as sub } from 'conditional/sub';
    import { from as scoped } from '@scope/conditional/sub';
    report([main, sub, scoped]);`;
  const required = `
    const names = ['conditional', 'conditional/sub', '@scope/conditional/sub'];
    report(names.map((name) => require(name).from));`;

  test.each([
    { type: 'mjs', source: imported },
    { type: 'cjs', source: required },
  ] as const)('is for the packages named only: $type', async ({ type, source }) => {
    const node = ['main-node', 'sub-node', 'sub-node'];
    expect(await run(source, { type })).toEqual(node);
    expect(await run(source, { type, packages: 'pg,other' })).toEqual(node);
    const both = await run(source, { type, packages: 'conditional, @scope/conditional' });
    expect(both).toEqual(['main-workerd', 'sub-workerd', 'sub-workerd']);
    const scoped = await run(source, { type, packages: '@scope/conditional' });
    expect(scoped).toEqual(['main-node', 'sub-node', 'sub-workerd']);
  });

  // Its build for Workers knows no environment variables: there the user is always postgres.
  const postgres = `
    process.env.PGUSERNAME = 'someone';
    const { default: postgres } = await import('postgres');
    const sql = postgres({ host: '127.0.0.1', port, database: 'none', max: 1, connect_timeout: 5 });
    const message = await sql\`SELECT 1\`.catch((error) => error.message);
    report([sql.options.user, message]);
    await sql.end();`;

  test('gives the build of postgres that uses connect()', async () => {
    const answer = await run(postgres, { packages: 'pg,postgres' });
    expect(answer).toEqual(['postgres', 'this server has no databases']);
  });

  test('is not for postgres unless it is named', async () => {
    expect(await run(postgres)).toEqual(['someone', 'this server has no databases']);
  });
});
