/** A proxy as createBinding() takes it. */
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../lib/config.ts';
import { errorOf, mistakesIn } from './fixtures/mistakes.ts';

/** No message may have it. */
const SECRET = 'hunter2';
const long = (length: number, of = 'x') => of.repeat(length);

describe('taken', () => {
  test.each<[url: string, kind: string, host: string, port: number]>([
    ['http://proxy.example', 'http', 'proxy.example', 80],
    ['http://proxy.example:80', 'http', 'proxy.example', 80],
    ['http://proxy.example:3128/', 'http', 'proxy.example', 3128],
    ['HTTP://PROXY.example:3128', 'http', 'proxy.example', 3128],
    ['https://proxy.example', 'https', 'proxy.example', 443],
    ['https://proxy.example:8443', 'https', 'proxy.example', 8443],
    ['socks5://proxy.example', 'socks5', 'proxy.example', 1080],
    ['socks5h://proxy.example/', 'socks5h', 'proxy.example', 1080],
    ['socks5h://127.0.0.1:9050', 'socks5h', '127.0.0.1', 9050],
    ['http://[::1]:3128', 'http', '::1', 3128],
    ['socks5://[2001:db8::1]', 'socks5', '2001:db8::1', 1080],
    ['http://bücher.example:3128', 'http', 'xn--bcher-kva.example', 3128],
    ['  http://proxy.example:65535\n', 'http', 'proxy.example', 65_535],
  ])('%s', (url, kind, host, port) => {
    const text = `${kind}://${host.includes(':') ? `[${host}]` : host}:${port}`;
    const proxy = { kind, host, port, text, except: [] };
    expect(readConfig({ proxy: url })).toMatchObject({ proxyTls: undefined, native: { proxy } });
    expect(readConfig({ proxy: new URL(url) }).native.proxy).toStrictEqual(proxy);
    expect(readConfig({ proxy: { url } }).native.proxy).toStrictEqual(proxy);
  });

  test.each<[credentials: string, found: object]>([
    ['user:pass@', { username: 'user', password: 'pass' }],
    ['user@', { username: 'user' }],
    ['user:@', { username: 'user' }],
    [':@', {}],
    ['us%40er:p%3A%2Fss%25', { username: 'us@er', password: 'p:/ss%' }],
    ['%C3%BC:%E2%82%AC@', { username: 'ü', password: '€' }],
    ['ü:€@', { username: 'ü', password: '€' }],
    ['a:b@c:d@', { username: 'a', password: 'b@c:d' }],
    [`${long(255)}:${long(255)}@`, { username: long(255), password: long(255) }],
  ])('the credentials %s', (credentials, found) => {
    // SOCKS has no empty passwords.
    const alone = 'username' in found && !('password' in found);
    for (const scheme of alone ? ['http'] : ['http', 'socks5h']) {
      const { kind, host, port, text, except, ...who } = readConfig({
        proxy: `${scheme}://${credentials.replace(/@?$/, '@')}host:1`,
      }).native.proxy ?? { kind: '' };
      expect(who).toStrictEqual(found);
      expect({ kind, host, port, text, except }).toEqual({
        ...{ kind: scheme, host: 'host', port: 1, text: `${scheme}://host:1`, except: [] },
      });
    }
  });

  test.each(['socks5://user@host:1', 'socks5h://user:@host:1', 'socks5://:password@host:1'])(
    'SOCKS needs both a user and a password: %s',
    (proxy) => {
      expect(() => readConfig({ proxy })).toThrow(/`proxy` has a user or a password that is empty/);
    },
  );

  test.each<[proxy: string, found: object]>([
    [`http://:${SECRET}@host`, { username: '', password: SECRET }],
    [`https://${long(300)}:${long(300)}@host`, { username: long(300), password: long(300) }],
    [`socks5://a%3Ab:${SECRET}%00@host`, { username: 'a:b', password: `${SECRET}\0` }],
  ])('what only one of the two protocols can send: %s', (proxy, found) => {
    expect(readConfig({ proxy }).native.proxy).toMatchObject(found);
  });

  test.each<[except: unknown, rules: string[]]>([
    [undefined, []],
    [null, []],
    [[], []],
    ['', []],
    [
      ['localhost', '10.0.0.0/8'],
      ['localhost', '10.0.0.0/8'],
    ],
    ['localhost,10.0.0.0/8', ['localhost', '10.0.0.0/8']],
    [' localhost, *.example:5432,\n::1 ,', ['localhost', '*.example:5432', '::1']],
    [['what a rule is, others judge'], ['what a rule is, others judge']],
  ])('except: %j', (except, rules) => {
    const { proxy } = readConfig({ proxy: { url: 'http://host', except } }).native;
    expect(proxy?.except).toStrictEqual(rules);
  });

  test('TLS to a proxy: its members as they are given, none, or the own of the binding', () => {
    const url = 'https://host';
    const tls = { ca: 'pem', verify: false, pins: [], key: null };
    expect(readConfig({ proxy: { url, tls }, ca: 'other' })).toMatchObject({
      proxyTls: { ca: 'pem', verify: false, pins: [] },
      tls: { ca: 'other' },
    });
    expect(readConfig({ proxy: { url, tls: {} } }).proxyTls).toEqual({});
    expect(readConfig({ proxy: { url, tls: null } }).proxyTls).toBe(undefined);
    expect(readConfig({ proxy: { url } }).proxyTls).toBe(undefined);
  });

  test('none', () => {
    for (const proxy of [false, null, undefined]) expect(readConfig({ proxy }).native.proxy).toBe(undefined);
  });

  test('a URL that is not of this realm', () => {
    const proxy = runInNewContext(
      '({ [Symbol.toStringTag]: "URL", toString: () => "http://elsewhere:8080/" })',
    );
    expect(readConfig({ proxy }).native.proxy?.text).toBe('http://elsewhere:8080');
  });
});

describe('a mistake', () => {
  test.each<[proxy: unknown, says: RegExp | string, name?: string]>([
    ['', 'begins with http://, https://, socks5:// or socks5h://, not ""'],
    ['proxy.example:3128', 'begins with http://'],
    ['localhost', 'begins with http://'],
    ['//proxy.example', 'begins with http://'],
    ['http:proxy.example', 'begins with http://'],
    ['ftp://proxy.example', 'not "ftp://proxy.example"'],
    ['socks://proxy.example', 'socks5h://, not "socks://'],
    ['socks4://proxy.example', 'begins with'],
    ['unix:///run/proxy', 'begins with'],
    [new URL('file:///run/proxy'), 'not "file:///run/proxy"'],
    ['http://', 'with a host'],
    ['socks5://', 'with a host'],
    ['socks5:///path', 'with a host'],
    ['socks5://:1080', 'with a host'],
    ['http://proxy.example:65536', 'not "http://proxy.example:65536"'],
    ['http://proxy.example:http', 'a URL with a host'],
    ['http://[::1', 'a URL with a host'],
    ['http://[fe80::1%25eth0]:3128', 'a URL with a host'],
    ['http://proxy example', 'a URL with a host'],
    ['http://proxy.example:0', 'port from 1 to 65535'],
    ['http://proxy.example/path', 'must end after the port'],
    ['http://proxy.example?query', 'must end after the port'],
    ['http://proxy.example/#fragment', 'must end after the port'],
    ['socks5://proxy.example//', 'must end after the port'],
    ['socks5://bücher.example', 'punycode'],
    ['socks5://a%20b', 'host name'],
    [`http://${long(256)}`, 'host name'],
    [5, '{ url, except, tls }, true for what the environment says, or false, not 5'],
    [5n, 'not 5n'],
    [Symbol('http://a'), 'not a symbol'],
    [() => 'http://a', 'not a function'],
    [['http://a'], 'object, not an array'],
    [Object('http://a'), 'not a boxed value'],
    [Promise.resolve('http://a'), 'not a Promise (await it first)'],
    [{}, 'and is missing', 'proxy.url'],
    [{ url: true }, 'not true', 'proxy.url'],
    [{ url: { href: 'http://a' } }, 'not an object', 'proxy.url'],
    [{ url: 'proxy.example' }, 'not "proxy.example"', 'proxy.url'],
    [{ url: 'http://a', excepts: [] }, 'did you mean `proxy.except`?', 'proxy.excepts'],
    [{ url: 'http://a', password: SECRET }, 'there are `except`, `tls`, `url`', 'proxy.password'],
    [{ url: 'http://a', except: 5 }, 'array of rules, not 5', 'proxy.except'],
    [{ url: 'http://a', except: ['a', 5] }, 'not 5', 'proxy.except[1]'],
    [{ url: 'http://a', tls: {} }, 'leave it out', 'proxy.tls'],
    [{ url: 'socks5://a', tls: { ca: [] } }, 'socks5://a:1080 is not', 'proxy.tls'],
    [{ url: 'https://a', tls: false }, 'object, not false', 'proxy.tls'],
    [{ url: 'https://a', tls: SECRET }, 'object, not a string', 'proxy.tls'],
    [{ url: 'https://a', tls: { Ca: 1 } }, 'did you mean `proxy.tls.ca`?', 'proxy.tls.Ca'],
    [{ url: 'https://a', tls: { alpn: [] } }, 'is unknown', 'proxy.tls.alpn'],
  ])('%o: %s', (proxy, says, name = 'proxy') => {
    const [mistake, ...others] = mistakesIn({ proxy });
    expect(others).toEqual([]);
    expect(mistake).toContain(says);
    expect(mistake?.startsWith(`\`${name}\` `)).toBe(true);
    expect(mistake).not.toContain(SECRET);
  });

  test.each<[url: string, says: string]>([
    [`http://user:${SECRET}%zz@host`, 'percent-encoded UTF-8'],
    [`http://%ff:${SECRET}@host`, 'percent-encoded UTF-8'],
    [`socks5://:${SECRET}@host`, 'SOCKS needs both'],
    [`socks5://${long(256)}:${SECRET}@host`, '255 bytes'],
    [`socks5h://user:${SECRET}${long(125, '%E2%82%AC')}@host`, '255 bytes'],
    [`http://us%3Aer:${SECRET}@host`, 'colon'],
    [`https://user:${SECRET}%0d%0a@host`, 'control characters'],
    [`http://user%7f:${SECRET}@host`, 'control characters'],
    [`ftp://user:${SECRET}@host`, 'not "ftp://host"'],
    [`user:${SECRET}@host:3128`, 'not "host:3128"'],
    [`//user:${SECRET}@host`, 'not "host"'],
    [`http:user:${SECRET}@host`, 'not "host"'],
    [`http://user:${SECRET}@host:port`, 'not "http://host:port"'],
    [`http://user:${SECRET}@`, 'not "http://"'],
    [`http://user:${SECRET}@host:0`, 'not "http://host:0"'],
    [`http://user:${SECRET}@host/path`, 'not "http://host/path"'],
    [`http://user:${SECRET}/@host`, 'not "http://host"'],
    [`http://user:${SECRET}#@host`, 'not "http://host"'],
    [`http://user:1#${SECRET}@host`, 'not "http://host"'],
    [`http://user:1?${SECRET}@host`, 'not "http://host"'],
    [`http://user:1/${SECRET}\n@host`, 'not "http://host"'],
    [`socks5://user:${SECRET}@a b`, 'not "socks5://a b"'],
  ])('%s: without its password', (url, says) => {
    for (const proxy of [url, { url }]) {
      const { message, stack, cause } = errorOf({ proxy });
      expect(message).toContain(says);
      expect(`${message}${stack?.split('\n    at ')[0]}${cause}`).not.toContain(SECRET);
    }
  });

  test('a URL with a password where it does not belong', () => {
    const url = `postgres://user:${SECRET}@host/name`;
    const wrong = { allow: url, deny: [Symbol(url)], localAddress: url, keepAlive: url, maxConnections: url };
    const { message } = errorOf({ ...wrong, proxy: { url: 'https://a', tls: url, except: [5] } });
    expect(message).toContain('7 invalid options');
    expect(message).toContain('postgres://host/name');
    expect(message).not.toContain(SECRET);
  });
});
