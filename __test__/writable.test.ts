/** The writable side as Streams has it: what was written arrives as it was, or the write says that it did not. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { runInNewContext } from 'node:vm';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { strayRejections } from './behaviour/leftovers.ts';
import { patterned, sha256, Tally } from './behaviour/pattern.ts';
import type { Trust } from './behaviour/scene.ts';
import { ending } from './behaviour/settlement.ts';
import { stage, trustForTests } from './behaviour/stage.ts';
import { Peer, type Wire } from './behaviour/wire.ts';

const MIB = 1024 * 1024;
const data = patterned(3 * MIB + 7);

let trust: Trust;
const strays = strayRejections();
beforeAll(async () => {
  trust = await trustForTests();
});

/** Everything that the peer gets, to our end. */
function received({ stream }: Wire): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk)).resume();
  return new Promise((resolve, reject) => {
    stream.once('end', () => resolve(Buffer.concat(chunks)));
    stream.once('error', reject);
  });
}

describe.each(['plain', 'TLS 1.3'] as const)('%s', (transport) => {
  test('a buffer may be changed and used again once its write has resolved', async () => {
    await using at = await stage(trust, transport);
    const { writer } = at.scene;
    const tally = new Tally();
    at.wire.stream.on('data', (chunk: Buffer) => {
      tally.add(chunk);
      at.wire.stream.pause();
      setTimeout(() => at.wire.stream.resume(), 1);
    });
    const end = new Promise((resolve) => at.wire.stream.once('end', resolve));
    at.wire.listen();
    const buffer = new Uint8Array(70_001);
    const expected = new Tally();
    for (let round = 0; round < 60; round += 1) {
      buffer.fill(round);
      expected.add(buffer);
      await writer.write(buffer);
      buffer.fill(255);
    }
    await writer.close();
    await end;
    expect(tally.digest()).toBe(expected.digest());
  });

  test('one chunk of 32 MiB, and a string of 4 MiB', async () => {
    await using at = await stage(trust, transport);
    const big = patterned(32 * MIB);
    const text = 'größer '.repeat(MIB / 2);
    const whole = received(at.wire);
    at.scene.writer.write(big).catch(() => {});
    at.scene.writer.write(text).catch(() => {});
    await at.scene.writer.close();
    expect(sha256(await whole)).toBe(sha256(Buffer.concat([big, Buffer.from(text)])));
  });

  test('a lone surrogate becomes U+FFFD, as everywhere', async () => {
    await using at = await stage(trust, transport);
    const whole = received(at.wire);
    await at.scene.writer.write('a\ud800b\u{1f600}');
    await at.scene.writer.close();
    expect(String(await whole)).toBe('a\ufffdb\u{1f600}');
  });

  test('ten thousand small writes that nobody awaits arrive in order, and the queue empties', async () => {
    await using at = await stage(trust, transport);
    const { writer } = at.scene;
    const whole = received(at.wire);
    const full = writer.desiredSize;
    let expected = '';
    let last = Promise.resolve();
    for (let index = 0; index < 10_000; index += 1) {
      const word = `${index} `;
      expected += word;
      last = writer.write(index % 2 === 0 ? word : Buffer.from(word));
    }
    await last;
    expect(writer.desiredSize).toBe(full);
    await writer.close();
    expect(String(await whole)).toBe(expected);
  });

  test('a detached buffer is refused: the write rejects, and the peer gets an end and nothing else', async () => {
    await using at = await stage(trust, transport);
    const { writer } = at.scene;
    const view = new Uint8Array(8);
    structuredClone(view, { transfer: [view.buffer] });
    const whole = received(at.wire);
    await expect(writer.write(view)).rejects.toThrow(TypeError);
    await expect(writer.closed).rejects.toThrow(TypeError);
    at.scene.socket.close();
    expect((await whole).byteLength).toBe(0);
  });

  const taken: [string, (buffer: ArrayBuffer) => void][] = [
    ['transferred away', (buffer) => void structuredClone(buffer, { transfer: [buffer] })],
    ['made smaller', (buffer) => (buffer as unknown as { resize(length: number): void }).resize(10)],
  ];
  test.each(taken)('a buffer that is %s in the middle of its write', async (_, take) => {
    await using at = await stage(trust, transport);
    const { writer } = at.scene;
    at.wire.deaf();
    const options = { maxByteLength: 16 * MIB };
    const buffer = Reflect.construct(ArrayBuffer, [16 * MIB, options]) as ArrayBuffer;
    const write = writer.write(new Uint8Array(buffer));
    write.catch(() => {});
    await sleep(50);
    take(buffer);
    at.wire.drain().listen();
    const error = await write.then(
      () => undefined,
      (reason) => reason,
    );
    // What is left of it cannot be sent: an error that blames the caller, not this package.
    expect(error).toBeInstanceOf(TypeError);
    expect(error.code).not.toBe('ERR_INTERNAL');
    expect(await ending(at.scene.socket.close())).toBe('resolves');
  });

  test('a view whose length cannot be told ends the side: the peer gets an end, and the socket closes', async () => {
    await using at = await stage(trust, transport, 'half-open');
    const buffer = new ArrayBuffer(8);
    const view = new DataView(buffer);
    structuredClone(buffer, { transfer: [buffer] });
    const end = once(at.wire.tcp, 'end');
    at.wire.listen();
    await expect(at.scene.writer.write(view as unknown as string)).rejects.toThrow(TypeError);
    await end;
    expect(await ending(at.scene.socket.closed)).toBe('resolves');
  });

  test.each([
    'bytes.buffer',
    'bytes',
    'bytes.subarray(2)',
    'new DataView(bytes.buffer, 3)',
    'new Uint16Array(bytes.buffer)',
    'new SharedArrayBuffer(4)',
  ])('a chunk of another realm: %s', async (source) => {
    await using at = await stage(trust, transport);
    const chunk = runInNewContext(`const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6); ${source}`);
    const view = ArrayBuffer.isView(chunk);
    const expected = view
      ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      : Buffer.from(chunk);
    const whole = received(at.wire);
    await at.scene.writer.write(chunk);
    await at.scene.writer.close();
    expect([...(await whole)]).toEqual([...expected]);
  });

  test('abort() with writes in flight and queued: each rejects with the reason', async () => {
    await using at = await stage(trust, transport);
    const { writer } = at.scene;
    at.wire.deaf();
    const writes = [new Uint8Array(16 * MIB), 'one', 'two'].map((chunk) => writer.write(chunk));
    for (const write of writes) write.catch(() => {});
    await sleep(20);
    const reason = new Error('enough');
    expect(await ending(writer.abort(reason))).toBe('resolves');
    for (const write of writes) await expect(write).rejects.toBe(reason);
    await expect(writer.closed).rejects.toBe(reason);
  });

  test('a lock may be passed on with writes in flight: order is kept', async () => {
    await using at = await stage(trust, transport);
    const { socket, writer } = at.scene;
    const whole = received(at.wire);
    const first = writer.write(data);
    writer.releaseLock();
    const next = socket.writable.getWriter();
    next.write('the end').catch(() => {});
    await next.close();
    await first;
    expect(sha256(await whole)).toBe(sha256(Buffer.concat([data, Buffer.from('the end')])));
  });

  test('pipeTo() the writable with preventClose leaves it open', async () => {
    await using at = await stage(trust, transport);
    const { socket, writer } = at.scene;
    writer.releaseLock();
    const whole = received(at.wire);
    const source = () => new Blob([data]).stream() as unknown as ReadableStream<Uint8Array>;
    const into = socket.writable as WritableStream<Uint8Array>;
    await source().pipeTo(into, { preventClose: true });
    await source().pipeTo(into);
    expect(sha256(await whole)).toBe(sha256(Buffer.concat([data, data])));
  });

  test('a source that fails aborts the writable: our side ends, the reading side goes on', async () => {
    await using at = await stage(trust, transport);
    const { socket, writer, reader } = at.scene;
    writer.releaseLock();
    const failing = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.error(new Error('gone')),
    });
    await expect(failing.pipeTo(socket.writable)).rejects.toThrow('gone');
    at.wire.stream.write('still here');
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('still here');
  });

  test('nothing was unhandled', () => expect(strays).toEqual([]));
});

test('a buffer that is transferred away before the connection is open: its write does not resolve', async () => {
  await using peer = await Peer.open();
  const socket = connect(peer.address);
  const writer = socket.writable.getWriter();
  writer.closed.catch(() => {});
  const buffer = new ArrayBuffer(1000);
  const write = writer.write(new Uint8Array(buffer));
  write.catch(() => {});
  await null;
  structuredClone(buffer, { transfer: [buffer] });
  const whole = received(await peer.wire());
  expect(await ending(write)).toBe('ERR_INVALID_CHUNK');
  socket.close();
  expect((await whole).byteLength).toBe(0);
});
