/** A socket's writable beside a stream of the platform: nobody can tell which is which. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect, type Socket } from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { ending } from './behaviour/settlement.ts';
import { Peer, type Wire } from './behaviour/wire.ts';
import { runNode } from './fixtures/node-process.mjs';
import { even, Log, parts, ReferenceSink, random } from './fixtures/stream-twins.mjs';

const MARK = 65_536;
const MUCH = new Uint8Array(16 * 1024 * 1024);

let peer: Peer;
const strays = strayRejections();
beforeAll(async () => {
  peer = await Peer.open();
});
afterAll(() => peer.close());

type Writer = WritableStreamDefaultWriter<unknown>;

interface Side {
  writable: WritableStream<unknown>;
  log: Log;
  writer?: Writer;
}

interface Stage {
  socket: Socket;
  writable: WritableStream<unknown>;
  wire: Wire;
}

/** A socket whose streams have started. */
async function open(): Promise<Stage> {
  const socket = connect(peer.address, { allowHalfOpen: true, highWaterMark: MARK });
  const wire = await peer.wire();
  await socket.opened;
  const writable = socket.writable as WritableStream<unknown>;
  await turn();
  return { socket, writable, wire };
}

/** A writer with a write that the peer does not take. */
async function stuck(stage: Stage): Promise<{ writer: Writer; write: Promise<void> }> {
  stage.wire.deaf();
  const writer = stage.writable.getWriter();
  writer.closed.catch(() => {});
  const write = writer.write(MUCH);
  write.catch(() => {});
  await sleep(20);
  return { writer, write };
}

/** The platform's own methods, past those of the writer. */
const plain = WritableStreamDefaultWriter.prototype as Writer;

function lock(side: Side, own: boolean): void {
  side.writer = own ? side.writable.getWriter() : new WritableStreamDefaultWriter(side.writable);
  side.log.settle('closed', side.writer.closed);
}

/** Some operations in a row, then the peer may read again, and that twelve times. What both sides have said, and got. */
async function randomly(seed: number, { writable, wire }: Stage) {
  const next = random(seed);
  const one = <T>(...items: T[]): T => items[Math.floor(next() * items.length)] as T;
  wire.drain();
  const reference = new ReferenceSink(MARK);
  const ours: Side = { writable, log: new Log() };
  const theirs: Side = { writable: reference.writable, log: new Log() };
  let step = 0;
  const both = (name: string, operation: (side: Side) => unknown) => {
    for (const side of [ours, theirs]) side.log.call(`${step} ${name}`, () => operation(side));
    step += 1;
  };
  const operate = (first: boolean) => {
    const dice = next();
    const length = one(0, 1, 100, 3000, 30_000, MARK - 1, MARK, 100_000);
    const form = one<(length: number) => unknown>(
      (count) => new Uint8Array(count),
      (count) => 'x'.repeat(count),
      (count) => new ArrayBuffer(count),
      (count) => new DataView(new ArrayBuffer(count)),
      (count) => new Uint8Array(new SharedArrayBuffer(count)),
    );
    const own = next() < 0.75;
    if (dice < 0.2) {
      if (!theirs.writable.locked || next() < 0.05) both('get', (side) => lock(side, own));
    } else if (dice < 0.6) both(`write ${length}`, ({ writer }) => writer?.write(form(length)));
    else if (dice < 0.65) both('ready', ({ writer }) => writer?.ready);
    else if (dice < 0.75) {
      if (!reference.stuck) both('size', ({ writer }) => writer?.desiredSize);
    } else if (dice < 0.8) both('release', ({ writer }) => writer?.releaseLock());
    else if (dice < 0.81) both('close', ({ writer }) => writer?.close());
    else if (dice < 0.82) both('close by the platform', ({ writer }) => writer && plain.close.call(writer));
    // In the midst of writes it depends on the sink which of them have begun.
    else if (dice < 0.83 && first) both('abort', ({ writer }) => writer?.abort(new Error('reason: enough')));
    else if (dice < 0.84) both('close the stream', (side) => side.writable.close());
    else if (dice < 0.85 && first)
      both('abort the stream', (side) => side.writable.abort(new Error('reason')));
    else if (dice < 0.86 && first) both('write a number', ({ writer }) => writer?.write(1));
    else if (dice < 0.88 && first && !reference.stuck && theirs.writer) {
      wire.stream.pause();
      reference.stuck = true;
      both('write much', ({ writer }) => writer?.write(MUCH));
    }
  };
  for (let burst = 0; burst < 12; burst += 1) {
    for (let count = one(1, 2, 3, 4), first = true; count > 0; count -= 1, first = false) operate(first);
    await turn();
    if (reference.stuck) {
      await sleep(5);
      if (burst === 11 || next() < 0.4) {
        wire.stream.resume();
        reference.unstick();
      }
    }
    await even(ours.log, theirs.log);
  }
  return { ours: parts(ours.log.lines), theirs: parts(theirs.log.lines) };
}

test.each([1, 2, 3, 4])(
  'random operations, set %i',
  async (set) => {
    for (let group = 0; group < 5; group += 1) {
      const seeds = Array.from({ length: 15 }, (_, index) => 100 * set + 15 * group + index);
      const stages = [];
      for (const seed of seeds) stages.push({ seed, at: await open() });
      await Promise.all(
        stages.map(async ({ seed, at }) => {
          const { ours, theirs } = await randomly(seed, at);
          at.wire.tcp.destroy();
          expect(ours, `seed ${seed}`).toEqual(theirs);
        }),
      );
    }
  },
  30_000,
);

test('writes of every kind and size resolve in the order in which they were made, and arrive in it', async () => {
  const { writable, wire } = await open();
  const received: Buffer[] = [];
  wire.tcp.on('data', (chunk) => received.push(chunk)).resume();
  const writer = writable.getWriter();
  const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);
  const chunks = [
    bytes(9, 1),
    bytes(MARK, 2),
    bytes(1, 3),
    '',
    'b',
    bytes(8, 4).buffer,
    bytes(70_000, 5),
    'end',
  ];
  const order: number[] = [];
  await Promise.all(chunks.map((chunk, index) => writer.write(chunk).then(() => order.push(index))));
  expect(order).toEqual(chunks.map((_, index) => index));
  await writer.close();
  const expected = Buffer.concat(chunks.map((chunk) => Buffer.from(chunk as Uint8Array)));
  for (let left = 100; Buffer.concat(received).length < expected.length && left > 0; left -= 1)
    await sleep(5);
  expect(Buffer.concat(received).equals(expected)).toBe(true);
});

test.each(['releaseLock', 'abort'] as const)(
  '%s() rejects ready at once, before anything else',
  async (how) => {
    const stage = await open();
    const { writer, write } = await stuck(stage);
    const { ready } = writer;
    expect(writer.ready).toBe(ready);
    const log = new Log();
    log.settle('closed', writer.closed);
    log.settle('write', write);
    log.settle('ready', ready);
    writer[how]();
    for (let left = 10; left > 0; left -= 1) await turn();
    expect(log.lines[0]).toMatch(/^ready rejects/);
    if (how === 'releaseLock') {
      const { ready: late } = writer;
      await expect(late).rejects.toThrow(TypeError);
      expect(() => writer.desiredSize).toThrow(TypeError);
    }
    stage.wire.tcp.destroy();
  },
);

test('ready waits while the peer does not read, and then goes on', async () => {
  const stage = await open();
  const { writer } = await stuck(stage);
  expect(writer.desiredSize).toBeLessThanOrEqual(0);
  expect(await ending(writer.ready, 50)).toBe('pending');
  stage.wire.drain().listen();
  expect(await ending(writer.ready)).toBe('resolves');
  expect(writer.desiredSize).toBeGreaterThan(0);
});

test('close() resolves ready, of before and of after', async () => {
  const stage = await open();
  const { writer } = await stuck(stage);
  const { ready } = writer;
  writer.close().catch(() => {});
  expect([await ending(ready, 200), await ending(writer.ready, 200)]).toEqual(['resolves', 'resolves']);
  stage.wire.tcp.destroy();
});

test('write() after close() rejects and does not throw, also when the close is done', async () => {
  const { writable, wire } = await open();
  wire.drain();
  const writer = writable.getWriter();
  await writer.write('x');
  const closed = writer.close();
  await expect(Promise.resolve().then(() => writer.write('late'))).rejects.toMatchObject({
    code: 'ERR_INVALID_STATE',
  });
  await closed;
  let late: Promise<void> | undefined;
  expect(() => {
    late = writer.write('later');
  }).not.toThrow();
  await expect(late).rejects.toThrow(TypeError);
});

test('writes, a pipe with preventClose, one that is aborted with preventAbort, and writes again: all arrive in order', async () => {
  const { writable, wire } = await open();
  const heard: Buffer[] = [];
  wire.tcp.on('data', (chunk) => heard.push(chunk)).resume();
  const source = (...chunks: string[]) =>
    new ReadableStream<unknown>({
      start: (controller) => chunks.forEach((chunk) => void controller.enqueue(chunk)),
    });
  const writer = writable.getWriter();
  for (const chunk of ['a', 'b'.repeat(MARK), 'c']) writer.write(chunk).catch(() => {});
  writer.releaseLock();
  await new Blob(['d']).stream().pipeTo(writable as WritableStream<Uint8Array>, { preventClose: true });
  const abort = new AbortController();
  const piped = source('e', 'f').pipeTo(writable, { signal: abort.signal, preventAbort: true });
  await sleep(20);
  abort.abort();
  await expect(piped).rejects.toThrow(/abort/i);
  const last = writable.getWriter();
  last.write('g').catch(() => {});
  await last.close();
  await sleep(50);
  expect(Buffer.concat(heard).toString().replace(/b+/, 'b')).toBe('abcdefg');
});

test('a chunk may be overwritten after its write has resolved, and a small one is as it was when it was written', async () => {
  const { writable, wire } = await open();
  const heard: Buffer[] = [];
  wire.tcp.on('data', (chunk) => heard.push(chunk)).resume();
  const writer = writable.getWriter();
  for (let round = 0; round < 50; round += 1) {
    const chunk = new Uint8Array(round % 2 ? 10 : MARK + 1).fill(round);
    await writer.write(chunk);
    chunk.fill(255);
  }
  await writer.close();
  await sleep(100);
  expect(Buffer.concat(heard).includes(255)).toBe(false);
});

test('write(), close() and abort() of anything but a writer reject and do not throw', async () => {
  const { writable } = await open();
  const writer = writable.getWriter();
  for (const name of ['write', 'close', 'abort'] as const) {
    for (const self of [undefined, {}, writable]) {
      await expect(Reflect.apply(writer[name], self, ['x'])).rejects.toThrow(TypeError);
    }
  }
  await expect(writer.write(Object.create(Uint8Array.prototype))).rejects.toThrow(TypeError);
});

// Only a write that waits keeps a socket that nobody holds.
test.each(['a write that waits for a turn', 'a read of a default reader'])(
  'not collected is a socket with nothing but %s',
  async (name) => {
    peer.onWire = (wire) => {
      wire.drain();
      setTimeout(() => wire.tcp.write('later'), 300);
    };
    const args = ['--expose-gc', '__test__/fixtures/stream-collected.mjs', name, peer.address];
    const { code, stdout, stderr } = await runNode(args, { deadline: 10_000 });
    expect({ code, stdout: stdout.trim(), stderr }).toEqual({ code: 0, stdout: 'settled', stderr: '' });
  },
);

test('nothing was unhandled', () => expect(strays).toEqual([]));
