/** The examples of the README, run as they are against local servers. */
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { closedPort } from './fixtures/closed-port.mjs';
import { runNode } from './fixtures/node-process.mjs';
import { type Authority, createAuthority, type Credentials } from './fixtures/pki.mjs';
import { startPostgres } from './fixtures/postgres.mjs';
import { startSmtp } from './fixtures/smtp.mjs';

let authority: Authority;
let credentials: Credentials;
let directory: string;
/** The authority's certificate. */
let caFile: string;
const servers: Server[] = [];

beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['localhost'] });
  directory = await mkdtemp(join(tmpdir(), 'wintersock-examples-'));
  caFile = join(directory, 'ca.pem');
  await writeFile(caFile, authority.certPem);
});
afterAll(() => directory && rm(directory, { recursive: true }));
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.close();
    await once(server, 'close');
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Runs an example, which has to end well, and returns what it printed. */
async function run(args: string[], env: Record<string, string> = {}): Promise<string> {
  const ending = await runNode(args, { env });
  expect(ending).toMatchObject({ code: 0, signal: null, stderr: '' });
  return ending.stdout;
}

test('echo', async () => {
  const port = await listen(createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)));
  const output = await run(['examples/echo.mjs', `localhost:${port}`]);
  expect(output).toMatch(new RegExp(`^connected: 127\\.0\\.0\\.1:\\d+ -> localhost:${port}\nhello\n$`));
});

test('https', async () => {
  const requests: string[] = [];
  const { chainPem: cert, keyPem: key } = credentials;
  const server = createTlsServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (socket) => {
    socket.once('data', (request) => {
      requests.push(request.toString());
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok');
    });
  });
  const port = await listen(server);
  const output = await run(['examples/https.mjs', `localhost:${port}`], { NODE_EXTRA_CA_CERTS: caFile });
  expect(output).toBe(`verified localhost:${port}, ALPN: http/1.1\nHTTP/1.1 200 OK\n`);
  expect(requests).toEqual(['GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n']);
});

test('smtp', async () => {
  const server = await startSmtp({ credentials });
  try {
    const output = await run(['examples/smtp.mjs', `localhost:${server.port}`], {
      NODE_EXTRA_CA_CERTS: caFile,
    });
    const codes = [...output.matchAll(/^(\d{3}) /gm)].map(([, code]) => code);
    expect(codes).toEqual(['220', '250', '220', '250', '221']);
    const [before = '', after = ''] = output.split('\n220 ');
    expect(before).toContain('STARTTLS');
    expect(after).toContain('250-');
    expect(after).not.toContain('STARTTLS');
    expect(server.failures).toEqual([]);
  } finally {
    await server.stop();
  }
});

test('smtp, where the server has no TLS: nothing of a handshake is sent to it', async () => {
  const heard: string[] = [];
  const server = createServer((socket) => {
    socket.write('220 here\r\n');
    socket.on('data', (line) => {
      heard.push(String(line));
      socket.write(heard.length === 1 ? '250 hello\r\n' : '454 not now\r\n');
    });
    socket.on('error', () => {});
  });
  const { code, stdout, stderr } = await runNode(['examples/smtp.mjs', `127.0.0.1:${await listen(server)}`]);
  expect(code).toBe(1);
  expect(stdout).toBe('220 here\n250 hello\n454 not now\n');
  expect(stderr).toContain('Error: no TLS here');
  expect(heard).toEqual(['EHLO client.example\r\n', 'STARTTLS\r\n']);
});

test('pg', { timeout: 60_000 }, async () => {
  const server = await startPostgres({ credentials });
  try {
    const output = await run(['--import', 'wintersock/register', 'examples/pg.mjs'], {
      PGHOST: 'localhost',
      PGPORT: String(server.port),
      PGUSER: server.user,
      PGPASSWORD: server.password,
      PGDATABASE: server.database,
      PGSSLROOTCERT: caFile,
    });
    expect(output).toBe(`{ answer: 42, user: 'postgres' }\n{ ssl: true, version: 'TLSv1.3' }\n`);
  } finally {
    await server.stop();
  }
});

test('errors: a server that is not there', async () => {
  const port = await closedPort();
  const output = await run(['examples/errors.mjs', `localhost:${port}`]);
  expect(output).toMatch(/^ECONNREFUSED: SocketError: /);
  expect(output).toContain(`localhost:${port}`);
});

test('errors: a certificate that nobody vouches for', async () => {
  const { chainPem: cert, keyPem: key } = credentials;
  const server = createTlsServer({ cert, key });
  server.on('tlsClientError', () => {});
  const port = await listen(server);
  const output = await run(['examples/errors.mjs', `localhost:${port}`]);
  expect(output).toMatch(/^UNABLE_TO_VERIFY_LEAF_SIGNATURE: SocketError: /);
});

test('errors: a server that does not answer in time', async () => {
  const silent = createServer((socket) => socket.on('error', () => {}).resume());
  const port = await listen(silent);
  const output = await run(['examples/errors.mjs', `localhost:${port}`], { TIMEOUT: '200' });
  expect(output).toBe('too slow\n');
});

test('every example is short, and run here', async () => {
  // Those in directories, and the client of docs/maintainers.md, have tests of their own.
  const names = (await readdir('examples')).filter(
    (name) => /\.mjs$/.test(name) && name !== 'redis-client.mjs',
  );
  const tests = await readFile(new URL(import.meta.url), 'utf8');
  expect(names.length).toBeGreaterThanOrEqual(5);
  for (const name of names) {
    expect(tests).toContain(`examples/${name}`);
    const lines = (await readFile(join('examples', name), 'utf8')).trimEnd().split('\n');
    expect(lines.length, name).toBeLessThanOrEqual(20);
  }
});
