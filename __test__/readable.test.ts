/** The readable side as Streams has it: whoever reads how, nothing is lost, doubled or mixed up. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { strayRejections } from './behaviour/leftovers.ts';
import { liveBytes } from './behaviour/memory.ts';
import { patterned, sha256, Tally } from './behaviour/pattern.ts';
import type { Trust } from './behaviour/scene.ts';
import { ending } from './behaviour/settlement.ts';
import { stage, trustForTests } from './behaviour/stage.ts';

const data = patterned(3 * 1024 * 1024 + 7);
const hash = sha256(data);

let trust: Trust;
const strays = strayRejections();
beforeAll(async () => {
  trust = await trustForTests();
});

/** A socket at which `bytes` arrive, then the end. Its readable is not locked. */
async function arriving(transport: 'plain' | 'TLS 1.3', bytes: Uint8Array = data, end = true) {
  const at = await stage(trust, transport);
  at.scene.reader.releaseLock();
  at.wire.stream.write(bytes);
  if (end) at.wire.end();
  return Object.assign(at, { readable: at.scene.socket.readable });
}

async function digestOf(chunks: AsyncIterable<Uint8Array>, pause = 0): Promise<string> {
  const tally = new Tally();
  for await (const chunk of chunks) {
    tally.add(chunk);
    if (pause > 0) await sleep(pause);
  }
  return tally.digest();
}

describe.each(['plain', 'TLS 1.3'] as const)('%s', (transport) => {
  const views = [
    Int8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigUint64Array,
    DataView,
  ];
  test.each(views.map((view) => ({ name: view.name, view })))(
    'a BYOB read into a $name',
    async ({ view }) => {
      await using at = await arriving(transport, patterned(64));
      const reader = at.readable.getReader({ mode: 'byob' });
      const length = 64 / ('BYTES_PER_ELEMENT' in view ? view.BYTES_PER_ELEMENT : 1);
      const into: ArrayBufferView = Reflect.construct(view, [new ArrayBuffer(128), 8, length]);
      await sleep(50);
      const { value, done } = await reader.read(into);
      expect({ done, kind: value?.constructor, at: value?.byteOffset }).toEqual({
        done: false,
        kind: view,
        at: 8,
      });
      const bytes = value && new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
      expect(bytes).toEqual(patterned(64));
    },
  );

  test('the end within an element of a view: the read rejects, and the socket closes', async () => {
    await using at = await arriving(transport, new Uint8Array(3));
    const reader = at.readable.getReader({ mode: 'byob' });
    const { value } = await reader.read(new Uint16Array(4));
    expect(value?.byteLength).toBe(2);
    await expect(reader.read(new Uint16Array(4))).rejects.toThrow(TypeError);
    expect(await ending(at.scene.socket.closed)).toBe('resolves');
  });

  test('views that nothing can be read into are refused, and nothing is lost', async () => {
    await using at = await arriving(transport);
    const reader = at.readable.getReader({ mode: 'byob' });
    const detached = new Uint8Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    for (const view of [new Uint8Array(0), detached]) {
      await expect(reader.read(view)).rejects.toThrow(TypeError);
    }
    reader.releaseLock();
    expect(await digestOf(at.readable)).toBe(hash);
  });

  test('default and BYOB readers in turns, with views of every size', async () => {
    await using at = await arriving(transport);
    const tally = new Tally();
    for (let round = 0, done = false; !done; round += 1) {
      if (round % 3 === 0) {
        const reader = at.readable.getReader();
        const next = await reader.read();
        reader.releaseLock();
        done = next.done;
        if (next.value) tally.add(next.value);
      } else {
        const reader = at.readable.getReader({ mode: 'byob' });
        const next = await reader.read(new Uint8Array(1 + ((round * 7919) % 150_000)));
        reader.releaseLock();
        done = next.done;
        if (next.value) tally.add(next.value);
      }
    }
    expect(tally.digest()).toBe(hash);
  });

  test('releaseLock() at any moment of a read loses nothing', async () => {
    await using at = await arriving(transport, new Uint8Array(0), false);
    const tally = new Tally();
    const send = (async () => {
      for (let offset = 0; offset < data.byteLength; offset += 20_000) {
        at.wire.stream.write(data.subarray(offset, offset + 20_000));
        await turn();
      }
      at.wire.end();
    })();
    for (let round = 0, done = false; !done; round += 1) {
      const reader = at.readable.getReader();
      const read = reader.read().then(
        (next) => {
          if (next.value) tally.add(next.value);
          return next.done;
        },
        () => false,
      );
      for (let turns = round % 4; turns > 0; turns -= 1) await turn();
      if (round % 7 === 0) await sleep(1);
      reader.releaseLock();
      done = await read;
    }
    await send;
    expect(tally.digest()).toBe(hash);
  });

  test('releaseLock() with a BYOB read pending: the next reader of either kind gets the data', async () => {
    await using at = await arriving(transport, new Uint8Array(0), false);
    for (const text of ['one', 'two']) {
      const first = at.readable.getReader({ mode: 'byob' });
      const read = first.read(new Uint8Array(100));
      read.catch(() => {});
      first.releaseLock();
      await expect(read).rejects.toThrow(TypeError);
      at.wire.stream.write(text);
      const second = at.readable.getReader();
      expect(Buffer.from((await second.read()).value ?? []).toString()).toBe(text);
      second.releaseLock();
    }
  });

  test('a BYOB reader that has gone, and the end of the peer: the data is in the last read, not lost', async () => {
    await using at = await arriving(transport, new Uint8Array(0), false);
    const first = at.readable.getReader({ mode: 'byob' });
    first.read(new Uint8Array(100)).catch(() => {});
    await turn();
    first.releaseLock();
    const second = at.readable.getReader();
    const reads = [second.read(), second.read()] as const;
    at.wire.stream.write('last');
    at.wire.end();
    expect(Buffer.from((await reads[0]).value ?? []).toString()).toBe('last');
    expect(await ending(reads[1])).toBe('done');
  });

  test('what comes after releaseLock() with a read pending is not delivered after close()', async () => {
    await using at = await arriving(transport, new Uint8Array(0), false);
    const first = at.readable.getReader();
    first.read().catch(() => {});
    await turn();
    first.releaseLock();
    at.wire.stream.write('late');
    await sleep(50);
    await at.scene.socket.close();
    expect(await at.readable.getReader().read()).toEqual({ done: true, value: undefined });
  });

  test('the memory behind a chunk is clear: nothing of this process gets out with it', async () => {
    await using at = await arriving(transport, new Uint8Array(0), false);
    // What is freed here is what the next chunks are made of.
    for (let index = 0; index < 200; index += 1) Buffer.allocUnsafeSlow(65_536).fill('secret');
    liveBytes(); // collects
    const reader = at.readable.getReader();
    for (let round = 0; round < 30; round += 1) {
      at.wire.stream.write(new Uint8Array(40_000));
      for (let left = 40_000; left > 0; ) {
        const { value } = await reader.read();
        if (value === undefined) throw new Error('it ended');
        left -= value.byteLength;
        expect(Buffer.from(value.buffer).some((byte) => byte !== 0)).toBe(false);
      }
    }
  });

  test('a hundred reads that wait are served in order', async () => {
    await using at = await arriving(transport, new Uint8Array(0), false);
    const reader = at.readable.getReader();
    const order: number[] = [];
    const reads = Array.from({ length: 100 }, (_, index) => reader.read().then(() => order.push(index)));
    for (let index = 0; index < 100; index += 1) {
      at.wire.stream.write('x');
      await turn();
      if (index % 10 === 0) await sleep(1);
    }
    at.wire.end();
    await Promise.all(reads);
    expect(order).toEqual(reads.map((_, index) => index));
  });

  test('both branches of tee() get everything, at their own speed', async () => {
    await using at = await arriving(transport);
    const [fast, slow] = at.readable.tee();
    expect(await Promise.all([digestOf(fast), digestOf(slow, 1)])).toEqual([hash, hash]);
  });

  test('one branch of tee() may be cancelled', async () => {
    await using at = await arriving(transport);
    const [kept, cancelled] = at.readable.tee();
    cancelled.cancel().catch(() => {});
    expect(await digestOf(kept)).toBe(hash);
  });

  test('async iteration that breaks off with preventCancel can be taken up again', async () => {
    await using at = await arriving(transport);
    const tally = new Tally();
    for await (const chunk of at.readable.values({ preventCancel: true })) {
      tally.add(chunk);
      if (tally.length > 1_000_000) break;
    }
    for await (const chunk of at.readable) tally.add(chunk);
    expect(tally.digest()).toBe(hash);
  });

  test('async iteration that breaks off cancels, and the socket closes with our end', async () => {
    await using at = await arriving(transport, data, false);
    for await (const _ of at.readable) break;
    expect(at.readable.locked).toBe(false);
    expect(await at.readable.getReader().read()).toEqual({ done: true, value: undefined });
    await at.scene.writer.close();
    expect(await ending(at.scene.socket.closed)).toBe('resolves');
  });

  test('pipeTo() a slow sink, and through a transform', async () => {
    await using at = await arriving(transport);
    const tally = new Tally();
    const sink = new WritableStream<Uint8Array>({
      write: async (chunk) => {
        tally.add(chunk);
        await sleep(1);
      },
    });
    await at.readable.pipeThrough(new TransformStream<Uint8Array, Uint8Array>()).pipeTo(sink);
    expect(tally.digest()).toBe(hash);
    expect(await ending(at.scene.socket.closed)).toBe('resolves');
  });

  test('pipeTo() that is aborted with preventCancel leaves the rest to the next reader', async () => {
    await using at = await arriving(transport);
    const tally = new Tally();
    const abort = new AbortController();
    const sink = new WritableStream<Uint8Array>({
      write: (chunk) => {
        tally.add(chunk);
        if (tally.length > 1_000_000) abort.abort();
      },
    });
    const piped = at.readable.pipeTo(sink, { signal: abort.signal, preventCancel: true });
    await expect(piped).rejects.toThrow(/abort/i);
    for await (const chunk of at.readable) tally.add(chunk);
    expect(tally.digest()).toBe(hash);
  });

  test('new Response(readable) reads it to the end', async () => {
    await using at = await arriving(transport);
    // Of a branch, because Response wants a stream from which nothing has been read yet.
    const [body] = at.readable.tee();
    expect(sha256(new Uint8Array(await new Response(body).arrayBuffer()))).toBe(hash);
  });

  test('cancel() while the peer sends without end', async () => {
    await using at = await arriving(transport, data, false);
    const { stream } = at.wire;
    const flood = () => {
      while (stream.write(data.subarray(0, 65_536)));
    };
    stream.on('drain', flood);
    flood();
    const reader = at.readable.getReader();
    await reader.read();
    const waiting = reader.read();
    expect(await ending(reader.cancel(new Error('enough')))).toBe('resolves');
    expect(await ending(waiting)).toMatch(/^(resolves|done)$/);
    stream.off('drain', flood);
    expect(await ending(at.scene.socket.close())).toBe('resolves');
  });

  test('nothing was unhandled', () => expect(strays).toEqual([]));
});
