/** How a configuration is read: all of it, once, in order. */
import { describe, expect, test } from 'vitest';
import { readConfig, readSettings } from '../lib/config.ts';
import { Mistakes } from '../lib/config/mistakes.ts';
import { presets } from '../lib/config/presets.ts';
import { SocketError } from '../lib/error.ts';
import { errorOf, mistakesIn } from './fixtures/mistakes.ts';

const NAMES = [
  ...['allow', 'alpn', 'attemptDelay', 'ca', 'cert', 'connectTimeout', 'deny', 'extraCa', 'idleTimeout'],
  ...[
    'keepAlive',
    'key',
    'keyLog',
    'localAddress',
    'localPort',
    'maxConnections',
    'maxVersion',
    'minVersion',
  ],
  ...['noDelay', 'passphrase', 'pins', 'proxy', 'rejectUnauthorized', 'resolve', 'sessionResumption'],
  ...['systemCa', 'verify'],
];

/** Notes which members are read, in its log. */
function noted<T extends object>(target: T, log: string[], where = ''): T {
  return new Proxy(target, {
    get(members, name) {
      if (typeof name === 'string') log.push(where + name);
      return Reflect.get(members, name);
    },
  });
}

test('every member is read once, in lexicographical order, those of members after it', () => {
  const log: string[] = [];
  const keepAlive = noted({ interval: 1000, idle: 1000 }, log, 'keepAlive.');
  const maxConnections = noted({ limit: 1 }, log, 'maxConnections.');
  const url = 'https://proxy.example';
  const proxy = noted({ url, tls: noted({}, log, 'tls.') }, log, 'proxy.');
  readConfig(noted({ proxy, maxConnections, keepAlive, deny: [] }, log));
  expect(log.slice(0, NAMES.length)).toEqual(NAMES);
  const tls = NAMES.filter((name) => /^(ca|cert|ex|key$|keyL|m..Ver|pa|pi|rej|ses|sys|ver)/.test(name));
  expect(log.slice(NAMES.length)).toEqual(
    [
      ...['proxy.except', 'proxy.tls', 'proxy.url', ...tls.map((name) => `tls.${name}`)].sort(),
      ...['keepAlive.count', 'keepAlive.idle', 'keepAlive.interval'],
      ...['maxConnections.limit', 'maxConnections.whenFull'],
    ].sort((a, b) => order(a) - order(b)),
  );

  function order(name: string): number {
    return ['proxy', 'tls', 'keepAlive', 'maxConnections'].indexOf(name.split('.')[0] ?? '');
  }
});

test('getters count, also inherited ones', () => {
  class Hosts {
    get deny() {
      return ['private'];
    }
  }
  expect(readConfig(new Hosts()).native.deny).toEqual(['private']);
});

describe('what is thrown while it is read passes through', () => {
  const thrown = new RangeError('mine');
  const fail = () => {
    throw thrown;
  };
  test.each<[string, unknown]>([
    ['a getter', Object.defineProperty({ allow: 5 }, 'deny', { get: fail, enumerable: true })],
    ['a getter of a member', { keepAlive: Object.defineProperty({}, 'idle', { get: fail }) }],
    ['a getter of an item', { allow: Object.defineProperty(['public'], 0, { get: fail }) }],
    ['a proxy', new Proxy({}, { get: fail })],
    ['a proxy that is asked for its names', new Proxy({}, { ownKeys: fail })],
    ['a getter of what is spread', { proxy: Object.defineProperty({}, 'url', { get: fail }) }],
  ])('%s', (_, config) => {
    expect(() => readConfig(config)).toThrow(thrown);
  });

  test('also if it is a SocketError', () => {
    const mine = new SocketError('mine', { code: 'ERR_MINE' });
    const config = {
      allows: [],
      get verify() {
        throw mine;
      },
    };
    expect(() => readConfig(config)).toThrow(mine);
  });

  test('a proxy that is revoked', () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(() => readConfig(proxy)).toThrow(TypeError);
  });
});

describe('several mistakes', () => {
  test.each<[config: unknown, names: string[]]>([
    [{ allow: 'public', deny: [1] }, ['allow', 'deny[0]']],
    [{ deny: [1, 'public', null, 2] }, ['deny[0]', 'deny[2]', 'deny[3]']],
    [{ allows: [], denies: [] }, ['allows', 'denies']],
    [{ allows: [], attemptDelay: 1, resolve: 1 }, ['allows', 'attemptDelay', 'resolve']],
    [{ keepAlive: { idle: 1, count: 0, x: 1 } }, ['keepAlive.x', 'keepAlive.count', 'keepAlive.idle']],
    [{ maxConnections: { whenFull: 'x' } }, ['maxConnections.limit', 'maxConnections.whenFull']],
    [{ maxConnections: { Limit: 5 } }, ['maxConnections.Limit', 'maxConnections.limit']],
    [{ proxy: 'ftp://a', localPort: 0 }, ['proxy', 'localPort']],
    [{ proxy: { host: 'a', port: 1 } }, ['proxy.host', 'proxy.port', 'proxy.url']],
    [{ proxy: { url: 5, except: 5, tls: 5 } }, ['proxy.except', 'proxy.tls', 'proxy.url']],
    [
      { connectTimeout: -1, idleTimeout: -1, noDelay: 1, localAddress: 'a' },
      ['connectTimeout', 'localAddress', 'noDelay', 'idleTimeout'],
    ],
  ])('%j: all in one error', (config, names) => {
    const found = mistakesIn(config).map((mistake) => /^`([^`]+)` /.exec(mistake)?.[1]);
    expect(found).toEqual(names);
  });

  test('a great many are not all written out', () => {
    const { message } = errorOf({ deny: new Array(1000).fill(1) });
    expect(message).toMatch(/^SocketError: 1000 invalid options:\n- `deny\[0\]` /);
    expect(message).toMatch(/`deny\[19\]` [^\n]*\n- and 980 more$/);
  });

  test('others have their place among them', () => {
    const mistakes = new Mistakes();
    readSettings({ allow: 5 }, mistakes);
    const failing = () => {
      throw new SocketError('`key` does not belong to `cert`', { code: 'ERR_INVALID_KEY' });
    };
    expect(mistakes.collect(() => 'kept')).toBe('kept');
    expect(mistakes.collect(failing)).toBe(undefined);
    expect(() => mistakes.raise()).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_OPTION',
        message: expect.stringMatching(
          /^SocketError: 2 invalid options:\n- `allow` .*\n- `key` does not belong/,
        ),
      }),
    );
  });

  test('a single one keeps its code, and what is no mistake passes through', () => {
    const alone = new Mistakes();
    const error = new SocketError('`ca` is not PEM', { code: 'ERR_INVALID_CA' });
    const fail = (failure: Error) => () => {
      throw failure;
    };
    alone.raise();
    alone.collect(fail(error));
    expect(() => alone.raise()).toThrow(error);
    const internal = new SocketError('a panic', { code: 'ERR_INTERNAL' });
    expect(() => alone.collect(fail(internal))).toThrow(internal);
    expect(() => alone.collect(fail(new RangeError('mine')))).toThrow(RangeError);
  });
});

test('presets are frozen to the ground', () => {
  expect(presets).toEqual({
    workerd: { allow: ['public'], deny: [] },
    cloudflare: { allow: ['public'], deny: ['*:25'] },
  });
  const parts = [presets, ...Object.values(presets).flatMap((preset) => [preset, preset.allow, preset.deny])];
  expect(parts.map((part) => Object.isFrozen(part))).toEqual(new Array(7).fill(true));
});
