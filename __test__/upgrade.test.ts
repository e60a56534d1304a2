/** startTls() on a socket whose queue does not go out whole: the handshake must not follow half a message. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { Scene, type Trust } from './behaviour/scene.ts';
import { ending, endings } from './behaviour/settlement.ts';
import { type Stage, stage, trustForTests } from './behaviour/stage.ts';
import { Peer } from './behaviour/wire.ts';

let trust: Trust;
let before: number;
const strays = strayRejections();
/** More than the kernel holds for a peer that does not read; no byte of it begins a TLS record. */
const message = new Uint8Array(16 * 1024 * 1024).fill(7);

beforeAll(async () => {
  trust = await trustForTests();
  await using peer = await Peer.open();
  await (await new Scene('plain', trust).reach('idle', peer)).socket.close();
  before = openSockets();
});

/** What the peer gets, to the end of the connection: how much of the message, and how much else. */
async function received({ wire: { tcp } }: Stage): Promise<{ message: number; else: number }> {
  const seen = { message: 0, else: 0 };
  tcp.on('data', (chunk: Buffer) => {
    const own = chunk.reduce((count, byte) => count + (byte === 7 ? 1 : 0), 0);
    seen.message += own;
    seen.else += chunk.length - own;
  });
  const closed = new Promise((resolve) => tcp.once('close', resolve).once('end', () => tcp.end()));
  tcp.resume();
  await closed;
  return seen;
}

test('abort() with a write under way: the new socket fails, and no TLS is spoken', async () => {
  await using at = await stage(trust, 'before startTls()');
  const { socket, writer } = at.scene;
  at.wire.deaf();
  const write = writer.write(message);
  write.catch(() => {});
  const next = socket.startTls({ ca: trust.authority.certPem });
  writer.abort(new Error('enough')).catch(() => {});
  expect(await endings({ write, opened: next.opened, closed: next.closed, old: socket.closed })).toEqual({
    write: 'enough',
    opened: 'ERR_SOCKET_CLOSED',
    closed: 'ERR_SOCKET_CLOSED',
    old: 'resolves',
  });
  const seen = await received(at);
  expect(seen.message).toBeLessThan(message.byteLength);
  expect(seen.else).toBe(0);
});

const unusable: [string, () => unknown][] = [
  ['is no BufferSource', () => ({ length: 3 })],
  [
    'was transferred away',
    () => {
      const view = new Uint8Array(8);
      structuredClone(view, { transfer: [view.buffer] });
      return view;
    },
  ],
];
describe.each(unusable)('a queued chunk that %s', (_, chunk) => {
  test('the new socket fails, and neither what was queued behind it nor TLS is sent', async () => {
    await using at = await stage(trust, 'before startTls()');
    const { socket, writer } = at.scene;
    const writes = {
      whole: writer.write(message),
      unusable: writer.write(chunk() as string),
      behind: writer.write('behind'),
    };
    for (const write of Object.values(writes)) write.catch(() => {});
    const next = socket.startTls({ ca: trust.authority.certPem });
    const seen = received(at);
    expect(await ending(next.opened)).toBe('ERR_SOCKET_CLOSED');
    expect(await endings({ ...writes, closed: next.closed })).toEqual({
      whole: 'resolves',
      unusable: expect.not.stringMatching(/resolves|pending/),
      behind: expect.not.stringMatching(/resolves|pending/),
      closed: 'ERR_SOCKET_CLOSED',
    });
    expect(await seen).toEqual({ message: message.byteLength, else: 0 });
  });
});

describe('a getter in the options that', () => {
  test('closes the socket: startTls() throws, and the peer gets an end and nothing else', async () => {
    await using at = await stage(trust, 'before startTls()');
    const { socket } = at.scene;
    const options = {
      get ca() {
        socket.close();
        return undefined;
      },
    };
    expect(() => socket.startTls(options)).toThrow(expect.objectContaining({ code: 'ERR_SOCKET_CLOSED' }));
    expect(await received(at)).toEqual({ message: 0, else: 0 });
    expect(await ending(socket.closed)).toBe('resolves');
  });

  test('upgrades the socket itself: there is one upgrade, and it works', async () => {
    await using at = await stage(trust, 'before startTls()');
    const { scene } = at;
    const { certPem: ca } = trust.authority;
    let inner: typeof scene.socket | undefined;
    const options = {
      get ca() {
        inner ??= scene.socket.startTls({ ca });
        return ca;
      },
    };
    expect(() => scene.socket.startTls(options)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_STATE' }),
    );
    await scene.answer();
    expect(inner && (await ending(inner.opened))).toBe('resolves');
  });
});

test('nothing of this is left', async () => {
  await openSocketsReturnTo(before);
  expect(strays).toEqual([]);
});
