/** close(): what was queued goes out, for about a second at most, and nothing is left. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { patterned, sha256, Tally } from './behaviour/pattern.ts';
import { everyTransport, Scene, type Trust } from './behaviour/scene.ts';
import { ending, endings } from './behaviour/settlement.ts';
import { stage, trustForTests } from './behaviour/stage.ts';
import { Peer, type Wire } from './behaviour/wire.ts';

let trust: Trust;
let before: number;
const strays = strayRejections();
const MIB = 1024 * 1024;

beforeAll(async () => {
  trust = await trustForTests();
  await using peer = await Peer.open();
  await (await new Scene('plain', trust).reach('idle', peer)).socket.close();
});

/** What the peer receives until our side ends. Rejects if it does not end properly. */
async function receiveAll({ stream }: Wire): Promise<Tally> {
  const tally = new Tally();
  stream.on('data', (chunk: Buffer) => tally.add(chunk));
  const end = once(stream, 'end');
  stream.resume();
  await end;
  return tally;
}

describe.each(everyTransport)('%s', (transport) => {
  beforeAll(() => {
    before = openSockets();
  });

  test('writes of every kind that were queued arrive in order', async () => {
    await using at = await stage(trust, transport);
    const { writer, socket } = at.scene;
    const bytes = patterned(3 * MIB);
    const queued: (string | Uint8Array)[] = ['begin ', bytes.subarray(5, 2 * MIB), '', 'ümlaut', bytes];
    const order: string[] = [];
    for (const [index, chunk] of queued.entries()) {
      writer.write(chunk).then(
        () => order.push(`write ${index}`),
        () => order.push(`rejected ${index}`),
      );
    }
    const closed = socket.close().then(() => order.push('closed'));
    await sleep(200);
    const received = receiveAll(at.wire);
    await closed;
    expect(order).toEqual(['write 0', 'write 1', 'write 2', 'write 3', 'write 4', 'closed']);
    expect((await received).digest()).toBe(sha256(Buffer.concat(queued.map((chunk) => Buffer.from(chunk)))));
  });

  test('a peer that does not read: after the bound every queued write rejects with the reason, and the peer sees a cut', async () => {
    await using at = await stage(trust, transport);
    const { writer, socket } = at.scene;
    at.wire.deaf();
    const writes = [new Uint8Array(16 * MIB), 'one', 'two'].map((chunk) => writer.write(chunk));
    for (const write of writes) write.catch(() => {});
    const reason = new Error('enough');
    await socket.close(reason);
    for (const write of writes) await expect(write).rejects.toBe(reason);
    await expect(writer.closed).rejects.toBe(reason);
    // An end would tell it that it had everything. Asked by a write, which works after an end: for what Node reads
    // late, it makes an end of a reset.
    await sleep(100);
    const told = new Promise((resolve, reject) =>
      at.wire.tcp.write('?', (error) => (error ? reject(error) : resolve(error))),
    );
    expect(await ending(told)).toMatch(/^(ECONNRESET|EPIPE)$/);
  });

  test('data that we have not read does not cost the peer what we wrote', async () => {
    await using at = await stage(trust, transport);
    const { writer, socket } = at.scene;
    at.wire.stream.write(new Uint8Array(MIB));
    await sleep(50);
    writer.write(patterned(MIB)).catch(() => {});
    const closed = socket.close();
    await sleep(100);
    const received = await receiveAll(at.wire);
    expect(received.length).toBe(MIB);
    expect(received.digest()).toBe(sha256(patterned(MIB)));
    await closed;
  });

  // Elsewhere the system does not say what is still under way.
  test.runIf(process.platform === 'linux')(
    'a peer that talks, and reads late, gets all that was taken',
    async () => {
      await using at = await stage(trust, transport);
      const { writer, socket } = at.scene;
      at.wire.deaf();
      const bytes = patterned(MIB / 4);
      await writer.write(bytes);
      await socket.close();
      at.wire.stream.write('are you there?');
      // Longer than is listened where nothing is under way.
      await sleep(1500);
      const received = receiveAll(at.wire);
      at.wire.listen();
      expect((await received).digest()).toBe(sha256(bytes));
    },
  );

  test('locks stay, and their holders are told', async () => {
    await using at = await stage(trust, transport, 'reading');
    const { reader, writer, socket, read } = at.scene;
    await socket.close();
    expect(socket.readable.locked && socket.writable.locked).toBe(true);
    expect(await read).toEqual({ done: true, value: undefined });
    expect(await endings({ reader: reader.closed, writer: writer.closed, ready: writer.ready })).toEqual({
      reader: 'resolves',
      writer: 'ERR_SOCKET_CLOSED',
      ready: 'ERR_SOCKET_CLOSED',
    });
    reader.releaseLock();
    expect(await socket.readable.getReader().read()).toEqual({ done: true, value: undefined });
  });

  test('pipes through the socket end', async () => {
    await using at = await stage(trust, transport);
    const { reader, writer, socket } = at.scene;
    reader.releaseLock();
    writer.releaseLock();
    const out = socket.readable.pipeTo(new WritableStream());
    const into = new ReadableStream<Uint8Array>({ pull: () => sleep(1000) }).pipeTo(socket.writable);
    const reason = new Error('enough');
    const ends = endings({ out, into });
    await socket.close(reason);
    expect(await ends).toEqual({ out: 'resolves', into: 'enough' });
  });

  test('called from a continuation of opened, of a read and of a write', async () => {
    for (const pick of [
      ({ socket }: Scene) => socket.opened,
      ({ reader }: Scene) => reader.read(),
      ({ writer }: Scene) => writer.write('last'),
    ]) {
      await using at = await stage(trust, transport);
      const { scene, wire } = at;
      const received = receiveAll(wire);
      wire.stream.write('go');
      const closed = pick(scene).then(() => scene.socket.close());
      expect(await ending(closed)).toBe('resolves');
      await received;
    }
  });

  test('while our end of the stream is on its way', async () => {
    await using at = await stage(trust, transport);
    const { writer, socket } = at.scene;
    const write = writer.write(patterned(MIB));
    const end = writer.close();
    const closed = socket.close();
    expect((await receiveAll(at.wire)).digest()).toBe(sha256(patterned(MIB)));
    expect(await endings({ write, end, closed })).toEqual({
      write: 'resolves',
      end: 'resolves',
      closed: 'resolves',
    });
  });

  test('what the peer does afterwards is of no concern: data, then RST', async () => {
    await using at = await stage(trust, transport, 'reading');
    const { socket, reader, read } = at.scene;
    const closed = socket.close();
    at.wire.stream.write('late');
    at.wire.reset();
    expect(await endings({ closed, read: read as Promise<unknown>, next: reader.read() })).toEqual({
      closed: 'resolves',
      read: 'done',
      next: 'done',
    });
  });

  test('the descriptor is freed although the peer keeps its side open', async () => {
    await using at = await stage(trust, transport);
    await at.scene.socket.close();
    // The peer's own descriptor stays.
    await openSocketsReturnTo(before + 2);
  });

  test('nothing of this is left', async () => {
    await openSocketsReturnTo(before);
    expect(strays).toEqual([]);
  });
});

describe('the reason', () => {
  const reasons = [null, 0, '', false, 'enough', Symbol('enough'), { any: 'thing' }];
  test.each(reasons)('may be anything, and the first one counts: %s', async (reason) => {
    await using peer = await Peer.open();
    const { socket, writer, write } = new Scene('plain', trust).dial(peer.address);
    const closed = socket.close(reason);
    socket.close(new Error('too late'));
    await expect(socket.opened).rejects.toBe(reason);
    await expect(write).rejects.toBe(reason);
    await expect(writer.closed).rejects.toBe(reason);
    await closed;
  });
});
