/** createBinding() and setDefaultBinding() themselves: who connects by which, and when that is settled. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BindingConfig, connect, createBinding, type Socket } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { failureOf } from './behaviour/link.ts';
import { Peer } from './behaviour/wire.ts';
import { App } from './fixtures/alias-app.mjs';
import { type Authority, createAuthority } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let app: App;
let echo: Peer;
let authority: Authority;
/** What a name leads to only with the host's configuration. */
let target: string;

const HOST = `resolve: (name) => (name === 'db.example' ? ['127.0.0.1'] : ['::2'])`;
/** What the system says of that name, with a network or without. */
const UNKNOWN = expect.stringMatching(/^(ENOTFOUND|EAI_)/);
const STATE =
  'SocketError: the default binding has been set, or used, before; call setDefaultBinding() once and first, as with `node --import ./host.mjs app.mjs`';

beforeAll(async () => {
  [app, echo, authority] = await Promise.all([App.create(), Peer.open(), createAuthority()]);
  echo.onWire = ({ tcp }) => void tcp.pipe(tcp);
  target = `db.example:${echo.port}`;
  await app.write({
    'host.mjs': `
      import { setDefaultBinding } from 'wintersock';
      globalThis.binding = setDefaultBinding({ ${HOST} });`,
    'host.cjs': `globalThis.binding = require('wintersock').setDefaultBinding({ ${HOST} });`,
  });
});
afterAll(() => Promise.all([app?.remove(), echo?.close()]));

/** Statements, in either kind of module, after which `open()` says how a connection to the name went. */
const begin = {
  mjs: `
    import { connect, createBinding, setDefaultBinding } from 'wintersock';
    import { createConnection } from 'wintersock/node';`,
  cjs: `
    const { connect, createBinding, setDefaultBinding } = require('wintersock');
    const { createConnection } = require('wintersock/node');`,
};
const opening = (address: string) => `
    const told = (promise) => promise.then(() => 'opened', ({ code }) => code);
    const open = async (by = connect) => {
      const socket = by('${address}');
      const how = await told(socket.opened);
      await socket.close().catch(() => {});
      return how;
    };
    const [host, port] = '${address}'.split(':');
    const duplex = (options) => new Promise((resolve) => {
      const socket = createConnection({ host, port, ...options });
      socket.once('connect', () => { resolve('opened'); socket.destroy(); });
      socket.once('error', ({ code }) => resolve(code));
    });
    const thrown = (act) => { try { act(); return 'nothing'; } catch ({ code, message }) { return [code, message]; } };`;

describe('setDefaultBinding() in a file that is loaded before', () => {
  const hosts = { mjs: ['--import', './host.mjs'], cjs: ['--require', './host.cjs'] };
  const matrix = (['mjs', 'cjs'] as const).flatMap((type) =>
    (['mjs', 'cjs'] as const).map((host) => ({ type, host })),
  );
  test.each(matrix)('host.$host holds for all doors of an application in $type', async ({ type, host }) => {
    const alias = type === 'mjs' ? `await import('cloudflare:sockets')` : `require('cloudflare:sockets')`;
    const source = `${begin[type]} ${opening(target)}
      (async () => {
        const aliased = ${alias};
        const doors = [await open(), await open(aliased.connect), await duplex(), await open(binding.connect)];
        report({ doors, stats: binding.stats, own: await open(createBinding().connect) });
      })();`;
    const args = [...hosts[host], '--import', 'wintersock/register'];
    expect(await app.run(source, { type, args })).toEqual({
      doors: ['opened', 'opened', 'opened', 'opened'],
      stats: { open: 0, connecting: 0, bytesRead: 0, bytesWritten: 0, failures: {} },
      // A binding has nothing of the default one.
      own: UNKNOWN,
    });
  });

  test('without it, nothing is so', async () => {
    const source = `${begin.mjs} ${opening(target)} report([await open(), await duplex()]);`;
    expect(await app.run(source, { args: [] })).toEqual([UNKNOWN, UNKNOWN]);
  });

  test('its figures are those of plain connect()', async () => {
    const source = `${begin.mjs} ${opening(target)}
      const socket = connect('${target}');
      await socket.opened;
      await socket.writable.getWriter().write('four');
      createBinding().connect('127.0.0.1:${echo.port}').unref();
      connect('other.example:1').opened.catch(() => {});
      await socket.readable.getReader().read();
      const { open: count, bytesRead, bytesWritten } = binding.stats;
      await socket.close();
      report([count, bytesRead, bytesWritten]);
      process.exit();`;
    expect(await app.run(source, { args: hosts.mjs })).toEqual([1, 4, 4]);
  });

  test('each thread has its own: the file is loaded in each', async () => {
    await app.write({
      'thread.mjs': `${begin.mjs} ${opening(target)}
        import { parentPort } from 'node:worker_threads';
        const how = await open();
        parentPort.postMessage([how, thrown(() => setDefaultBinding({}))[0], binding.stats.open]);`,
    });
    const source = `${begin.mjs} ${opening(target)}
      import { Worker } from 'node:worker_threads';
      const held = connect('${target}');
      await held.opened;
      const said = await new Promise((resolve) => new Worker('./thread.mjs').once('message', resolve));
      report({ said, open: binding.stats.open });
      await held.close();`;
    const result = { said: ['opened', 'ERR_INVALID_STATE', 0], open: 1 };
    expect(await app.run(source, { args: hosts.mjs })).toEqual(result);
  });

  test('what one thread has set is not another’s', async () => {
    await app.write({
      'other.mjs': `${begin.mjs} ${opening(target)}
        import { parentPort } from 'node:worker_threads';
        parentPort.postMessage([thrown(() => setDefaultBinding({})), await open()]);`,
    });
    const source = `${begin.mjs} ${opening(target)}
      import { Worker } from 'node:worker_threads';
      setDefaultBinding({ ${HOST} });
      const said = await new Promise((resolve) => new Worker('./other.mjs').once('message', resolve));
      report([said, await open()]);`;
    expect(await app.run(source, { args: [] })).toEqual([['nothing', UNKNOWN], 'opened']);
  });
});

describe('setDefaultBinding() is refused', () => {
  const twice: Record<string, string> = {
    'a second time': `setDefaultBinding({});`,
    'after connect()': `connect('127.0.0.1:1').opened.catch(() => {});`,
    'after a connection of the alias': `(await import('cloudflare:sockets')).connect('127.0.0.1:1').opened.catch(() => {});`,
    'after createConnection()': `createConnection(1, '127.0.0.1').on('error', () => {});`,
    'after connect() of the binding that it returned': `setDefaultBinding({}).connect('127.0.0.1:1').opened.catch(() => {});`,
  };
  test.each(Object.entries(twice))('%s', async (_, before) => {
    const source = `${begin.mjs} ${opening(target)}
      ${before}
      report([thrown(() => setDefaultBinding({ ${HOST} })), thrown(() => setDefaultBinding({ ${HOST} }))]);`;
    const refused = ['ERR_INVALID_STATE', STATE];
    expect(await app.run(source)).toEqual([refused, refused]);
  });
});

describe('setDefaultBinding() is not too late', () => {
  const before: Record<string, string> = {
    'a configuration that was wrong': `[null, 1, 'x', { resolv: 1 }, { ca: 'no PEM' }, { maxConnections: 0 }, { deny: ['300.0.0.0/8'] }]
      .forEach((wrong) => { if (wrong) thrown(() => setDefaultBinding(wrong)); });`,
    'connect() with a wrong address': `thrown(() => connect('nowhere')); thrown(() => connect('unix:a'));`,
    'connect() with a wrong option': `thrown(() => connect('a:1', { secureTransport: 'yes' }));
      thrown(() => connect('a:1', { secureTransport: 'on', sni: 'no name' }));`,
    'connect() with a signal that is aborted': `thrown(() => connect('a:1', { signal: AbortSignal.abort() }));`,
    'createConnection() with wrong arguments': `thrown(() => createConnection({ host: 'a', port: 1, secureTransport: 'yes' }));
      thrown(() => createConnection({ host: 'a', port: 70000 }));
      thrown(() => createConnection({ host: 'a', port: 1, secureTransport: 'on', ca: 'no PEM' }));
      thrown(() => createConnection({ host: 'a', port: 1, timeout: 'long' }));`,
    'sockets that are not connected': `createConnection();`,
    'connections of other bindings': `const other = createBinding({ ${HOST} });
      await open(other.connect); await duplex({ binding: other });`,
  };
  test.each(Object.entries(before))('after %s', async (_, statements) => {
    const source = `${begin.mjs} ${opening(target)}
      ${statements}
      const set = thrown(() => setDefaultBinding({ ${HOST} }));
      report([set, await open(), await duplex()]);`;
    expect(await app.run(source)).toEqual(['nothing', 'opened', 'opened']);
  });

  test('every mistake throws, as with createBinding()', async () => {
    const source = `${begin.mjs} ${opening(target)}
      const wrong = [1, 'x', [], { resolv: 1 }, { maxConnections: 0, idleTimeout: -1 }];
      report(wrong.map((config) => [createBinding, setDefaultBinding].map((make) => thrown(() => make(config)))));`;
    const found = (await app.run(source)) as [code: string, message: string][][];
    for (const [created, set] of found) {
      expect(created?.[0]).toBe('ERR_INVALID_OPTION');
      expect(set).toEqual(created);
    }
    expect(found).toHaveLength(5);
  });
});

describe('createBinding()', () => {
  const works = async (socket: Socket) => {
    await socket.opened;
    await socket.close();
    return 'works';
  };

  test('what it returns cannot be changed, and needs no `this`', async () => {
    const binding = createBinding({ resolve: () => ['127.0.0.1'] });
    expect(Object.isFrozen(binding)).toBe(true);
    expect(Object.keys(binding)).toEqual(['connect', 'stats']);
    const { connect: alone } = binding;
    expect(await works(alone(target))).toBe('works');
    expect(await works(Reflect.apply(alone, null, [{ hostname: 'db.example', port: echo.port }, null]))).toBe(
      'works',
    );
    expect(() => Object.assign(binding, { connect })).toThrow(TypeError);
    expect(() => alone('nowhere')).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ADDRESS' }));
    // Sockets are the same class, whoever makes them.
    const socket = alone(target);
    expect(Object.getPrototypeOf(socket)).toBe(Object.getPrototypeOf(connect(echo.address)));
    await socket.close().catch(() => {});
  });

  test('without a configuration it is as connect()', async () => {
    for (const config of [undefined, null, {}]) {
      expect(await works(createBinding(config).connect(echo.address))).toBe('works');
    }
    expect((await failureOf(createBinding().connect('db.invalid:1').opened)).code).toMatch(
      /^(ENOTFOUND|EAI_)/,
    );
  });

  test('what becomes of the configuration later is of no account', async () => {
    const config: { -readonly [Member in keyof BindingConfig]: BindingConfig[Member] } & { allow: string[] } =
      {
        allow: ['127.0.0.1'],
        resolve: () => ['127.0.0.1'],
        keepAlive: { idle: 1000 },
      };
    const binding = createBinding(config);
    config.allow.length = 0;
    config.resolve = () => ['127.0.0.9'];
    config.keepAlive = 'no' as never;
    expect(await works(binding.connect(target))).toBe('works');
  });

  test('each has its own rules, also for the same target', async () => {
    const bindings = ['127.0.0.1', '::2'].map((address) =>
      createBinding({ resolve: () => [address], connectTimeout: 5000 }),
    );
    const outcomes = bindings.map(({ connect }) =>
      connect(target).opened.then(
        () => true,
        () => false,
      ),
    );
    expect(await Promise.all(outcomes)).toEqual([true, false]);
  });

  test('`alpn` of connect() counts before that of the binding', async () => {
    await using server = await Peer.open();
    const credentials = await authority.issue({ names: ['127.0.0.1'] });
    const { connect } = createBinding({ ca: authority.certPem, alpn: ['of-binding'] });
    for (const alpn of [undefined, ['of-caller']]) {
      const socket = connect(server.address, { secureTransport: 'on', ...(alpn && { alpn }) });
      const wire = await server.wire();
      await wire.secure({ credentials, ALPNProtocols: ['of-caller', 'of-binding'] });
      expect((await socket.opened).alpn).toBe(alpn?.[0] ?? 'of-binding');
      await socket.close();
    }
  });

  test('only what it has made is a binding for createConnection()', async () => {
    const { connect } = createBinding();
    for (const binding of [{}, { connect }, connect, 'x', 1, true, Object.create(createBinding())]) {
      const wrong = () => createConnection({ port: echo.port, host: '127.0.0.1', binding: binding as never });
      expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_INVALID_OPTION' }));
    }
  });
});
