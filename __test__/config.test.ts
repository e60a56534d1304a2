/** What createBinding() takes, but for TLS and proxies: every mistake is named, and nothing else is one. */
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { readConfig } from '../lib/config.ts';
import { presets } from '../lib/config/presets.ts';
import { mistakesIn } from './fixtures/mistakes.ts';

const DEFAULTS = { deny: [], noDelay: true, refuse: false };
const nothing = { native: DEFAULTS, tls: {}, proxyTls: undefined, resolve: undefined, idleTimeout: 0 };

describe('taken', () => {
  const nulls = Object.fromEntries(
    ['allow', 'deny', 'proxy', 'localAddress', 'localPort', 'resolve', 'connectTimeout', 'idleTimeout']
      .concat(['keepAlive', 'noDelay', 'maxConnections', 'attemptDelay', 'ca', 'verify', 'keyLog'])
      .map((name) => [name, null]),
  );
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['no members', {}],
    ['no prototype', Object.create(null)],
    ['members that are null', nulls],
    ['members that are undefined', Object.fromEntries(Object.keys(nulls).map((name) => [name, undefined]))],
    ['symbols as names', { [Symbol('allow')]: 1 }],
    ['an instance of a class', new (class Hosts {})()],
    ['an object of another realm', runInNewContext('({})')],
  ])('%s: the defaults', (_, config) => {
    expect(readConfig(config)).toEqual(nothing);
  });

  test.each<[config: Record<string, unknown>, native: object]>([
    [{ allow: [] }, { allow: [] }],
    [{ allow: ['public', '*:443'] }, { allow: ['public', '*:443'] }],
    [{ allow: Object.freeze(['not a rule, but a text']) }, { allow: ['not a rule, but a text'] }],
    [{ allow: runInNewContext('["local"]') }, { allow: ['local'] }],
    [{ deny: ['*:25'] }, { deny: ['*:25'] }],
    [{ ...presets.workerd }, { allow: ['public'], deny: [] }],
    [
      { ...presets.cloudflare, noDelay: false },
      { allow: ['public'], deny: ['*:25'], noDelay: false },
    ],
    [{ localAddress: '127.0.0.1' }, { localAddress: '127.0.0.1' }],
    [
      { localAddress: '::1', localPort: 1 },
      { localAddress: '::1', localPort: 1 },
    ],
    [{ localPort: 65_535 }, { localPort: 65_535 }],
    [{ connectTimeout: 0 }, {}],
    [{ connectTimeout: 1 }, { connectTimeout: 1 }],
    [{ connectTimeout: 2_147_483_647 }, { connectTimeout: 2_147_483_647 }],
    [{ keepAlive: false }, {}],
    [{ keepAlive: true }, { keepAlive: {} }],
    [{ keepAlive: {} }, { keepAlive: {} }],
    [{ keepAlive: { idle: null, count: undefined, interval: 1000 } }, { keepAlive: { interval: 1000 } }],
    [
      { keepAlive: { idle: 32_767_000, interval: 1500, count: 127 } },
      { keepAlive: { idle: 32_767_000, interval: 1500, count: 127 } },
    ],
    [{ noDelay: true }, {}],
    [{ noDelay: false }, { noDelay: false }],
    [{ maxConnections: 1 }, { maxConnections: 1 }],
    [{ maxConnections: { limit: 10 } }, { maxConnections: 10 }],
    [{ maxConnections: { limit: 10, whenFull: undefined } }, { maxConnections: 10 }],
    [{ maxConnections: { limit: 10, whenFull: 'wait' } }, { maxConnections: 10 }],
    [{ maxConnections: { limit: 10, whenFull: 'refuse' } }, { maxConnections: 10, refuse: true }],
    [{ attemptDelay: 10 }, { attemptDelay: 10 }],
    [{ attemptDelay: 2000 }, { attemptDelay: 2000 }],
  ])('%j', (config, native) => {
    expect(readConfig(config).native).toStrictEqual({ ...DEFAULTS, ...native });
  });

  test('idleTimeout and resolve, which the native half does not have', () => {
    const resolve = async () => ['127.0.0.1'];
    const settings = readConfig({ idleTimeout: 30_000, resolve });
    expect(settings).toEqual({ ...nothing, idleTimeout: 30_000, resolve });
    expect(settings.resolve).toBe(resolve);
  });

  test('members of TLS, as they are given', () => {
    const tls = { ca: 'pem', verify: false, pins: 5, keyLog: true, alpn: new Set(['h2']), passphrase: '' };
    expect(readConfig({ ...tls, key: null, cert: undefined, allow: [] }).tls).toStrictEqual(tls);
  });

  test('a copy: what is changed later counts for nothing', () => {
    const config = { allow: ['public'], keepAlive: { idle: 1000 } };
    const { native } = readConfig(config);
    config.allow.push('*');
    config.keepAlive.idle = 5000;
    expect(native).toMatchObject({ allow: ['public'], keepAlive: { idle: 1000 } });
  });
});

describe('a mistake', () => {
  test.each<[config: unknown, name: string, says: RegExp]>([
    [{ allow: 'public' }, 'allow', /array of rules.*put it in an array: \["public"\]/],
    [{ deny: '*:25' }, 'deny', /\["\*:25"\]/],
    [{ allow: new Set(['public']) }, 'allow', /not a Set/],
    [{ allow: { 0: 'public', length: 1 } }, 'allow', /not an object/],
    [{ allow: true }, 'allow', /not true/],
    [{ allow: 1n }, 'allow', /not 1n/],
    [{ deny: ['*:25', 25] }, 'deny[1]', /string with a rule, not 25$/],
    [{ deny: [undefined] }, 'deny[0]', /not undefined/],
    [{ allow: new Array(1) }, 'allow[0]', /not undefined/],
    [{ allow: ['public', Symbol('local')] }, 'allow[1]', /not a symbol/],
    [{ allow: [['public']] }, 'allow[0]', /not an array/],
    [{ localAddress: 'localhost' }, 'localAddress', /IP address.*"localhost"/],
    [{ localAddress: '[::1]' }, 'localAddress', /without brackets/],
    [{ localAddress: 'fe80::1%eth0' }, 'localAddress', /zone/],
    [{ localAddress: '127.0.0.1:80' }, 'localAddress', /port/],
    [{ localAddress: '' }, 'localAddress', /not ""/],
    [{ localAddress: 1 }, 'localAddress', /not 1$/],
    [{ localPort: 0 }, 'localPort', /1 to 65535, not 0; leave it out/],
    [{ localPort: 65_536 }, 'localPort', /not 65536/],
    [{ localPort: -1 }, 'localPort', /not -1/],
    [{ localPort: 1.5 }, 'localPort', /whole number.*not 1\.5/],
    [{ localPort: Number.NaN }, 'localPort', /not NaN/],
    [{ localPort: '8080' }, 'localPort', /not "8080"/],
    [{ resolve: '127.0.0.1' }, 'resolve', /function/],
    [{ resolve: {} }, 'resolve', /not an object/],
    [{ resolve: Promise.resolve() }, 'resolve', /not a Promise/],
    [{ connectTimeout: -1 }, 'connectTimeout', /milliseconds from 0 to 2147483647, not -1; 0 is no limit/],
    [{ connectTimeout: 2_147_483_648 }, 'connectTimeout', /not 2147483648/],
    [{ connectTimeout: Number.POSITIVE_INFINITY }, 'connectTimeout', /not Infinity; 0 is no limit/],
    [{ connectTimeout: 0.5 }, 'connectTimeout', /not 0\.5/],
    [{ connectTimeout: '5000' }, 'connectTimeout', /not "5000"/],
    [{ connectTimeout: 5000n }, 'connectTimeout', /not 5000n/],
    [{ connectTimeout: Symbol('5') }, 'connectTimeout', /not a symbol/],
    [{ connectTimeout: Object(5000) }, 'connectTimeout', /not a boxed value/],
    [{ idleTimeout: -1 }, 'idleTimeout', /not -1/],
    [{ idleTimeout: Number.NaN }, 'idleTimeout', /not NaN/],
    [{ idleTimeout: 2 ** 31 }, 'idleTimeout', /2147483647/],
    [{ idleTimeout: false }, 'idleTimeout', /not false/],
    [{ keepAlive: 1000 }, 'keepAlive', /true, false or \{ idle, interval, count \}, not 1000/],
    [{ keepAlive: 'true' }, 'keepAlive', /not "true"/],
    [{ keepAlive: [] }, 'keepAlive', /object, not an array/],
    [{ maxConnections: [10] }, 'maxConnections', /object, not an array/],
    [{ keepAlive: { idle: 999 } }, 'keepAlive.idle', /from 1000 to 32767000, not 999/],
    [{ keepAlive: { idle: 32_767_001 } }, 'keepAlive.idle', /not 32767001/],
    [{ keepAlive: { idle: 1000.5 } }, 'keepAlive.idle', /whole/],
    [{ keepAlive: { interval: 0 } }, 'keepAlive.interval', /not 0/],
    [{ keepAlive: { count: 0 } }, 'keepAlive.count', /from 1 to 127, not 0/],
    [{ keepAlive: { count: 128 } }, 'keepAlive.count', /not 128/],
    [{ keepAlive: { idel: 1000 } }, 'keepAlive.idel', /unknown; did you mean `keepAlive\.idle`\?/],
    [{ noDelay: 0 }, 'noDelay', /true or false, not 0/],
    [{ noDelay: 'false' }, 'noDelay', /not "false"/],
    [{ maxConnections: 0 }, 'maxConnections', /from 1 to .*not 0; leave `maxConnections` out/],
    [{ maxConnections: 1.5 }, 'maxConnections', /not 1\.5/],
    [{ maxConnections: Number.POSITIVE_INFINITY }, 'maxConnections', /for no limit/],
    [{ maxConnections: '10' }, 'maxConnections', /not "10"/],
    [{ maxConnections: true }, 'maxConnections', /not true/],
    [{ maxConnections: {} }, 'maxConnections.limit', /missing/],
    [{ maxConnections: { limit: 0 } }, 'maxConnections.limit', /not 0/],
    [
      { maxConnections: { limit: 1, whenFull: 'queue' } },
      'maxConnections.whenFull',
      /'wait' or 'refuse', not "queue"/,
    ],
    [{ maxConnections: { limit: 1, whenFull: 'Wait' } }, 'maxConnections.whenFull', /not "Wait"/],
    [
      { maxConnections: { limit: 1, whenfull: 'wait' } },
      'maxConnections.whenfull',
      /mean `maxConnections\.wh/,
    ],
    [{ attemptDelay: 9 }, 'attemptDelay', /from 10 to 2000, not 9/],
    [{ attemptDelay: 2001 }, 'attemptDelay', /not 2001/],
    [{ attemptDelay: 250.5 }, 'attemptDelay', /whole/],
  ])('%o: `%s`', (config, name, says) => {
    const [mistake, ...others] = mistakesIn(config);
    expect(others).toEqual([]);
    expect(mistake).toMatch(says);
    expect(mistake?.startsWith(`\`${name}\` `)).toBe(true);
  });

  test.each<[name: string, meant: string]>([
    ['allows', 'allow'],
    ['Deny', 'deny'],
    ['dney', 'deny'],
    ['PROXY', 'proxy'],
    ['rejectUnauthorised', 'rejectUnauthorized'],
    ['localaddress', 'localAddress'],
    ['locaPort', 'localPort'],
    ['conectTimout', 'connectTimeout'],
    ['nodelay', 'noDelay'],
    ['maxConnection', 'maxConnections'],
    ['certs', 'cert'],
    ['CA', 'ca'],
    ['extraCA', 'extraCa'],
    ['keylog', 'keyLog'],
    ['pin', 'pins'],
  ])('the unknown member %s: %s was meant', (name, meant) => {
    expect(mistakesIn({ [name]: undefined })).toEqual([`\`${name}\` is unknown; did you mean \`${meant}\`?`]);
  });

  test.each(['secureTransport', 'timeout', 'x', 'toString', '__proto_', 'attemptDelays_1', 'servers'])(
    'the unknown member %s: what there is',
    (name) => {
      const [mistake] = mistakesIn({ [name]: 1 });
      expect(mistake).toMatch(/^`[^`]+` is unknown; remove it; there are `allow`, .*`verify`$/);
      expect(mistake).toContain(`\`${name}\``);
    },
  );

  test('an unknown member that is inherited, or is no name', () => {
    expect(mistakesIn(Object.create({ allows: [] }))[0]).toContain('`allows` is unknown');
    expect(mistakesIn({ 'a\n`b`': 1 })[0]).toContain('`"a\\n`b`"` is unknown');
  });

  test.each<[what: string, config: unknown]>([
    ['a string', 'allow: public'],
    ['1', 1],
    ['1n', 1n],
    ['true', true],
    ['a symbol', Symbol('config')],
    ['a function', () => ({})],
    ['an array', [{ allow: [] }]],
    ['a Promise (await it first)', Promise.resolve({ allow: [] })],
    ['a Map', new Map([['allow', []]])],
    ['a Set', new Set(['public'])],
    ['a Date', new Date(0)],
    ['a RegExp', /public/],
    ['bytes', Buffer.from('{}')],
    ['a boxed value', Object('allow')],
  ])('%s is no configuration', (what, config) => {
    expect(mistakesIn(config)).toEqual([`the configuration must be an object, not ${what}`]);
  });
});
