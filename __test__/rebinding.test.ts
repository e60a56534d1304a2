/** Names whose addresses change, against `allow` and `deny`: what was checked is what is dialled. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type BindingConfig, createBinding } from 'wintersock';
import { everyWay, failureOf } from './behaviour/link.ts';
import { type Answer, Pair } from './behaviour/pair.ts';

vi.setConfig({ testTimeout: 30_000 });

const connectTimeout = 10_000;
let pair: Pair;
beforeAll(async () => {
  pair = await Pair.open();
});
afterAll(() => pair?.close());

const policies: [what: string, config: () => BindingConfig][] = [
  ['only the open one allowed', () => ({ allow: [pair.host] })],
  ['the secret one denied', () => ({ deny: [pair.secret] })],
  ['the name allowed, the secret one denied', () => ({ allow: ['*.example'], deny: [pair.secret] })],
];

/** What the name has at each look-up, and whether that connection is made: always to the open one. */
const sequences: [what: string, answers: Answer[][], made: boolean[]][] = [
  ['first open, then secret', [['open'], ['secret']], [true, false]],
  ['first secret, then open', [['secret'], ['open']], [false, true]],
  ['to and fro', [['open'], ['secret'], ['open'], ['secret'], ['open']], [true, false, true, false, true]],
  ['both, the open one first', [['open', 'secret']], [true]],
  ['both, the secret one first', [['secret', 'open']], [true]],
  ['the open one last of many', [['secret', 'secret', 'secret', 'secret', 'open']], [true]],
  ['the secret one many times', [['secret', 'secret', 'secret']], [false]],
  ['first both, then the secret one', [['secret', 'open'], ['secret']], [true, false]],
];

describe.each(everyWay)('with $name', ({ open: begin }) => {
  describe.each(policies)('%s', (_, config) => {
    test.each(sequences)('a name that has %s', async (_what, answers, made) => {
      const { asked, resolve } = pair.resolver(...answers);
      const binding = createBinding({ connectTimeout, attemptDelay: 10, resolve, ...config() });
      for (const expected of made) {
        const link = begin(binding, `db.example:${pair.port}`);
        if (expected) {
          await pair.accepts(await link.opened);
          await link.close();
        } else {
          const { code, message } = await failureOf(link.opened);
          expect(code).toBe('ERR_ACCESS_DENIED');
          expect(message).toContain(
            `db.example:${pair.port} (${pair.secret === '::1' ? '[::1]' : pair.secret}:`,
          );
        }
      }
      // Each connection asks anew, once: what was found for an earlier one is of no use.
      expect(asked).toEqual(made.map(() => 'db.example'));
    });

    test('many at a time', async () => {
      const { asked, resolve } = pair.resolver(
        ...Array.from({ length: 10 }, (): Answer[][] => [['open'], ['secret']]).flat(),
      );
      const binding = createBinding({ connectTimeout, resolve, ...config() });
      const links = Array.from({ length: 20 }, () => begin(binding, `db.example:${pair.port}`));
      const codes = await Promise.all(
        links.map(({ opened }) =>
          opened.then(
            () => 'opened',
            ({ code }) => code,
          ),
        ),
      );
      expect(codes.toSorted()).toEqual([...Array(10).fill('ERR_ACCESS_DENIED'), ...Array(10).fill('opened')]);
      await Promise.all(links.map((link) => link.close()));
      expect(asked).toHaveLength(20);
    });

    test('the open one refuses: the secret one is not what is tried then', async () => {
      const { resolve } = pair.resolver(['open', 'secret'], ['secret', 'open']);
      const binding = createBinding({ connectTimeout, attemptDelay: 10, resolve, ...config() });
      for (const _turn of [1, 2]) {
        const { code, message } = await failureOf(begin(binding, `db.example:${pair.alone}`).opened);
        expect(code).toBe('ECONNREFUSED');
        expect(message).toContain(`(tried ${pair.host}:${pair.alone}: ECONNREFUSED)`);
      }
    });
  });

  test('an answer in another spelling', async () => {
    for (const address of [
      '::ffff:127.0.0.1',
      '::ffff:7f00:1',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '0.0.0.0',
      '::',
    ]) {
      const binding = createBinding({ connectTimeout, deny: ['local'], resolve: () => [address] });
      const { code, message } = await failureOf(begin(binding, `db.example:${pair.port}`).opened);
      expect(code).toBe('ERR_ACCESS_DENIED');
      expect(message).toContain('`deny` has "local", and ');
    }
    // What is no address is not looked up in turn.
    for (const address of [
      '0x7f.1',
      '127.1',
      '2130706433',
      'localhost',
      '127.0.0.1:80',
      '[::1]',
      '::1%lo',
      '',
    ]) {
      const binding = createBinding({ connectTimeout, allow: ['*'], resolve: () => [address] });
      const { code } = await failureOf(begin(binding, `db.example:${pair.port}`).opened);
      expect(code).toMatch(/^ERR_INVALID_(IP_)?ADDRESS$/);
    }
  });

  test('an answer that is old once the connection may begin', async () => {
    let answer: Answer[] = ['open'];
    const resolve = () => answer.map((which) => (which === 'open' ? pair.host : pair.secret));
    const binding = createBinding({ connectTimeout, maxConnections: 1, deny: [pair.secret], resolve });
    const [first, second] = [1, 2].map(() => begin(binding, `db.example:${pair.port}`));
    await first?.opened;
    answer = ['secret'];
    await first?.close();
    // Asked at once or after the wait: never is anything dialled that was not checked.
    const outcome = await second?.opened.then(
      () => 'opened',
      ({ code }) => code,
    );
    expect(['opened', 'ERR_ACCESS_DENIED']).toContain(outcome);
    await second?.close();
  });
});

describe('an answer that changes in our hands', () => {
  const judged = (found: () => unknown) => {
    const binding = createBinding({ connectTimeout, deny: [pair.secret], resolve: found as () => string[] });
    return binding.connect(`db.example:${pair.port}`).opened.then(
      () => 'opened',
      ({ code }) => code,
    );
  };

  test('an iterable that gives others when it is asked again', async () => {
    let turns = 0;
    const iterable = {
      *[Symbol.iterator]() {
        turns += 1;
        yield turns === 1 ? pair.host : pair.secret;
      },
    };
    expect(await judged(() => iterable)).toBe('opened');
    expect(turns).toBe(1);
  });

  test('an array that is changed afterwards', async () => {
    const answer = [pair.host];
    const outcome = judged(() => answer);
    queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => answer.fill(pair.secret))));
    expect(['opened', 'ERR_ACCESS_DENIED']).toContain(await outcome);
  });

  test('an object that is another text each time', async () => {
    let turns = 0;
    const text = { toString: () => (turns++ === 0 ? pair.host : pair.secret) };
    expect(await judged(() => [text])).toMatch(/^ERR_INVALID_(IP_)?ADDRESS$/);
  });
});

test('nobody has come to the secret one, who would have answered', async () => {
  const socket = createBinding().connect({ hostname: pair.secret, port: pair.port });
  await socket.opened;
  await socket.close();
  await vi.waitFor(() => expect(pair.reached).toBeGreaterThan(0), 10_000);
  expect(pair.reached).toBe(1);
});
