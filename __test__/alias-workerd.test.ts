/** The package on Workers: inside npm's workerd, by what the export condition `workerd` gives. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { relative } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runNode } from './fixtures/node-process.mjs';
import { createAuthority } from './fixtures/pki.mjs';
import { startWorkerd, type Worker } from './fixtures/workerd.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const servers: Server[] = [];
let worker: Worker;
/** The file that a bundler for Workers takes for `wintersock`. */
let entry: string;

beforeAll(async () => {
  const authority = await createAuthority();
  const { chainPem: cert, keyPem: key } = await authority.issue({ names: ['localhost'] });
  const echo = { allowHalfOpen: true };
  servers.push(createServer(echo, (socket) => socket.on('error', () => {}).pipe(socket)));
  servers.push(
    createTlsServer({ ...echo, cert, key }, (socket) => socket.on('error', () => {}).pipe(socket)),
  );
  for (const server of servers) await once(server.listen(0, '127.0.0.1'), 'listening');

  entry = await entryWith('--conditions=workerd');
  const modules = { 'worker.mjs': '__test__/fixtures/alias-worker.mjs', wintersock: entry };
  worker = await startWorkerd({ modules, authority: authority.certPem });
}, 60_000);
afterAll(async () => {
  await worker?.stop();
  for (const server of servers) server.close();
});

/** The file that `wintersock` is in this repository, by Node's own resolution. */
async function entryWith(...args: string[]): Promise<string> {
  const source = `console.log(import.meta.resolve('wintersock'))`;
  const { stdout } = await runNode([...args, '--input-type=module', '--eval', source]);
  return relative(root, fileURLToPath(stdout.trim()));
}

test('one import works there as on Node, over TCP and TLS', { timeout: 60_000 }, async () => {
  const [port, tlsPort] = servers.map((server) => (server.address() as AddressInfo).port);
  const response = await fetch(worker.url, { method: 'POST', body: JSON.stringify({ port, tlsPort }) });
  expect(await response.json()).toEqual({
    isOwn: true,
    echoed: 'there and back',
    encrypted: 'there and back',
    isSocket: true,
    isTypeError: true,
    isSocketError: false,
    made: 'SocketError: by hand',
  });
});

test('the export condition gives a file of its own', async () => {
  expect(entry).toMatch(/workerd\.mjs$/);
  expect(await entryWith()).not.toBe(entry);
});
