/** A socket's readable beside a byte stream of the platform: nobody can tell which is which. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { delivery } from './behaviour/delivery.ts';
import { strayRejections } from './behaviour/leftovers.ts';
import { ending } from './behaviour/settlement.ts';
import { Peer, type Wire } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';
import { even, Log, ReferenceSource, random, readParts } from './fixtures/stream-twins.mjs';

let peer: Peer;
const strays = strayRejections();
beforeAll(async () => {
  peer = await Peer.open();
});
afterAll(() => peer.close());

type AnyReader = ReadableStreamDefaultReader<Uint8Array> | ReadableStreamBYOBReader;

interface Side {
  readable: ReadableStream<Uint8Array>;
  log: Log;
  reader?: AnyReader;
  byob?: boolean;
}

async function open() {
  const abort = new AbortController();
  const socket = connect(peer.address, { allowHalfOpen: true, signal: abort.signal });
  const wire = await peer.wire();
  await socket.opened;
  return { socket, wire, abort };
}

const delivered = delivery(open);

/** The operations of the platform's own reader on whatever reader it is. */
const plainRead = (reader: AnyReader) =>
  ReadableStreamDefaultReader.prototype.read.call(reader) as Promise<unknown>;

function lock(side: Side, kind: 'default' | 'byob' | 'plain'): void {
  const { readable } = side;
  if (kind === 'plain') side.reader = new ReadableStreamDefaultReader(readable);
  else side.reader = kind === 'byob' ? readable.getReader({ mode: 'byob' }) : readable.getReader();
  side.byob = kind === 'byob';
  side.log.settle(`closed of ${kind}`, side.reader.closed);
}

/** Some operations in a row, then something that the peer does, and that fourteen times. What both sides have said. */
async function randomly(seed: number, { socket, wire, abort }: Awaited<ReturnType<typeof open>>) {
  const next = random(seed);
  const one = <T>(...items: T[]): T => items[Math.floor(next() * items.length)] as T;
  const reference = new ReferenceSource();
  const ours: Side = { readable: socket.readable, log: new Log() };
  const theirs: Side = { readable: reference.readable, log: new Log() };
  let step = 0;
  const both = (name: string, operation: (side: Side) => unknown) => {
    for (const side of [ours, theirs]) side.log.call(`${step} ${name}`, () => operation(side));
    step += 1;
  };
  const operate = () => {
    const dice = next();
    const view = one<typeof Uint8Array | typeof Uint16Array>(Uint8Array, Uint8Array, Uint16Array);
    const length = one(1, 2, 3, 4);
    if (dice < 0.22) {
      const kind = one('default', 'default', 'byob', 'plain');
      both(`get ${kind}`, (side) => lock(side, kind));
    } else if (dice < 0.65) {
      both('read', ({ reader, byob }) =>
        byob
          ? (reader as ReadableStreamBYOBReader).read(new view(length))
          : (reader as ReadableStreamDefaultReader | undefined)?.read(),
      );
    } else if (dice < 0.9) both('release', ({ reader }) => reader?.releaseLock());
    else if (dice < 0.94) both('locked', ({ readable }) => readable.locked);
    else if (dice < 0.96) both('cancel', ({ reader }) => reader?.cancel(new Error('reason: enough')));
    else if (dice < 0.965) both('cancel the stream', ({ readable }) => readable.cancel());
  };
  let fed = 0;
  const happen = () => {
    const dice = next();
    if (dice < 0.6) {
      const text = Array.from({ length: one(1, 2, 3, 5) }, () => String.fromCharCode(97 + (fed++ % 26))).join(
        '',
      );
      wire.tcp.write(text);
      reference.feed(text);
    } else if (dice < 0.64 && reference.empty) {
      wire.tcp.end();
      reference.end();
      return false;
    } else if (dice < 0.66) {
      const reason = new Error('reason: failed');
      abort.abort(reason);
      reference.fail(reason);
      return false;
    }
    return true;
  };
  await even(ours.log, theirs.log);
  for (let burst = 0, alive = true; burst < 14; burst += 1) {
    for (let count = one(1, 2, 3, 4); count > 0; count -= 1) operate();
    await turn();
    if (alive) alive = happen();
    await delivered();
    await even(ours.log, theirs.log);
  }
  const said = { ours: readParts(ours.log.lines), theirs: readParts(theirs.log.lines) };
  abort.abort();
  return said;
}

describe('as a byte stream of the platform', () => {
  test.each([1, 2, 3, 4, 5, 6])('random operations, set %i', async (set) => {
    for (let group = 0; group < 5; group += 1) {
      const seeds = Array.from({ length: 20 }, (_, index) => 100 * set + 20 * group + index);
      const stages = [];
      for (const seed of seeds) stages.push({ seed, at: await open() });
      await Promise.all(
        stages.map(async ({ seed, at }) => {
          const { ours, theirs } = await randomly(seed, at);
          expect(ours, `seed ${seed}`).toEqual(theirs);
        }),
      );
    }
  });
});

const text = (chunk: Uint8Array | undefined) => Buffer.from(chunk ?? []).toString();

/** A socket whose streams have started, and 'abc' that waits for it. */
async function greeted(greeting = 'abc'): Promise<{ readable: ReadableStream<Uint8Array>; wire: Wire }> {
  const { socket, wire } = await open();
  const { readable } = socket;
  wire.tcp.write(greeting);
  await sleep(20);
  return { readable, wire };
}

test('an odd byte that a BYOB read has left goes to the next default reader', async () => {
  const { readable, wire } = await greeted();
  const byob = readable.getReader({ mode: 'byob' });
  const { value } = await byob.read(new Uint16Array(4));
  expect(text(value && new Uint8Array(value.buffer, 0, value.byteLength))).toBe('ab');
  byob.releaseLock();
  wire.tcp.write('def');
  await sleep(20);
  const reader = readable.getReader();
  expect([text((await reader.read()).value), text((await reader.read()).value)]).toEqual(['c', 'def']);
});

test.each(['pipeTo()', 'a BYOB reader', "the platform's reader"])(
  'what comes after %s went with its read pending, while nobody reads, is the next read',
  async (who) => {
    const { readable, wire } = await greeted('');
    if (who === 'pipeTo()') {
      const abort = new AbortController();
      const piped = readable.pipeTo(new WritableStream(), { signal: abort.signal, preventCancel: true });
      await turn();
      abort.abort();
      await expect(piped).rejects.toThrow(/abort/i);
    } else {
      const byob = who === 'a BYOB reader';
      const old = byob ? readable.getReader({ mode: 'byob' }) : new ReadableStreamDefaultReader(readable);
      const read = old.read(new Uint8Array(10));
      read.catch(() => {});
      old.releaseLock();
      await expect(read).rejects.toThrow(TypeError);
    }
    const reader = readable.getReader();
    wire.tcp.write('one');
    await sleep(20);
    const first = reader.read();
    await sleep(20);
    wire.tcp.write('two');
    expect([text((await first).value), text((await reader.read()).value)]).toEqual(['one', 'two']);
  },
);

test('reads of the platform and of the reader, mixed, are answered in the order in which they were called', async () => {
  const bulk = Buffer.alloc(600_000).map((_, index) => index >> 12);
  const { readable, wire } = await greeted('');
  const reader = readable.getReader();
  wire.tcp.write(bulk);
  await sleep(50);
  const got: { index: number; start: number }[] = [];
  for (let index = 0; index < 6; index += 1) {
    const read = index % 3 === 2 ? reader.read() : plainRead(reader);
    read.then((answer) => {
      const { value } = answer as { value?: Uint8Array };
      got.push({ index, start: value?.[0] ?? -1 });
    });
  }
  for (let left = 100; got.length < 6 && left > 0; left -= 1) await sleep(10);
  // In bulk, as each byte tells where it stood.
  const starts = got.sort((a, b) => a.index - b.index).map(({ start }) => start);
  expect(starts).toHaveLength(6);
  expect(starts).toEqual([...starts].sort((a, b) => a - b));
});

test('releaseLock() rejects closed first, then the reads', async () => {
  const { readable } = await greeted('');
  const log = new Log();
  const reader = readable.getReader();
  log.settle('closed', reader.closed);
  log.settle('first', reader.read());
  log.settle('second', reader.read());
  reader.releaseLock();
  await turn();
  expect(log.lines.map((line) => line.split(' ')[0])).toEqual(['closed', 'first', 'second']);
});

test.each([undefined, null, {}, { mode: undefined }])(
  'getReader(%j) is a default reader',
  async (options) => {
    const { readable } = await greeted();
    const reader = readable.getReader(options as { mode: 'byob' });
    expect(reader).toBeInstanceOf(ReadableStreamDefaultReader);
    expect(Object.prototype.toString.call(reader)).toBe('[object ReadableStreamDefaultReader]');
    expect(text((await (reader as unknown as ReadableStreamDefaultReader).read()).value)).toBe('abc');
  },
);

test('getReader() with a wrong mode, or of a locked stream, throws TypeError', async () => {
  const { readable } = await greeted();
  for (const options of [{ mode: 'bytes' }, { mode: null }, 'byob']) {
    expect(() => readable.getReader(options as { mode: 'byob' })).toThrow(TypeError);
  }
  expect(readable.locked).toBe(false);
  readable.getReader();
  expect(() => readable.getReader()).toThrow(TypeError);
});

test('who sends a small chunk on as a transfer takes 64 KiB from nobody', async () => {
  const { readable, wire } = await greeted();
  const reader = readable.getReader();
  const { value } = await reader.read();
  expect(value?.buffer.byteLength).toBe(3);
  structuredClone(value, { transfer: [value?.buffer as ArrayBuffer] });
  wire.tcp.write('more');
  expect(text((await reader.read()).value)).toBe('more');
});

test('a stream that has been read from is disturbed', async () => {
  const { readable } = await greeted();
  const reader = readable.getReader();
  await reader.read();
  reader.releaseLock();
  expect(() => Reflect.construct(Response, [readable])).toThrow(TypeError);
});

test('read() of anything but a reader rejects and does not throw', async () => {
  const { readable } = await greeted();
  const { read } = readable.getReader();
  for (const self of [undefined, {}, readable]) {
    await expect(Reflect.apply(read, self, [])).rejects.toThrow(TypeError);
  }
});

test('every class says that it is of the platform', async () => {
  const { readable, writable } = (await open()).socket;
  const made: [object, object][] = [
    [readable, ReadableStream],
    [readable.getReader(), ReadableStreamDefaultReader],
    [writable, WritableStream],
    [writable.getWriter(), WritableStreamDefaultWriter],
  ];
  for (const [thing, its] of made) expect(thing.constructor).toBe(its);
});

test('rejections that nobody handles are reported as by the platform', async () => {
  const results = [];
  for (const kind of ['socket', 'platform']) {
    const args = ['__test__/fixtures/stream-ignored.mjs', kind, peer.address];
    peer.onWire = () => {};
    const { code, stdout, stderr } = await runNode(args, { deadline: 20_000 });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    results.push(JSON.parse(stdout));
  }
  expect(results[0]).toEqual(results[1]);
});

test('nothing was unhandled, and every wait has its end', async () => {
  expect(strays).toEqual([]);
  const { readable } = await greeted('');
  expect(await ending(readable.cancel())).toBe('resolves');
});
