/** Packages whose node:net and node:tls are replaced: what the host has decided holds there, too, and nothing changes where it has decided nothing. */
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { App } from './fixtures/alias-app.mjs';
import { authority, credentials } from './shim/modules.ts';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let app: App;
let ca: string;
/** How many have come to them. */
let came = 0;
const servers: Server[] = [];
let ports: string[] = [];

async function serve(server: Server): Promise<string> {
  servers.push(server.on('connection', (tcp) => void tcp.on('error', () => {})));
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return String((server.address() as AddressInfo).port);
}

beforeAll(async () => {
  app = await App.create();
  const source = await readFile(new URL('hosting/safety-shim.mjs', import.meta.url), 'utf8');
  await app.write({ 'safety-shim.mjs': source });
  await app.write(
    {
      'package.json': {
        name: 'driver',
        version: '1.0.0',
        exports: { import: './index.mjs', require: './index.cjs' },
      },
      'index.mjs': `export { default as net } from 'node:net'; export { default as tls } from 'node:tls';`,
      'index.cjs': `exports.net = require('net'); exports.tls = require('node:tls');`,
    },
    'node_modules/driver',
  );
  const file = join(app.root, 'ca.pem');
  await writeFile(file, authority.certPem);
  ca = pathToFileURL(file).href;
  const { chainPem: cert, keyPem: key } = credentials;
  const count = () => {
    came += 1;
  };
  ports = [
    await serve(createServer((socket) => void socket.on('error', () => {}).resume()).on('connection', count)),
    await serve(
      createTlsServer({ cert, key }, (socket) => void socket.on('error', () => {}).resume()).on(
        'connection',
        count,
      ),
    ),
  ];
});
afterAll(async () => {
  for (const server of servers) server.close();
  await app?.remove();
});

type Outcome = 'connected' | [code: string, message: string];

/** What became of each case, for a package of either kind. */
async function outcomes(config: object | undefined, cases: string[]): Promise<Record<string, Outcome[]>> {
  const env: Record<string, string> = {
    NODE_EXTRA_CA_CERTS: join(app.root, 'ca.pem'),
  };
  if (config) env['HOST_CONFIG'] = JSON.stringify(config);
  const { code, stdout, stderr } = await app.execute(
    ['--no-warnings', 'safety-shim.mjs', ...ports, ...cases],
    { env },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

/** A case, and what the error has to name. */
const network: Record<string, string> = {
  localAddress: '`localAddress`',
  localPort: '`localPort`',
  blockList: '`blockList`',
  onread: '`onread`',
  'new Socket': '`onread`',
  'new Stream': '`onread`',
  'Socket()': '`onread`',
};
/** Those that connect and encrypt. */
const both: Record<string, string> = {
  TLSSocket: '`new TLSSocket()`',
  ciphers: '`ciphers`',
  sigalgs: '`sigalgs`',
  secureContext: '`secureContext`',
  'tls localAddress': '`localAddress`',
};
/** Those that encrypt what is connected already. */
const encryption: Record<string, string> = {
  'TLSSocket over a stream': '`new TLSSocket()`',
  'a foreign stream': 'TLS over that stream',
  'ciphers over ours': '`ciphers`',
};
const all = { ...network, ...both, ...encryption };

function refused(cases: Record<string, string>): Record<string, unknown> {
  const says = (what: string) => [
    'ERR_INVALID_OPTION',
    `SocketError: invalid option: ${what} needs a socket of Node's own, for which what the host has decided (setDefaultBinding()) would not hold; leave it out, or let the host decide nothing`,
  ];
  return Object.fromEntries(Object.entries(cases).map(([name, what]) => [name, [says(what), says(what)]]));
}
function connected(cases: Record<string, string>): Record<string, unknown> {
  return Object.fromEntries(Object.keys(cases).map((name) => [name, ['connected', 'connected']]));
}

describe('what only sockets of Node’s own can do', () => {
  test('is done where there is no default binding, or one that decides nothing', async () => {
    const everything = { ...all, plain: '', tls: '' };
    for (const config of [undefined, {}, { noDelay: false }]) {
      expect(await outcomes(config, Object.keys(everything))).toEqual(connected(everything));
    }
  });

  test('is refused where the host has rules', async () => {
    const before = came;
    const cases = { ...network, ...both };
    for (const config of [{ allow: [] }, { deny: ['local'] }]) {
      expect(await outcomes(config, Object.keys(cases))).toEqual(refused(cases));
    }
    // As are those that are sockets of ours, by the rules.
    const { plain, tls } = await outcomes({ allow: [] }, ['plain', 'tls']);
    for (const outcome of [...(plain ?? []), ...(tls ?? [])]) expect(outcome[0]).toBe('ERR_ACCESS_DENIED');
    expect(came).toBe(before);
  });

  test.each<object>([
    { proxy: 'http://127.0.0.1:9' },
    { maxConnections: 5 },
    { connectTimeout: 5000 },
    { idleTimeout: 5000 },
    { localAddress: '127.0.0.1' },
    { attemptDelay: 100 },
    { keepAlive: { idle: 1000 } },
  ])('is refused under %j', async (config) => {
    const before = came;
    const cases = { ...network, ...both };
    expect(await outcomes(config, Object.keys(cases))).toEqual(refused(cases));
    expect(came).toBe(before);
  });

  test('is refused with TLS, where the host decides whom to trust, and without it is not', async () => {
    const own = { ...both, ...encryption };
    for (const config of [{ ca }, { minVersion: 'TLSv1.3' }]) {
      const cases = { ...network, ...own };
      expect(await outcomes(config, Object.keys(cases))).toEqual({ ...connected(network), ...refused(own) });
    }
  });

  test('TLS over a socket that the peer has ended throws nothing, whatever the host has decided', async () => {
    const ended = { 'an ended socket': '' };
    for (const config of [undefined, { ca }, { allow: ['local'], connectTimeout: 5000, ca }]) {
      expect(await outcomes(config, Object.keys(ended))).toEqual(connected(ended));
    }
  });
});
