/** `resolve` of a binding: what it may answer, when it is asked, and what becomes of its errors. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Binding, type BindingConfig, createBinding } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { strayRejections } from './behaviour/leftovers.ts';
import { everyWay, failureOf, type Link, ways } from './behaviour/link.ts';
import { trustForTests } from './behaviour/stage.ts';
import type { Trust } from './behaviour/scene.ts';
import { temporaryDirectory } from './behaviour/trust.ts';
import { Peer } from './behaviour/wire.ts';

vi.setConfig({ testTimeout: 20_000 });

type Answer = ReturnType<NonNullable<BindingConfig['resolve']>>;

const NAME = 'db.example';
const strays = strayRejections();
let trust: Trust;
let echo: Peer;
let target: string;

beforeAll(async () => {
  trust = await trustForTests();
  echo = await Peer.open();
  echo.onWire = ({ tcp }) => void tcp.pipe(tcp);
  target = `${NAME}:${echo.port}`;
});
afterAll(() => echo?.close());

/** A binding whose names are looked up like this, and the names. */
function asked(answer: (name: string) => unknown, config: BindingConfig = {}): [Binding, names: string[]] {
  const names: string[] = [];
  const resolve = (name: string) => {
    names.push(name);
    return answer(name) as Answer;
  };
  return [createBinding({ ...config, resolve }), names];
}

async function expectToWork(link: Link): Promise<void> {
  await link.opened;
  await link.send('echo');
  expect(String(await link.receive())).toBe('echo');
  await link.close();
}

describe.each(everyWay)('with $name', ({ open }) => {
  const answers: Record<string, () => unknown> = {
    'an array': () => ['127.0.0.1'],
    'a promise': async () => ['127.0.0.1'],
    // biome-ignore lint/suspicious/noThenProperty: that is what makes it one
    'a thenable': () => ({ then: (done: (value: unknown) => void) => done(['127.0.0.1']) }),
    'a Set': () => new Set(['127.0.0.1']),
    'a generator': function* () {
      yield '127.0.0.1';
    },
    'one address': () => '127.0.0.1',
    'addresses of which the first is dead': () => ['::ffff:127.0.0.3', '127.0.0.1'],
    'an address twice': () => ['127.0.0.1', '127.0.0.1'],
  };
  test.each(Object.entries(answers))('%s', async (_, answer) => {
    const [binding, names] = asked(answer);
    await expectToWork(open(binding, target));
    expect(names).toEqual([NAME]);
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: {} });
  });

  const noAddress = 'ERR_INVALID_IP_ADDRESS';
  const wrong: [what: string, answer: unknown, code: string, says: string][] = [
    ['a number', 1, noAddress, 'gave number'],
    ['nothing', undefined, noAddress, 'gave undefined'],
    ['null', null, noAddress, 'gave'],
    ['an object', {}, noAddress, 'gave object'],
    ['an asynchronous iterable', (async function* () {})(), noAddress, 'an iterable'],
    ['no address', [], 'ENOTFOUND', 'gave no address'],
    ['a number among addresses', ['127.0.0.1', 5], noAddress, 'gave number'],
    ['undefined among addresses', ['127.0.0.1', undefined], noAddress, 'gave undefined'],
    ['a name', ['localhost'], noAddress, '"localhost"'],
    ['an empty text', [''], noAddress, '""'],
    ['an address with a port', ['127.0.0.1:80'], noAddress, '"127.0.0.1:80"'],
    ['brackets', ['[::1]'], noAddress, '"[::1]"'],
    ['a zone', ['fe80::1%lo'], noAddress, '"fe80::1%lo"'],
    ['an address with a NUL', ['127.0.0.1\0'], noAddress, String.raw`"127.0.0.1\u0000"`],
    ['a wrong address after a good one', ['127.0.0.1', 'x'], noAddress, '"x"'],
    ['a path with a NUL', ['unix:/a\0b'], 'ERR_INVALID_ADDRESS', 'NUL'],
    ['a path that is not absolute', ['unix:a'], 'ERR_INVALID_ADDRESS', 'absolute'],
    ['a path that is too long', [`unix:/${'a'.repeat(200)}`], 'ERR_INVALID_ADDRESS', 'longer'],
  ];
  test.each(wrong)('%s is refused', async (_, answer, code, says) => {
    const [binding] = asked(() => answer);
    const link = open(binding, target);
    const failure = await failureOf(link.opened);
    expect(failure).toEqual({ code, message: expect.stringContaining(says) });
    expect(await link.ended).toMatchObject(failure);
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { [failure.code]: 1 } });
  });

  const failing: Record<string, (error: Error) => unknown> = {
    throws: (error) => {
      throw error;
    },
    rejects: (error) => Promise.reject(error),
    'throws later': function* (error) {
      yield '127.0.0.1';
      throw error;
    },
  };
  test.each(Object.entries(failing))('what it %s is what the socket fails with', async (_, fail) => {
    const error = Object.assign(new RangeError('the directory is closed'), { code: 'EDIRECTORY' });
    const [binding] = asked(() => fail(error));
    const link = open(binding, target);
    expect(await link.opened.catch((reason) => reason)).toBe(error);
    expect(await link.ended).toBe(error);
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: { EDIRECTORY: 1 } });
  });

  test('it is asked once for each connection, for names only', async () => {
    const [binding, names] = asked(() => ['127.0.0.1']);
    const hosts = ['a.example', '127.0.0.1', 'A.example.', '[::ffff:127.0.0.1]', 'a.example', 'localhost'];
    const links = hosts.map((host) => open(binding, `${host}:${echo.port}`));
    await Promise.all(links.map(expectToWork));
    expect(names).toEqual(['a.example', 'A.example.', 'a.example', 'localhost']);
  });

  const late: Record<string, () => unknown> = {
    'a good answer': () => ['127.0.0.1'],
    'a wrong answer': () => ['nowhere'],
    'an error': () => {
      throw new Error('too late');
    },
  };
  const endings = ['close()', 'signal', 'connectTimeout'];
  const matrix = Object.keys(late).flatMap((what) => endings.map((how) => ({ what, how })));
  test.each(matrix)('$what that comes after $how changes nothing', async ({ what, how }) => {
    let answers = () => {};
    const answer = new Promise<void>((resolve) => {
      answers = resolve;
    });
    const config = how === 'connectTimeout' ? { connectTimeout: 20 } : {};
    const [binding] = asked(() => answer.then(late[what]), config);
    const abort = new AbortController();
    const link = open(binding, target, { signal: abort.signal });
    if (how === 'close()') void link.close();
    else if (how === 'signal') abort.abort(new Error('given up'));
    const failure = await failureOf(link.opened);
    const ended = await link.ended;
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0 });
    answers();
    // A connection that was begun all the same would be there by then.
    await expectToWork(open(binding, echo.address));
    expect(await failureOf(link.opened)).toEqual(failure);
    expect(await link.ended).toBe(ended);
    expect(binding.stats.failures).toEqual(how === 'connectTimeout' ? { ETIMEDOUT: 1 } : {});
  });

  test('it may connect, by the same binding, to the same name', async () => {
    const inner: Link[] = [];
    const [binding, names] = asked((name) => {
      if (names.length === 1) inner.push(open(binding, `${name}:${echo.port}`), open(binding, echo.address));
      return ['127.0.0.1'];
    });
    await Promise.all([open(binding, target), ...inner].map(expectToWork));
    expect(names).toEqual([NAME, NAME]);
  });

  test('it may close the socket that asks', async () => {
    const [binding] = asked(async () => {
      await null;
      void link.close();
      return ['127.0.0.1'];
    });
    const link: Link = open(binding, target);
    await failureOf(link.opened);
    await link.ended;
    expect(binding.stats).toMatchObject({ open: 0, connecting: 0, failures: {} });
  });

  test('it may abort the signal of the socket, at once', async () => {
    const abort = new AbortController();
    const [binding] = asked(() => {
      abort.abort(new Error('given up'));
      return ['127.0.0.1'];
    });
    const link = open(binding, target, { signal: abort.signal });
    expect((await failureOf(link.opened)).message).toMatch(/given up|aborted/);
  });

  test.runIf(process.platform !== 'win32')('it may answer with a Unix domain socket', async () => {
    const path = join(await temporaryDirectory(), 'socket');
    const server = createServer((tcp) => tcp.pipe(tcp)).listen(path);
    await once(server, 'listening');
    try {
      const [binding, names] = asked(() => [`unix:${path}`]);
      await expectToWork(open(binding, target));
      expect(names).toEqual([NAME]);
    } finally {
      server.close();
    }
  });

  test('the certificate is checked against the name, not against the address', async () => {
    await using peer = await Peer.open();
    const [binding] = asked(() => ['127.0.0.1']);
    const names = { [NAME]: 'opens', '127.0.0.1': 'ERR_TLS_CERT_ALTNAME_INVALID' };
    for (const [name, outcome] of Object.entries(names)) {
      const credentials = await trust.authority.issue({ names: [name] });
      const link = open(binding, `${NAME}:${peer.port}`, { secureTransport: 'on' });
      const secured = peer.wire().then((wire) => wire.secure({ credentials }));
      secured.catch(() => {});
      expect(
        await link.opened.then(
          () => 'opens',
          ({ code }) => code,
        ),
      ).toBe(outcome);
      await link.close();
    }
  });
});

test('every promise of a socket has the error', async () => {
  const error = new Error('the directory is closed');
  const [binding] = asked(() => Promise.reject(error));
  const socket = binding.connect(target);
  const [read, write] = [socket.readable.getReader().read(), socket.writable.getWriter().write('x')];
  for (const promise of [socket.opened, socket.closed, read, write]) {
    expect(await promise.catch((reason) => reason)).toBe(error);
  }
  expect(binding.stats.failures).toEqual({ ENOTFOUND: 1 });
});

test('what is no error is the reason, too', async () => {
  for (const reason of [undefined, null, 'no', 0]) {
    const [binding] = asked(() => Promise.reject(reason));
    const socket = binding.connect(target);
    expect(
      await socket.opened.then(
        () => 'opened',
        (value) => ({ value }),
      ),
    ).toEqual({ value: reason });
    // A duplex says so by an event, which needs an error.
    const duplex = ways['createConnection()'](binding, target);
    expect(await duplex.ended).not.toBe(undefined);
  }
});

describe('createConnection()', () => {
  const connected = (options: object) =>
    new Promise<string>((resolve) => {
      const socket = createConnection({ host: NAME, port: echo.port, ...options });
      socket
        .once('connect', () => resolve(`${socket.remoteAddress}`))
        .once('error', (error) => {
          resolve((error as { code?: string }).code ?? error.message);
        });
      socket.once('connect', () => socket.destroy());
    });

  test('with a family: addresses of the other one do not count', async () => {
    const [binding, names] = asked(() => ['::1', '127.0.0.1']);
    expect(await connected({ binding, family: 4 })).toBe('127.0.0.1');
    expect(names).toEqual([NAME]);
  });

  test('`lookup` of the socket comes before', async () => {
    const [binding, names] = asked(() => ['::1']);
    const lookup = (_: string, __: object, done: (...found: unknown[]) => void) =>
      done(null, [{ address: '127.0.0.1', family: 4 }]);
    expect(await connected({ binding, lookup })).toBe('127.0.0.1');
    expect(names).toEqual([]);
  });
});

test('nothing was left to nobody', () => {
  expect(strays).toEqual([]);
});
