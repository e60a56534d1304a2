/** What is said when a proxy does not carry a connection: whose fault it is, and what to do. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type BindingConfig, createBinding, type ProxyConfig } from 'wintersock';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { failureOf } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { closedPort } from './fixtures/closed-port.mjs';
import { createAuthority } from './fixtures/pki.mjs';
import { account, behindTls } from './proxy/ways.ts';
import * as dante from './servers/dante.mjs';
import { startConnect, startTlsEnd } from './servers/https-proxy.mjs';
import * as microsocks from './servers/microsocks.mjs';
import * as tinyproxy from './servers/tinyproxy.mjs';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const schemes = ['http', 'https', 'socks5', 'socks5h'];
const strays = strayRejections();
let peer: Peer;
let before: number;

beforeAll(() => {
  before = openSockets();
});
beforeEach(async () => {
  peer = await Peer.open();
});
afterEach(async () => {
  await peer.close();
  await openSocketsReturnTo(before);
});
afterAll(() => expect(strays).toEqual([]));

async function refusal(
  proxy: string | ProxyConfig,
  address = peer.address,
  config: BindingConfig = {},
): Promise<{ code: string; message: string }> {
  const socket = createBinding({ ...config, proxy }).connect(address);
  const failure = await failureOf(socket.opened);
  expect(await failureOf(socket.closed)).toEqual(failure);
  expect(peer.wires).toHaveLength(0);
  expect(failure.message).not.toContain(account.password);
  return failure;
}

/** What connects, or why it does not. */
async function outcome(proxy: ProxyConfig, config: BindingConfig = {}): Promise<string> {
  const socket = createBinding({ ...config, proxy }).connect(peer.address);
  const how = await socket.opened.then(
    () => 'opened',
    ({ code }) => code,
  );
  await socket.close().catch(() => {});
  return how;
}

const says = (code: string, target: string, proxy: string, words: string) => ({
  code,
  message: expect.stringContaining(`SocketError: connect ${code} ${target}: the proxy ${proxy} ${words}`),
});

describe.skipIf(tinyproxy.available.skip)(tinyproxy.available.skip || 'tinyproxy', () => {
  test('that wants to know who asks', async () => {
    await using server = await tinyproxy.startTinyproxy({ account });
    const [place, target] = [`127.0.0.1:${server.port}`, peer.address];
    const text = `http://${place}`;
    const unknown = 'wants to know who asks (407 Proxy Authentication Required); write user:password@';
    expect(await refusal(text)).toEqual(says('ERR_PROXY_AUTH', target, text, unknown));
    const wrong = 'does not accept the user and password (40';
    for (const identity of [`${account.user}:wrong`, `nobody:${account.password}`, account.user]) {
      const failure = await refusal(`http://${identity}@${place}`);
      expect(failure).toEqual(says('ERR_PROXY_AUTH', target, text, wrong));
    }
  });

  test('that wants to know who asks within TLS', async () => {
    const proxy = await behindTls('https://', await tinyproxy.startTinyproxy({ account }));
    try {
      const unknown = 'wants to know who asks (407 Proxy Authentication Required); write user:password@';
      const failure = await refusal(proxy.config);
      expect(failure).toEqual(says('ERR_PROXY_AUTH', peer.address, proxy.text, unknown));
    } finally {
      await proxy.stop();
    }
  });

  test('whose rules close the port, or the host', async () => {
    const allowed = await closedPort();
    await using server = await tinyproxy.startTinyproxy({ connectPorts: [allowed], blocked: 'db.example' });
    const text = `http://127.0.0.1:${server.port}`;
    const port = await refusal(text);
    expect(port).toEqual(
      says('ERR_PROXY_REFUSED', peer.address, text, 'answered 403 Access violation; check'),
    );
    const host = await refusal(text, `db.example:${allowed}`);
    expect(host).toEqual(
      says('ERR_PROXY_REFUSED', `db.example:${allowed}`, text, 'answered 403 Filtered; check that its rules'),
    );
  });

  test('looks names up, and says that it cannot', async () => {
    await using server = await tinyproxy.startTinyproxy();
    const text = `http://127.0.0.1:${server.port}`;
    const failure = await refusal(text, 'nowhere.invalid:443');
    const words = 'answered 500 Unable to connect: it could not connect; check the name';
    expect(failure).toEqual(says('ERR_PROXY_REFUSED', 'nowhere.invalid:443', text, words));
    expect(server.requests()).toEqual(['nowhere.invalid:443']);
  });
});

describe.skipIf(dante.available.skip)(dante.available.skip || 'Dante', () => {
  test('whose rules close the port, by name and by address', async () => {
    await using server = await dante.startDante({ blocked: peer.port });
    const target = `localhost:${peer.port}`;
    const words = 'does not let connections go there (not allowed by its ruleset); check its rules';
    for (const [scheme, asked] of [
      ['socks5h', `localhost.${peer.port}`],
      ['socks5', `127.0.0.1.${peer.port}`],
    ]) {
      const text = `${scheme}://127.0.0.1:${server.port}`;
      expect(await refusal(text, target)).toEqual(says('ERR_PROXY_REFUSED', target, text, words));
      await vi.waitFor(() => expect(server.log()).toContain(` ${asked}`));
    }
  });

  test('looks names up for socks5h:// only', async () => {
    await using server = await dante.startDante();
    const target = 'nowhere.invalid:443';
    const text = `socks5h://127.0.0.1:${server.port}`;
    const there = await refusal(text, target);
    expect(there).toEqual(
      says('ERR_PROXY_REFUSED', target, text, 'cannot reach this host; check the name or address'),
    );
    const here = await refusal(`socks5://127.0.0.1:${server.port}`, target);
    expect(here.code).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/);
  });
});

describe.skipIf(microsocks.available.skip)(microsocks.available.skip || 'microsocks', () => {
  test('that wants to know who asks', async () => {
    await using server = await microsocks.startMicrosocks({ account });
    const place = `127.0.0.1:${server.port}`;
    const text = `socks5h://${place}`;
    const unknown = 'wants to know who asks; write user:password@ before the host in its URL';
    expect(await refusal(text)).toEqual(says('ERR_PROXY_AUTH', peer.address, text, unknown));
    const wrong = 'does not accept the user and password; correct user:password@ in its URL';
    for (const identity of [`${account.user}:wrong`, `nobody:${account.password}`]) {
      const failure = await refusal(`socks5h://${identity}@${place}`);
      expect(failure).toEqual(says('ERR_PROXY_AUTH', peer.address, text, wrong));
    }
  });
});

describe('a proxy that is none', () => {
  test.each(schemes)('%s:// where nothing listens', async (scheme) => {
    const text = `${scheme}://127.0.0.1:${await closedPort()}`;
    const { code, message } = await refusal(text);
    expect(code).toBe('ECONNREFUSED');
    expect(message).toContain(
      `connect ECONNREFUSED ${text} (the proxy for ${peer.address}): nothing accepts connections there`,
    );
  });

  test('speaks another protocol than its URL says', async () => {
    await using plain = await startConnect();
    const credentials = await (await createAuthority()).issue({ names: ['127.0.0.1'] });
    await using secure = await startTlsEnd({ credentials, port: plain.port });
    const told = async (scheme: string, port: number) => {
      const { code, message } = await refusal(`${scheme}://127.0.0.1:${port}`);
      return `${code} ${message.slice(message.indexOf('proxy'))}`;
    };
    const [http, https] = [`127.0.0.1:${plain.port}`, `127.0.0.1:${secure.port}`];
    expect(await told('https', plain.port)).toContain(`ERR_TLS_PROTOCOL proxy https://${http} failed: `);
    expect(await told('http', secure.port)).toMatch(
      new RegExp(`^ERR_PROXY_PROTOCOL proxy http://${https} (speaks TLS; write|closed the connection)`),
    );
    expect(await told('socks5h', plain.port)).toBe(
      `ERR_PROXY_PROTOCOL proxy socks5h://${http} did not answer in SOCKS5; check that a SOCKS5 proxy listens on this port`,
    );
  });

  test.skipIf(microsocks.available.skip)(
    microsocks.available.skip || 'speaks SOCKS5, and is asked in HTTP',
    async () => {
      await using server = await microsocks.startMicrosocks();
      const { code, message } = await refusal(`http://127.0.0.1:${server.port}`);
      expect(code).toBe('ERR_PROXY_PROTOCOL');
      expect(message).toMatch(/did not answer in HTTP\/1; check|closed the connection before it answered/);
    },
  );
});

describe('a proxy that does not answer', () => {
  const connectTimeout = 300;
  const phase = (text: string, doing: string, place: string) =>
    `SocketError: connect ETIMEDOUT ${peer.address}: not established within ${connectTimeout} ms (\`connectTimeout\`); it was ${doing} the proxy ${text} (tried ${place}); check that this answers (host, route, firewall), or allow more time`;

  test.each(schemes)('%s:// is silent', async (scheme) => {
    await using silent = await Peer.open();
    silent.onWire = (wire) => void wire.drain();
    const text = `${scheme}://${silent.address}`;
    expect(await refusal(text, peer.address, { connectTimeout })).toEqual({
      code: 'ETIMEDOUT',
      message: phase(text, 'waiting for the answer of', silent.address),
    });
  });

  test.each(schemes)('%s:// does not even accept', async (scheme) => {
    const hole = await BlackHole.open();
    try {
      const place = `127.0.0.1:${hole.port}`;
      expect(await refusal(`${scheme}://${place}`, peer.address, { connectTimeout })).toEqual({
        code: 'ETIMEDOUT',
        message: phase(`${scheme}://${place}`, 'connecting to', place),
      });
    } finally {
      await hole.close();
    }
  });
});

describe('TLS to the proxy', () => {
  test("is refused if its certificate is, and says that it is the proxy's", async () => {
    const proxy = await behindTls('https://', await startConnect());
    const { url } = proxy.config;
    try {
      expect(await refusal(url)).toMatchObject({
        code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        message: expect.stringContaining(`the certificate of the proxy ${proxy.text} was refused: `),
      });
      const named = url.replace('127.0.0.1', 'localhost');
      const tls = proxy.config.tls ?? null;
      expect(await refusal({ url: named, tls })).toMatchObject({
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
        message: expect.stringContaining(`the proxy ${named} was refused: it is not valid for localhost`),
      });
    } finally {
      await proxy.stop();
    }
  });

  test('trusts whom the binding trusts, unless `proxy.tls` says otherwise', async () => {
    const proxy = await behindTls('https://', await startConnect());
    const { url, tls = null } = proxy.config;
    const ca = proxy.authority.certPem;
    try {
      expect(await outcome({ url }, { extraCa: ca })).toBe('opened');
      expect(await outcome({ url, tls: { extraCa: ca } })).toBe('opened');
      const other = (await createAuthority()).certPem;
      expect(await outcome({ url, tls }, { ca: other })).toBe('opened');
      expect(await outcome({ url, tls: { ca: other } }, { ca })).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    } finally {
      await proxy.stop();
    }
  });

  test('shows the certificate of `proxy.tls`, and never the one of the binding', async () => {
    const authority = await createAuthority();
    const ca = authority.certPem;
    const credentials = await authority.issue({ names: ['127.0.0.1'] });
    const { certPem: cert, keyPem: key } = await authority.issue({ names: ['client'], client: true });
    await using plain = await startConnect();
    const strict = { requestCert: true, rejectUnauthorized: true, ca };
    await using end = await startTlsEnd({ credentials, port: plain.port, ...strict });
    const url = `https://127.0.0.1:${end.port}`;
    expect(await outcome({ url, tls: { ca, cert, key } })).toBe('opened');
    expect(await outcome({ url }, { ca, cert, key })).toMatch(/^ERR_(TLS_ALERT|PROXY_PROTOCOL)$/);
  });
});
