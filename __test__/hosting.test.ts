/** docs/hosting.md and the set-ups in examples/hosting/: the page shows each as it is, and each is run here as it is. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closedPort } from './fixtures/closed-port.mjs';
import { runNode } from './fixtures/node-process.mjs';
import { type Authority, createAuthority } from './fixtures/pki.mjs';
import { type Database, PASSPHRASE, startDatabase, USER } from './hosting/database.ts';
import { available, startTinyproxy, type Tinyproxy } from './hosting/tinyproxy.mjs';
import { startWebServer, type WebServer } from './hosting/web.ts';

const PAGE = 'docs/hosting.md';
const SETUPS = 'examples/hosting';
const timeout = 60_000;

const read = (path: string): string => readFileSync(path, 'utf8');
const setUps = readdirSync(SETUPS).toSorted();

describe('the page', () => {
  const blocks = [...read(PAGE).matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);

  test('shows the set-ups and nothing else', () => {
    expect(blocks.toSorted()).toEqual(setUps.map((name) => read(`${SETUPS}/${name}`)).toSorted());
  });

  test('each set-up is short, and run here', () => {
    const tests = read('__test__/hosting.test.ts');
    expect(setUps.length).toBeGreaterThanOrEqual(7);
    for (const name of setUps) {
      expect(read(`${SETUPS}/${name}`).trimEnd().split('\n').length, name).toBeLessThanOrEqual(25);
      expect(tests, name).toMatch(new RegExp(`'${name.replace('.mjs', '')}'`));
    }
  });

  test('has every member of a configuration', () => {
    const contract = read('index.d.ts');
    const members = ['BindingConfig', 'TlsConfig', 'KeepAliveConfig', 'ProxyConfig', 'BindingStats'].flatMap(
      (name) => {
        const body = contract.match(
          new RegExp(`^export interface ${name} .*\\{$([\\s\\S]*?)^\\}$`, 'm'),
        )?.[1];
        return [...(body ?? '').matchAll(/^ {2}(\w+)\??:/gm)].map(([, member]) => member);
      },
    );
    expect(members.length).toBeGreaterThan(30);
    const named = new Set([...read(PAGE).matchAll(/`(\w+)`/g)].map(([, name]) => name));
    expect(members.filter((member) => !named.has(member))).toEqual([]);
  });
});

const fileOf = (name: string): string => `./${name.includes('/') ? 'examples' : SETUPS}/${name}.mjs`;

/** Runs an application under a host's file, or a file alone; it has to end well. Gives the lines that it printed. */
async function run(names: readonly [string, string?], env: Record<string, string>, args: string[] = []) {
  const [host = '', application] = names.map((name) => (name && fileOf(name)) ?? '');
  return runArguments([...(application ? ['--import', host, application] : [host]), ...args], env);
}

async function runArguments(args: string[], env: Record<string, string>) {
  const ending = await runNode(args, { env });
  expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
  return ending.stdout.trimEnd().split('\n');
}

/** Runs it; it has to fail. Gives what it said. */
async function runFailing(names: readonly [string, string], env: Record<string, string>) {
  const [host = '', application = ''] = names.map(fileOf);
  const { code, stderr } = await runNode(['--import', host, application], { env });
  expect(code).toBe(1);
  return stderr;
}

let authority: Authority;
let stranger: Authority;
let directory: string;
/** Of `authority` and `stranger`, for `localhost` and 127.0.0.1. */
let [inside, outside]: WebServer[] = [];
const path = (name: string): string => join(directory, name);

beforeAll(async () => {
  [authority, stranger] = await Promise.all([createAuthority(), createAuthority({ commonName: 'other' })]);
  directory = await mkdtemp(join(tmpdir(), 'wintersock-hosting-'));
  await writeFile(path('ca.pem'), authority.certPem);
  await writeFile(path('other.pem'), stranger.certPem);
  inside = await startWebServer(authority);
  outside = await startWebServer(stranger);
}, timeout);
afterAll(async () => {
  inside?.close();
  outside?.close();
  if (directory) await rm(directory, { recursive: true });
});

test('a private authority', { timeout }, async () => {
  const addresses = [`localhost:${inside?.port}`, `localhost:${outside?.port}`];
  // Who is trusted by default is not trusted any more.
  const env = { COMPANY_CA: path('ca.pem'), NODE_EXTRA_CA_CERTS: path('other.pem') };
  const lines = await run(['private-ca', 'request'], env, addresses);
  expect(lines[0]).toBe(`${addresses[0]}: HTTP/1.1 200 OK`);
  expect(lines[1]).toMatch(/: UNABLE_TO_VERIFY_LEAF_SIGNATURE: SocketError: .*unknown CA/);
  expect(lines).toHaveLength(2);
});

test('a file that is not there stops the process before the application', { timeout }, async () => {
  const stderr = await runFailing(['private-ca', 'request'], { COMPANY_CA: path('missing.pem') });
  expect(stderr).toMatch(/ERR_INVALID_CA/);
  expect(stderr).toContain(path('missing.pem'));
});

test('what is loaded with --import decides in worker threads, too', { timeout }, async () => {
  const source = `
    import { once } from 'node:events';
    import { Worker } from 'node:worker_threads';
    const application = \`import('wintersock')
      .then(({ connect }) => connect(process.env.ADDRESS, { secureTransport: 'on' }).opened)
      .then(() => console.log('opened'), ({ code }) => console.log(code))
      .finally(() => process.exit());\`;
    await once(new Worker(application, { eval: true }), 'exit');
    await once(new Worker(application, { eval: true, execArgv: [] }), 'exit');
  `;
  const args = ['--import', fileOf('private-ca'), '--input-type=module', '--eval', source];
  const env = { COMPANY_CA: path('ca.pem'), ADDRESS: `localhost:${inside?.port}` };
  expect(await runArguments(args, env)).toEqual(['opened', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE']);
});

test('no private networks', { timeout }, async () => {
  const port = inside?.port;
  const refused = [
    `localhost:${outside?.port}`,
    `[::1]:${port}`,
    '169.254.169.254:80',
    '10.0.0.1:443',
    `0x7f000001:${outside?.port}`,
    '8.8.8.8:25',
  ];
  const env = { INTERNAL_API: `127.0.0.1:${port}`, NODE_EXTRA_CA_CERTS: path('ca.pem') };
  const lines = await run(['no-private-networks', 'request'], env, [`127.0.0.1:${port}`, ...refused]);
  expect(lines[0]).toBe(`127.0.0.1:${port}: HTTP/1.1 200 OK`);
  expect(lines).toHaveLength(1 + refused.length);
  for (const line of lines.slice(1))
    expect(line).toMatch(/^\S+: ERR_ACCESS_DENIED: SocketError: .*`allow` and `deny`/);
  expect(outside?.requests()).toEqual([]);
});

test('a binding for each tenant', { timeout }, async () => {
  const addresses = [`localhost:${inside?.port}`, `127.0.0.1:${outside?.port}`];
  const lines = await run(['tenants'], {}, addresses);
  expect(lines).toEqual([
    `a ${addresses[0]} 1`,
    `a ${addresses[1]} ERR_ACCESS_DENIED { ERR_ACCESS_DENIED: 1 }`,
    `b ${addresses[0]} ERR_ACCESS_DENIED { ERR_ACCESS_DENIED: 1 }`,
    `b ${addresses[1]} 1`,
  ]);
});

describe.skipIf(available.skip)(available.skip || 'behind a corporate proxy', () => {
  let proxy: Tinyproxy;
  beforeAll(async () => {
    proxy = await startTinyproxy();
  }, timeout);
  afterAll(() => proxy?.stop());

  const request = (url: string, addresses: string[]) =>
    run(['corporate-proxy', 'request'], { CORPORATE_PROXY: url, COMPANY_CA: path('ca.pem') }, addresses);

  test('it carries the connection, by name', { timeout }, async () => {
    const address = `localhost:${inside?.port}`;
    expect(await request(proxy.url, [address])).toEqual([`${address}: HTTP/1.1 200 OK`]);
    expect(proxy.log()).toContain(`CONNECT ${address}`);
  });

  test('it is not asked about what is excepted', { timeout }, async () => {
    // Nothing is there: what counts is that the proxy has not heard of it.
    const [line] = await request(proxy.url, ['nowhere.corp.example:443']);
    expect(line).toMatch(/: (?:ENOTFOUND|EAI_AGAIN): /);
    expect(proxy.log()).not.toContain('corp.example');
  });

  test('a wrong password is said to be one, and not shown', { timeout }, async () => {
    const url = new URL(proxy.url);
    url.password = 'guessed';
    const [line] = await request(url.href, [`localhost:${inside?.port}`]);
    expect(line).toMatch(/: ERR_PROXY_AUTH: /);
    expect(line).not.toContain('guessed');
  });

  test('a proxy that is not there is named', { timeout }, async () => {
    const port = await closedPort();
    const [line] = await request(`http://127.0.0.1:${port}`, [`localhost:${inside?.port}`]);
    expect(line).toMatch(/: ECONNREFUSED: /);
    expect(line).toContain(`127.0.0.1:${port}`);
  });
});

describe('PostgreSQL', () => {
  let database: Database;
  beforeAll(async () => {
    database = await startDatabase();
  }, timeout);
  afterAll(() => database?.stop());

  const mtls = () => ({
    DATABASE_URL: `postgres://${USER}@localhost:${database.port}/postgres?sslmode=verify-full`,
    DB_CA: database.path('ca.pem'),
    DB_CERT: database.path('app.pem'),
    DB_KEY: database.path('app.key'),
    DB_PASSPHRASE: PASSPHRASE,
  });

  test('with client certificates', { timeout }, async () => {
    const lines = await run(['mtls-postgres', 'query'], mtls());
    const row = lines.join(' ').replaceAll(/\s+/g, ' ');
    expect(row).toMatch(
      /^\{ user: 'app', tls: 'TLSv1.3', certificate: '\/CN=app', address: '(?:::1|127\.0\.0\.1)' \}$/,
    );
  });

  test('with client certificates, a driver that takes a socket', { timeout }, async () => {
    const lines = await run(['mtls-postgres', 'drivers/pg'], mtls());
    expect(lines).toEqual(["{ answer: 42, user: 'app', tls: 'TLSv1.3' }"]);
  });

  test('a wrong passphrase stops the process before the application', { timeout }, async () => {
    const stderr = await runFailing(['mtls-postgres', 'query'], { ...mtls(), DB_PASSPHRASE: 'wrong' });
    expect(stderr).toMatch(/ERR_INVALID_KEY/);
    expect(stderr).toMatch(/passphrase/);
  });

  test('a server of another authority is refused', { timeout }, async () => {
    const stderr = await runFailing(['mtls-postgres', 'query'], { ...mtls(), DB_CA: path('ca.pem') });
    expect(stderr).toMatch(/UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  });

  test.skipIf(process.platform === 'win32')('on its Unix domain socket', { timeout }, async () => {
    const env = {
      DATABASE_URL: `postgres://${USER}@database.internal/postgres`,
      DATABASE_SOCKET: database.socket,
    };
    const lines = await run(['unix-sockets', 'query'], env);
    expect(lines).toEqual(["{ user: 'app', tls: null, certificate: null, address: null }"]);
  });
});
