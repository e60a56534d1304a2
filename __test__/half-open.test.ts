/** Two sides that end one after the other, in either order and in every way. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { connect } from 'wintersock';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { patterned, sha256, Tally } from './behaviour/pattern.ts';
import { everyTransport, type Scene, type Trust } from './behaviour/scene.ts';
import { ending, endings } from './behaviour/settlement.ts';
import { stage, trustForTests } from './behaviour/stage.ts';
import { Peer } from './behaviour/wire.ts';

const data = patterned(8 * 1024 * 1024);
const hash = sha256(data);

let trust: Trust;
let before: number;
const strays = strayRejections();

beforeAll(async () => {
  trust = await trustForTests();
  await using peer = await Peer.open();
  await connect(peer.address).close();
  before = openSockets();
});

/** Reads to the end. */
async function drain(scene: Scene): Promise<string> {
  const tally = new Tally();
  const { reader } = scene;
  for (let next = await (scene.read ?? reader.read()); next.value; next = await reader.read())
    tally.add(next.value);
  return tally.digest();
}

describe.each(everyTransport)('%s', (transport) => {
  test.concurrent('the peer has ended: 8 MiB still go out, and our end closes the socket', async () => {
    await using at = await stage(trust, transport, 'half-open');
    const { scene, wire } = at;
    const tally = new Tally();
    wire.stream.on('data', (chunk: Buffer) => tally.add(chunk));
    const end = once(wire.stream, 'end');
    wire.listen();
    await scene.writer.write(data);
    expect(await ending(scene.socket.closed, 100)).toBe('pending');
    await scene.writer.close();
    expect(await ending(scene.socket.closed)).toBe('resolves');
    await end;
    expect(tally.digest()).toBe(hash);
  });

  test.concurrent('we have ended: 8 MiB still come in, and the end of the peer closes the socket', async () => {
    await using at = await stage(trust, transport, 'half-closed');
    const { scene, wire } = at;
    wire.stream.end(data);
    expect(await drain(scene)).toBe(hash);
    expect(await ending(scene.socket.closed)).toBe('resolves');
  });

  test.concurrent('the peer ends and resets at once: the socket closes', async () => {
    await using at = await stage(trust, transport, 'half-open, before the end');
    const { scene, wire } = at;
    const read = scene.reader.read();
    wire.resetsAtEnd = true;
    wire.end();
    expect(await ending(read)).toMatch(/^(done|ECONNRESET)$/);
    expect(await ending(scene.socket.closed)).toBe('resolves');
  });

  test.concurrent('both end at once', async () => {
    await using at = await stage(trust, transport, 'reading');
    const { scene, wire } = at;
    wire.end();
    const end = scene.writer.close();
    const read = scene.read as Promise<unknown>;
    expect(await endings({ end, read, closed: scene.socket.closed })).toEqual({
      end: 'resolves',
      read: 'done',
      closed: 'resolves',
    });
  });

  test.concurrent('cancel() ends our reading, not our writing', async () => {
    await using at = await stage(trust, transport, 'idle');
    const { scene, wire } = at;
    wire.stream.write('never read');
    await scene.reader.cancel();
    expect(await ending(scene.socket.closed, 50)).toBe('pending');
    const heard = wire.hear();
    await scene.writer.write('still here');
    expect(String(await heard)).toBe('still here');
    await scene.writer.close();
    expect(await ending(scene.socket.closed)).toBe('resolves');
  });

  test.concurrent('abort() ends our writing, not our reading', async () => {
    await using at = await stage(trust, transport, 'idle');
    const { scene, wire } = at;
    await scene.writer.abort(new Error('enough'));
    expect(await ending(scene.socket.closed, 50)).toBe('pending');
    wire.stream.end(data);
    expect(await drain(scene)).toBe(hash);
    expect(await ending(scene.socket.closed)).toBe('resolves');
  });

  test.concurrent('abort() with a write that the peer does not take: the peer sees an end nevertheless', async () => {
    await using at = await stage(trust, transport, 'writing');
    const { scene, wire } = at;
    const reason = new Error('enough');
    const aborted = scene.writer.abort(reason);
    expect(await endings({ aborted, write: scene.write as Promise<unknown> })).toEqual({
      aborted: 'resolves',
      write: 'enough',
    });
    wire.stream.write('go on');
    expect(Buffer.from((await scene.read)?.value ?? []).toString()).toBe('go on');
    const ended = once(wire.tcp, 'end');
    wire.listen();
    await ended;
  });

  test.concurrent('an end that nobody reads: what waits is still sent before ours', async () => {
    await using at = await stage(trust, transport, 'idle');
    const { scene, wire } = at;
    const tally = new Tally();
    const write = scene.writer.write(data);
    wire.end();
    await sleep(50);
    wire.stream.on('data', (chunk: Buffer) => tally.add(chunk));
    const end = once(wire.stream, 'end');
    wire.stream.resume();
    expect(await endings({ write, closed: scene.socket.closed })).toEqual({
      write: 'resolves',
      closed: 'resolves',
    });
    await end;
    expect(tally.digest()).toBe(hash);
  });

  test('nothing of this is left', async () => {
    await openSocketsReturnTo(before);
    expect(strays).toEqual([]);
  });
});

describe('an end, and a peer that reads later than close() would wait', () => {
  test.concurrent.each(everyTransport)('%s: nothing is cut off', async (transport) => {
    await using at = await stage(trust, transport, 'reading');
    const { scene, wire } = at;
    wire.deaf();
    const tally = new Tally();
    const write = scene.writer.write(data);
    wire.end();
    expect(await ending(scene.read as Promise<unknown>)).toBe('done');
    await sleep(1500);
    wire.stream.on('data', (chunk: Buffer) => tally.add(chunk));
    const end = once(wire.stream, 'end');
    wire.listen();
    expect(await endings({ write, closed: scene.socket.closed })).toEqual({
      write: 'resolves',
      closed: 'resolves',
    });
    await end;
    expect({ length: tally.length, hash: tally.digest() }).toEqual({ length: data.byteLength, hash });
  });

  test('nothing of this is left', async () => {
    await openSocketsReturnTo(before);
    expect(strays).toEqual([]);
  });
});
