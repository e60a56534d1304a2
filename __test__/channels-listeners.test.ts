/** What those who listen to node:diagnostics_channel can do, and what it costs that nobody does. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, createBinding } from 'wintersock';
import { closed, connecting, destroyed, dialling, failed, opened, startsTls } from '../lib/channels.ts';
import { Peer } from './behaviour/wire.ts';
import { Listening } from './fixtures/channels.ts';
import { runNode } from './fixtures/node-process.mjs';

let peer: Peer;
beforeEach(async () => {
  peer = await Peer.open();
});
afterEach(() => peer?.close());

describe('who listens', () => {
  test('is told of sockets that are older than his interest', async () => {
    const socket = connect(peer.address);
    await socket.opened;
    using listening = new Listening();
    await socket.close();
    await listening.until('closed');
    expect(listening.about(peer.address)).toEqual(['closed']);
  });

  test('may end the socket', async () => {
    using listening = new Listening();
    listening.onMessage = (name, message) => {
      if (name === 'opened') void (message as { socket: ReturnType<typeof connect> }).socket.close('enough');
    };
    const socket = connect(peer.address);
    await socket.opened;
    await socket.closed;
    await listening.until('closed');
    expect(listening.only('closed').reason).toBe('enough');
  });

  test('can bind a store: it goes with the connection', async () => {
    const store = new AsyncLocalStorage<object>();
    const start = channel('tracing:wintersock:connect:start');
    const seen: unknown[] = [];
    start.bindStore(store, (trace) => ({ of: (trace as { address: string }).address }));
    using listening = new Listening(['asyncStart']);
    listening.onMessage = () => seen.push(store.getStore());
    const resolve = () => {
      seen.push(store.getStore());
      return ['127.0.0.1'];
    };
    try {
      const socket = createBinding({ resolve }).connect({ hostname: 'name.example', port: peer.port });
      expect(store.getStore()).toBe(undefined);
      await socket.opened;
      await listening.until('asyncStart');
      const of = `name.example:${peer.port}`;
      expect(seen).toEqual([{ of }, { of }]);
      await socket.close();
    } finally {
      start.unbindStore(store);
    }
  });

  test('cannot break a socket by throwing: that is an uncaught exception', async () => {
    const script = '__test__/fixtures/channels-throwing.mjs';
    const { code, stdout, stderr } = await runNode([script]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { answers, thrown } = JSON.parse(stdout) as { answers: string[]; thrown: string[] };
    expect(answers).toEqual(['web', 'duplex', 'refused ECONNREFUSED']);
    expect(new Set(thrown)).toEqual(
      new Set(['start', 'end', 'asyncStart', 'asyncEnd', 'trace error', 'opened', 'closed', 'error']),
    );
  });
});

test('while nobody listens, nothing is asked', async () => {
  const silent = {
    observed(): never {
      throw new Error('asked');
    },
  };
  opened(silent);
  failed(silent, new Error());
  closed(silent, undefined);
  destroyed(silent, new Error(), new Error());
  startsTls(silent, silent, 'localhost');
  const made = {
    get opened(): never {
      throw new Error('asked');
    },
  };
  const begun = connecting('a:1', 'off', () => made);
  expect(dialling(silent, () => made)).toBe(made);
  expect(begun).toBe(made);
  // Otherwise this test could not fail.
  using listening = new Listening(['error']);
  expect(() => failed(silent, new Error())).toThrow('asked');
  expect(listening.all('error')).toEqual([]);
});

describe('the examples of docs/observability.md', () => {
  const examples = [...readFileSync('docs/observability.md', 'utf8').matchAll(/^```js\n(.*?)^```$/gms)];
  const directory = mkdtempSync(join(tmpdir(), 'wintersock-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What an application prints, with its port as PORT. */
  async function observed(number: number): Promise<{ stdout: string; stderr: string }> {
    const file = join(directory, `${number}.mjs`);
    writeFileSync(file, examples[number]?.[1] ?? '');
    const { href } = pathToFileURL(file);
    const application = '__test__/fixtures/channels-app.mjs';
    const { code, stdout, stderr } = await runNode(['--import', href, application, href]);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const port = /^port (\d+)$/m.exec(stdout)?.[1] ?? 'none';
    const bare = (text: string) => text.replace(/^port .*\n/m, '').replaceAll(port, 'PORT');
    return { stdout: bare(stdout), stderr: bare(stderr) };
  }

  test('are those that are run here', () => {
    expect(examples).toHaveLength(3);
  });

  test('a log', async () => {
    const { stderr } = await observed(0);
    expect(stderr).toMatch(
      /^\S+Z 127\.0\.0\.1:PORT ECONNREFUSED: SocketError: connect ECONNREFUSED [^\n]*\n$/,
    );
  }, 30_000);

  test('figures', async () => {
    expect(JSON.parse((await observed(1)).stdout)).toEqual({ open: 0, read: 8, written: 5 });
  }, 30_000);

  test('times', async () => {
    const { stdout } = await observed(2);
    expect(
      stdout
        .replaceAll(/\d+ ms/g, 'N ms')
        .trimEnd()
        .split('\n'),
    ).toEqual([
      'request 7: 127.0.0.1:PORT opened in N ms',
      'request undefined: 127.0.0.1:PORT opened in N ms',
      'request undefined: 127.0.0.1:PORT failed (ECONNREFUSED) in N ms',
    ]);
  }, 30_000);
});
