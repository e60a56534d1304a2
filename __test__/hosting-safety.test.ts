/** What a host has decided holds whatever an application, or the host's own functions, do. */
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type BindingConfig, createBinding, type SocketError } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf } from './behaviour/link.ts';
import { temporaryDirectory } from './behaviour/trust.ts';
import { serve as serveAt } from './behaviour/unix-peer.ts';
import { Peer } from './behaviour/wire.ts';
import { apart } from './fixtures/hosting-program.ts';

vi.setConfig({ testTimeout: 60_000 });

const strays = strayRejections();
/** Accepts, and says nothing. */
let silent: Peer;
/** Carries every tunnel to itself, and notes where it was to go. */
let proxy: Peer;
let asked: string[] = [];
beforeAll(async () => {
  [silent, proxy] = await Promise.all([Peer.open(), Peer.open()]);
  silent.onWire = (wire) => void wire.drain();
  proxy.onWire = ({ tcp }) => {
    tcp.once('data', (head) => {
      asked.push(/^CONNECT (\S+)/.exec(String(head))?.[1] ?? '');
      tcp.write('HTTP/1.1 200 OK\r\n\r\n');
    });
    tcp.resume();
  };
});
afterAll(() => Promise.all([silent?.close(), proxy?.close()]));

/** Throws, whatever is asked of it. */
function revoked(): object {
  const { proxy: nothing, revoke } = Proxy.revocable({}, {});
  revoke();
  return nothing;
}

describe('`resolve` throws', () => {
  const wrong = (): never => {
    throw new Error('a getter');
  };
  const things: [what: string, thing: unknown][] = [
    [
      'what has getters that throw',
      Object.defineProperties({}, { code: { get: wrong }, message: { get: wrong } }),
    ],
    ['an error whose code throws', Object.defineProperty(new Error('x'), 'code', { get: wrong })],
    ['an object without a prototype', Object.create(null)],
    ['nothing', undefined],
    ['null', null],
    ['a symbol', Symbol('x')],
    ['a code that is no text', { code: { toString: wrong } }],
  ];
  const matrix = things.flatMap(([what, thing]) => everyWay.map((way) => ({ what, thing, ...way })));
  // Not in those: no promise can be resolved with it, as the tests do with what a socket fails with.
  const [, duplex] = everyWay;
  if (duplex) matrix.push({ what: 'a proxy that was revoked', thing: revoked(), ...duplex });
  test.each(matrix)('$what, with $name: it fails, and is counted', async ({ thing, open }) => {
    const throws = () => {
      throw thing;
    };
    for (const resolve of [throws, async () => throws()]) {
      const binding = createBinding({ resolve, maxConnections: 1 });
      const { opened } = open(binding, 'db.example:1');
      // Not looked at: that would throw.
      expect(
        await opened.then(
          () => 'opened',
          () => 'failed',
        ),
      ).toBe('failed');
      expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { ENOTFOUND: 1 } });
    }
  });
});

describe.each([0, 4] as const)('a duplex of `family` %i', (family) => {
  const lookup = (_: string, { all }: { all?: boolean }, found: (...answer: unknown[]) => void) =>
    all ? found(null, [{ address: '127.0.0.1', family: 4 }]) : found(null, '127.0.0.1', 4);

  /** How it went, and what the proxy was asked for. */
  async function went(
    config: BindingConfig,
    host: string,
    options: object = {},
  ): Promise<[string, string[]]> {
    asked = [];
    const place = { host, port: silent.port, family, ...options, binding: createBinding(config) };
    const outcome = await new Promise<string>((resolve) => {
      try {
        const socket = createConnection(place);
        socket.once('connect', () => resolve('connected')).once('error', (e: SocketError) => resolve(e.code));
        onTestFinished(() => void socket.destroy());
      } catch (error) {
        resolve((error as SocketError).code);
      }
    });
    return [outcome, asked];
  }
  const through = () => `http://${proxy.address}`;
  const unknown = 'only.the.proxy.knows.invalid';

  test('goes straight to names that are excepted from the proxy', async () => {
    expect(await went({ proxy: { url: through(), except: ['localhost'] } }, 'localhost')).toEqual([
      'connected',
      [],
    ]);
  });

  test('leaves names to the proxy', async () => {
    for (const config of [{}, { allow: [unknown] }, { deny: ['localhost'] }]) {
      const target = `${unknown}:${silent.port}`;
      expect(await went({ proxy: through(), ...config }, unknown)).toEqual(['connected', [target]]);
    }
  });

  test('is let through, and refused, by rules about names', async () => {
    const resolve = () => ['127.0.0.1'];
    const denied = ['ERR_ACCESS_DENIED', []];
    for (const config of [{}, { proxy: through() }, { resolve }]) {
      expect(await went({ ...config, deny: ['*.invalid'] }, unknown)).toEqual(denied);
      expect(await went({ ...config, allow: ['db.example'] }, unknown)).toEqual(denied);
    }
    expect(await went({ allow: ['localhost'] }, 'localhost')).toEqual(['connected', []]);
    expect(await went({ allow: [unknown], resolve }, unknown)).toEqual(['connected', []]);
    expect(await went({ deny: ['local'], resolve }, unknown)).toEqual(denied);
  });

  test('is answered by `resolve`, with addresses of its family', async () => {
    const [straight] = await went({ resolve: () => ['::1', '127.0.0.1'] }, unknown);
    expect(straight).toBe('connected');
    const [other] = await went({ resolve: () => ['::1'] }, unknown);
    expect(other).toMatch(
      family === 4 ? /^ENOTFOUND$/ : /^E(CONNREFUSED|ADDRNOTAVAIL|AFNOSUPPORT|NETUNREACH)$/,
    );
  });

  test('with a `lookup` of its own gains nothing by the name', async () => {
    const denied = ['ERR_ACCESS_DENIED', []];
    for (const config of [{}, { proxy: through() }]) {
      expect(await went({ ...config, allow: [unknown] }, unknown, { lookup })).toEqual(denied);
      expect(await went({ ...config, deny: [unknown] }, unknown, { lookup })).toEqual(denied);
      expect(await went({ ...config, deny: ['local'] }, unknown, { lookup })).toEqual(denied);
    }
    const address = `127.0.0.1:${silent.port}`;
    expect(await went({ proxy: through() }, unknown, { lookup })).toEqual(['connected', [address]]);
  });
});
describe.skipIf(process.platform === 'win32')('paths of Unix domain sockets', () => {
  test('patterns that overlap: `deny` wins, unless the one of `allow` is a part of it', async () => {
    const path = await serveAt(() => {}, join(realpathSync(await temporaryDirectory()), 'db.sock'));
    const directory = path.slice(0, -'/db.sock'.length);
    const outcome = async (allowed: string, denied: string) => {
      const { connect } = createBinding({
        allow: [`unix:${directory}/${allowed}`],
        deny: [`unix:${directory}/${denied}`],
      });
      const opened = (async () => connect(`unix:${path}`).opened)();
      return (await failureOf(opened)).code || 'opened';
    };
    for (const [allowed, denied] of [
      ['*.sock', 'db*'],
      ['*b.sock', 'db*'],
      ['d*.sock', 'db*'],
      ['*.sock', '*.sock'],
      ['**.sock', '*.sock'],
      ['*.sock', '**.sock'],
      ['d*', '*db*k'],
      ['*', 'db*'],
    ] as const) {
      expect(await outcome(allowed, denied), `${allowed} ${denied}`).toBe('ERR_ACCESS_DENIED');
    }
    for (const [allowed, denied] of [
      ['db.sock', 'db*'],
      ['db.*', 'db*'],
      ['db*k', 'd*'],
      ['*.sock', '*'],
      ['*db.sock*', '*.s*'],
    ] as const) {
      expect(await outcome(allowed, denied), `${allowed} ${denied}`).toBe('opened');
    }
  });

  test.runIf(process.platform === 'linux').each(everyWay)('of 107 bytes, with $name', async ({ open }) => {
    const directory = join(await temporaryDirectory(), 'd'.repeat(20));
    mkdirSync(directory);
    for (const length of [103, 104, 107]) {
      const path = await serveAt(
        (peer) => peer.end('hello'),
        join(directory, 's'.repeat(length - directory.length - 1)),
      );
      expect(Buffer.byteLength(path)).toBe(length);
      const link = open(createBinding(), `unix:${path}`);
      expect(String(await link.receive())).toBe('hello');
      await link.close();
    }
    const long = async () =>
      open(createBinding(), `unix:${directory}/${'s'.repeat(107 - directory.length)}`).opened;
    expect((await failureOf(long())).code).toBe('ERR_INVALID_ADDRESS');
  });
});

test('a getter of the configuration cannot set, or use, the default binding before that counts', async () => {
  const program = (within: string) => `
    import { connect, setDefaultBinding } from 'wintersock';
    const [address] = process.argv.slice(1);
    const outcome = async (act) => { try { await act(); return 'done'; } catch ({ code }) { return code; } };
    let inner;
    const outer = await outcome(() => setDefaultBinding({ get allow() { ${within}; return ['*']; } }));
    console.log(JSON.stringify([await inner, outer, await outcome(() => connect(address).opened)]));
    process.exit();`;
  const set = `inner ??= outcome(() => setDefaultBinding({ allow: [] }))`;
  const use = `inner ??= outcome(() => connect(address).opened)`;
  expect((await apart(program(set), [silent.address])).said).toEqual([
    'done',
    'ERR_INVALID_STATE',
    'ERR_ACCESS_DENIED',
  ]);
  expect((await apart(program(use), [silent.address])).said).toEqual(['done', 'ERR_INVALID_STATE', 'done']);
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
