/** Names whose addresses change, on other ways than straight to an address: races, Unix sockets, TLS, proxies. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createProxy } from 'node:http';
import { type AddressInfo, connect as connectTcp, createServer, isIP, type LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BindingConfig, createBinding, type SocketError } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { duplexLink, failureOf } from './behaviour/link.ts';
import { Pair } from './behaviour/pair.ts';
import { Peer } from './behaviour/wire.ts';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { createAuthority } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 30_000 });

const connectTimeout = 10_000;
const directory = mkdtempSync(join(tmpdir(), 'wintersock-rebinding-'));
let pair: Pair;
beforeAll(async () => {
  pair = await Pair.open();
});
afterAll(async () => {
  await pair?.close();
  rmSync(directory, { recursive: true });
});

test('the open one is silent: the secret one is not what is tried beside it', async () => {
  const hole = await BlackHole.open();
  let reached = 0;
  const secret = createServer(() => {
    reached += 1;
  }).listen(hole.port, pair.secret);
  try {
    await once(secret, 'listening');
    for (const resolve of [() => [pair.host, pair.secret], () => [pair.secret, pair.host]]) {
      const config = { connectTimeout: 1_000, attemptDelay: 10, deny: [pair.secret], resolve };
      const { code, message } = await failureOf(
        createBinding(config).connect(`db.example:${hole.port}`).opened,
      );
      expect(code).toBe('ETIMEDOUT');
      expect(message).toContain(`(tried ${pair.host}:${hole.port})`);
    }
    // Without rules it would have been.
    const free = createBinding({ attemptDelay: 10, resolve: () => [pair.host, pair.secret] });
    const socket = free.connect(`db.example:${hole.port}`);
    await socket.opened;
    await socket.close();
    await vi.waitFor(() => expect(reached).toBe(1), 10_000);
  } finally {
    secret.close();
    await hole.close();
  }
});

describe.skipIf(process.platform === 'win32')('an answer that is a Unix domain socket', () => {
  const path = join(directory, 'secret.sock');
  let reached = 0;
  const server = createServer((tcp) => {
    reached += 1;
    tcp.end();
  });
  beforeAll(async () => {
    await once(server.listen(path), 'listening');
  });
  afterAll(() => void server.close());

  const opened = (config: BindingConfig, ...answer: string[]) => {
    const binding = createBinding({ connectTimeout, resolve: () => answer, ...config });
    return binding.connect(`db.example:${pair.port}`).opened;
  };

  test.each([
    ['`allow` of addresses', { allow: ['public', 'private', 'local', 'network'] }],
    ['`allow` of the name with a port', { allow: ['db.example:1-65535'] }],
    ['`allow` of another path', { allow: [`unix:${directory}/open*`, '*:443'] }],
    ['`deny` of this machine', { deny: ['local'] }],
    ['`deny` of private addresses', { allow: ['db.example'], deny: ['private'] }],
    ['`deny` of all', { deny: ['unix'] }],
    ['`deny` of its path', { deny: [`unix:${directory}/*`] }],
  ])('is refused by %s', async (_, config) => {
    const before = reached;
    for (const spelling of [path, `${directory}/./secret.sock`, `${directory}//secret.sock`]) {
      const { code, message } = await failureOf(opened(config, `unix:${spelling}`));
      expect(code).toBe('ERR_ACCESS_DENIED');
      expect(message).toContain(`(unix:${spelling})`);
    }
    // Beside an address that is let through it is left out.
    const mixed = { allow: ['127.0.0.1'], ...('deny' in config && { deny: ['unix'] }) };
    await opened(mixed, `unix:${path}`, pair.host);
    expect(reached).toBe(before);
  });

  test('is let through where rules say so', async () => {
    const before = reached;
    for (const config of [
      { allow: ['unix'] },
      { allow: [`unix:${directory}/*.sock`] },
      { allow: ['db.example'] },
      {},
    ]) {
      await opened(config, `unix:${path}`);
    }
    await vi.waitFor(() => expect(reached).toBe(before + 4), 10_000);
  });
});

test('with startTls() nothing is looked up again: it is the connection that was checked', async () => {
  const authority = await createAuthority();
  const credentials = await authority.issue({ names: ['db.example'] });
  await using peer = await Peer.open();
  const { asked, resolve } = pair.resolver(['open'], ['secret']);
  const binding = createBinding({ connectTimeout, ca: authority.certPem, deny: [pair.secret], resolve });
  const socket = binding.connect(`db.example:${peer.port}`, { secureTransport: 'starttls' });
  const { localAddress } = await socket.opened;
  const wire = await peer.wire();
  const secured = wire.secure({ credentials });
  const info = await socket.startTls().opened;
  await secured;
  expect(info.localAddress).toBe(localAddress);
  expect(asked).toEqual(['db.example']);
  // The next connection is another one.
  const { code } = await failureOf(
    binding.connect(`db.example:${peer.port}`, { secureTransport: 'on' }).opened,
  );
  expect(code).toBe('ERR_ACCESS_DENIED');
  expect(asked).toHaveLength(2);
  await socket.close();
});

describe('a `lookup` of the caller', () => {
  const connected = (config: BindingConfig, ...answer: string[]) => {
    let asked = 0;
    const lookup: LookupFunction = (_host, { all }, found) => {
      asked += 1;
      const addresses = answer.map((address) => ({ address, family: isIP(address) }));
      const [first = { address: '', family: 0 }] = addresses;
      if (all) found(null, addresses);
      else found(null, first.address, first.family);
    };
    const binding = createBinding({ connectTimeout, ...config });
    const link = duplexLink(createConnection({ host: 'db.example', port: pair.port, lookup, binding }));
    return link.opened.then(
      async (local) => {
        await pair.accepts(local);
        await link.close();
        return { code: 'connected', asked };
      },
      ({ code }: SocketError) => ({ code, asked }),
    );
  };

  test('is under the rules for addresses', async () => {
    const once = { code: 'connected', asked: 1 };
    expect(await connected({ deny: [pair.secret] }, pair.host)).toEqual(once);
    expect(await connected({ allow: [pair.host] }, pair.secret, pair.host)).toEqual(once);
    expect(await connected({ deny: [pair.secret] }, pair.secret)).toEqual({
      code: 'ERR_ACCESS_DENIED',
      asked: 1,
    });
  });

  test('does not speak for the name', async () => {
    // Or whoever calls could connect to anything as db.example.
    const refused = { code: 'ERR_ACCESS_DENIED', asked: 1 };
    expect(await connected({ allow: ['db.example'] }, pair.host)).toEqual(refused);
    expect(await connected({ allow: ['*.example', 'public'] }, pair.host, pair.secret)).toEqual(refused);
    expect(await connected({ deny: ['db.example'] }, pair.host)).toEqual({ ...refused, asked: 0 });
  });
});

describe('through a proxy', () => {
  const wanted: string[] = [];
  const proxy = createProxy().on('connect', (request, client) => {
    wanted.push(request.url ?? '');
    const colon = request.url?.lastIndexOf(':') ?? 0;
    const port = Number(request.url?.slice(colon + 1));
    const upstream = connectTcp(port, pair.host, () => client.write('HTTP/1.1 200 OK\r\n\r\n'));
    for (const side of [client, upstream]) side.on('error', () => {});
    client.pipe(upstream).pipe(client);
    client.on('close', () => upstream.destroy());
  });
  beforeAll(async () => {
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
  });
  afterAll(() => {
    proxy.close();
    proxy.closeAllConnections();
  });

  const opened = async (config: BindingConfig) => {
    wanted.length = 0;
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const socket = createBinding({ connectTimeout, proxy: url, ...config }).connect(
      `db.example:${pair.port}`,
    );
    const outcome = await socket.opened.then(
      () => 'opened',
      ({ code }) => code,
    );
    await socket.close().catch(() => {});
    return { outcome, wanted: [...wanted] };
  };

  test('where rules are about addresses the name is looked up here, and the proxy is asked for what was checked', async () => {
    const { asked, resolve } = pair.resolver(['open'], ['secret'], ['secret', 'open']);
    const address = `127.0.0.1:${pair.port}`;
    const deny = [pair.secret];
    expect(await opened({ deny, resolve })).toEqual({ outcome: 'opened', wanted: [address] });
    expect(await opened({ deny, resolve })).toEqual({ outcome: 'ERR_ACCESS_DENIED', wanted: [] });
    expect(await opened({ deny, resolve })).toEqual({ outcome: 'opened', wanted: [address] });
    expect(asked).toHaveLength(3);
  });

  test('a name that `allow` has is the proxy’s to look up, unless `deny` has it or its port', async () => {
    const name = `db.example:${pair.port}`;
    for (const allow of [['db.example'], ['*.example', 'public'], ['*']]) {
      expect(await opened({ allow })).toEqual({ outcome: 'opened', wanted: [name] });
    }
    for (const deny of ['db.example', '*.EXAMPLE', `*:${pair.port}`]) {
      const allow = ['*', '*.example'];
      expect(() => createBinding({ allow, deny: [deny] }).connect(name)).toThrow(
        expect.objectContaining({ code: 'ERR_ACCESS_DENIED' }),
      );
    }
  });

  test('a number that is an address is none for the proxy to look up', async () => {
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    wanted.length = 0;
    for (const host of ['127.1', '2130706433', '0x7f.1', '0177.0.0.1']) {
      const socket = createBinding({ connectTimeout, proxy: url, allow: ['local'] }).connect(
        `${host}:${pair.port}`,
      );
      await socket.opened;
      await socket.close();
      const refused = createBinding({ proxy: url, deny: ['local'] });
      expect(() => refused.connect(`${host}:${pair.port}`)).toThrow(
        expect.objectContaining({ code: 'ERR_ACCESS_DENIED' }),
      );
    }
    expect(wanted).toEqual(Array(4).fill(`127.0.0.1:${pair.port}`));
  });
});
