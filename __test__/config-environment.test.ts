/** What `proxy: true` takes from the environment. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from '../lib/config.ts';
import { mistakesIn } from './fixtures/mistakes.ts';

const SECRET = 'hunter2';
const names = ['ALL_PROXY', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap((name) => [
  name,
  name.toLowerCase(),
]);
/** There, the two spellings are one variable. */
const spelledTwice = process.platform !== 'win32';
let before: [string, string | undefined][];

beforeEach(() => {
  before = names.map((name) => [name, process.env[name]]);
  for (const name of names) delete process.env[name];
});
afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

describe('the proxy', () => {
  test.each<[env: Record<string, string>, text: string | undefined]>([
    [{}, undefined],
    [{ HTTPS_PROXY: 'http://https.example:3128' }, 'http://https.example:3128'],
    [{ https_proxy: 'http://https.example:3128' }, 'http://https.example:3128'],
    [{ ALL_PROXY: 'socks5h://all.example' }, 'socks5h://all.example:1080'],
    [{ all_proxy: 'socks5://all.example' }, 'socks5://all.example:1080'],
    [{ HTTPS_PROXY: 'http://https.example', all_proxy: 'http://all.example' }, 'http://all.example:80'],
    [{ HTTPS_PROXY: 'http://https.example', ALL_PROXY: '' }, 'http://https.example:80'],
    [{ HTTPS_PROXY: ' ' }, undefined],
    [{ HTTP_PROXY: 'http://http.example' }, undefined],
    [{ http_proxy: 'http://http.example' }, undefined],
    [{ NO_PROXY: '*' }, undefined],
    [{ HTTPS_PROXY: 'proxy.example:3128' }, 'http://proxy.example:3128'],
    [{ HTTPS_PROXY: 'proxy.example' }, 'http://proxy.example:80'],
    [{ HTTPS_PROXY: '[::1]:3128' }, 'http://[::1]:3128'],
    [{ HTTPS_PROXY: ' https://proxy.example/ ' }, 'https://proxy.example:443'],
  ])('%j', (env, text) => {
    Object.assign(process.env, env);
    const { native, proxyTls } = readConfig({ proxy: true });
    expect(native.proxy?.text).toBe(text);
    expect(proxyTls).toBe(undefined);
  });

  test.runIf(spelledTwice)('lower case comes first, unless it is empty', () => {
    Object.assign(process.env, { https_proxy: 'http://lower', HTTPS_PROXY: 'http://upper' });
    expect(readConfig({ proxy: true }).native.proxy?.host).toBe('lower');
    process.env['https_proxy'] = '';
    expect(readConfig({ proxy: true }).native.proxy?.host).toBe('upper');
    Object.assign(process.env, { no_proxy: '10.0.0.1', NO_PROXY: '10.0.0.2' });
    expect(readConfig({ proxy: true }).native.proxy?.except).toEqual(['10.0.0.1']);
  });

  test('with credentials', () => {
    process.env['HTTPS_PROXY'] = `user:${SECRET}%40@proxy.example:3128`;
    expect(readConfig({ proxy: true }).native.proxy).toStrictEqual({
      ...{ kind: 'http', host: 'proxy.example', port: 3128, username: 'user', password: `${SECRET}@` },
      ...{ text: 'http://proxy.example:3128', except: [] },
    });
  });

  test('is not taken unless that is wanted, nor is NO_PROXY with a proxy that is named', () => {
    Object.assign(process.env, { HTTPS_PROXY: 'ftp://wrong', NO_PROXY: 'wrong/' });
    for (const proxy of [undefined, null, false]) {
      expect(readConfig({ proxy }).native.proxy).toBe(undefined);
    }
    expect(readConfig({ proxy: 'http://named' }).native.proxy?.except).toEqual([]);
  });

  test.each<[env: Record<string, string>, mistakes: (string | RegExp)[]]>([
    [{ HTTPS_PROXY: 'ftp://proxy.example' }, [/ HTTPS_PROXY must .* begins with .*, not "ftp:\/\/proxy\./]],
    [{ ALL_PROXY: 'socks://127.0.0.1:1080' }, [/ ALL_PROXY must .*socks5:\/\//]],
    [{ all_proxy: 'http://proxy.example/path' }, [/ all_proxy must end after the port/]],
    [{ https_proxy: 'http://' }, [/ https_proxy must .* host/]],
    [{ HTTPS_PROXY: 'proxy.example:port' }, [/ HTTPS_PROXY must .* host/]],
    [{ HTTPS_PROXY: `http://user:${SECRET}@host:0` }, [/ HTTPS_PROXY must .*"http:\/\/host:0"/]],
    [{ HTTPS_PROXY: `http://user:${SECRET}%@host` }, [/ HTTPS_PROXY has a user or a password that/]],
    [{ HTTPS_PROXY: `user:${SECRET} @host:x` }, [/ HTTPS_PROXY must/]],
    [{ ALL_PROXY: 'x://', NO_PROXY: 'a/b' }, [/ NO_PROXY holds "a\/b"/, / ALL_PROXY must/]],
  ])('a mistake names its variable: %j', (env, mistakes) => {
    Object.assign(process.env, env);
    const found = mistakesIn({ proxy: true });
    expect(found).toHaveLength(mistakes.length);
    for (const [index, mistake] of mistakes.entries()) {
      expect(found[index]).toMatch(/^the environment variable [A-Za-z_]+_(?:PROXY|proxy) /);
      expect(found[index]).toMatch(mistake);
      expect(found[index]).not.toContain(SECRET);
    }
  });
});

describe('NO_PROXY', () => {
  const read = (value: string) => {
    Object.assign(process.env, { HTTPS_PROXY: 'http://proxy.example', NO_PROXY: value });
    return readConfig({ proxy: true }).native.proxy?.except;
  };

  test.each<[value: string, rules: string[]]>([
    ['', []],
    [' , ,', []],
    ['*', ['*']],
    ['*:5432', ['*:5432']],
    ['example.com', ['example.com']],
    ['.example.com', ['.example.com']],
    ['*.example.com:5432', ['*.example.com:5432']],
    ['example.com.', ['example.com.']],
    ['a-b_c.EXAMPLE:8080', ['a-b_c.EXAMPLE:8080']],
    ['localhost', ['localhost']],
    ['127.0.0.1', ['127.0.0.1']],
    ['127.0.0.1:65535', ['127.0.0.1:65535']],
    ['::1', ['::1']],
    ['[::1]', ['[::1]']],
    ['[::1]:5432', ['[::1]:5432']],
    ['2001:db8::5432', ['2001:db8::5432']],
    ['10.0.0.0/8', ['10.0.0.0/8']],
    ['10.1.2.3/8', ['10.1.2.3/8']],
    ['fd00::/8', ['fd00::/8']],
    ['0.0.0.0/0', ['0.0.0.0/0']],
    ['10.0.0.1,10.0.0.2 10.0.0.3\t, 10.0.0.4', ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']],
    // Words of rules are names here: who excepts the domain .local does not mean what listens on this machine.
    ['local', ['local.']],
    ['Private:80', ['Private.:80']],
    ['.public,*.network', ['.public', '*.network']],
  ])('%j', (value, rules) => {
    expect(read(value)).toEqual(rules);
  });

  test.each([
    '192.168.*',
    '192.168.',
    '192.168.0.1-192.168.0.9',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/8:80',
    'a.0x1f',
    '010.0.0.1',
    '[10.0.0.1]:80',
    `${'x'.repeat(64)}.example`,
    'fe80::1%eth0',
    '[::1',
    'example.com:0',
    'example.com:65536',
    'example.com:http',
    'http://example.com',
    '<local>',
    '.',
    'a..b',
    '*example.com',
    'bücher.example',
    'unix:/run/socket',
    `user:${SECRET}@host`,
  ])('%s: a mistake that names it', (entry) => {
    Object.assign(process.env, { HTTPS_PROXY: 'http://proxy.example', NO_PROXY: `a.example,${entry}` });
    const [mistake, ...others] = mistakesIn({ proxy: true });
    expect(others).toEqual([]);
    expect(mistake).toContain('the environment variable NO_PROXY holds');
    expect(mistake).toContain(entry.includes('@') ? '"host"' : JSON.stringify(entry));
    expect(mistake).not.toContain(SECRET);
  });
});
