/** What is held for a slow reader and a slow peer: what the system has been relieved of, or not been given, is bounded. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { type Binding, createBinding } from 'wintersock';
import { createConnection } from 'wintersock/node';
import { inKernel } from './behaviour/memory.ts';
import { Peer, type Wire } from './behaviour/wire.ts';
import { type Authority, createAuthority, type Credentials } from './fixtures/pki.mjs';

vi.setConfig({ testTimeout: 60_000 });

/** The default highWaterMark of connect(), and 64 KiB. A duplex has a buffer of its own besides, which Node bounds. */
const BOUND = 65_536 + 65_536;
/** Enough for a connection with TLS to be read ahead, where WINTERSOCK_IO says so. */
const BULK = 2 ** 22;
const CHUNK = new Uint8Array(65_536);
/** A record of TLS 1.3: the most text, the bytes before and all that are added. */
const RECORD = { text: 16_384, header: 5, added: 22 };
/** With TLS: a record of which only a part is there, what TLS adds to those that are held, and the tickets of the session. */
const SLACK = RECORD.text + 1024;

let authority: Authority;
let credentials: Credentials;

beforeAll(async () => {
  authority = await createAuthority();
  credentials = await authority.issue({ names: ['127.0.0.1'] });
});

/** One end of a connection, that reads and writes no more than it is told to. */
interface End {
  port: number;
  /** The next bytes. */
  receive(): Promise<number>;
  /** Whether there may be more at once. */
  write(chunk: Uint8Array): boolean;
  /** Waits until there may be more. */
  room(): Promise<unknown>;
  /** Bytes that are buffered in JavaScript for whoever reads. */
  buffered(): number;
  close(): void;
}

type Open = (binding: Binding, port: number, secure: boolean) => Promise<End>;

const kindOf = (secure: boolean) => (secure ? 'on' : 'off');

const ends: Record<string, Open> = {
  'web streams': async (binding, port, secure) => {
    const socket = binding.connect(`127.0.0.1:${port}`, { secureTransport: kindOf(secure) });
    const { localAddress } = await socket.opened;
    const [reader, writer] = [socket.readable.getReader(), socket.writable.getWriter()];
    return {
      port: Number(localAddress.split(':')[1]),
      receive: async () => (await reader.read()).value?.length ?? 0,
      write: (chunk) => {
        writer.write(chunk).catch(() => {});
        return (writer.desiredSize ?? 0) > 0;
      },
      room: () => writer.ready,
      buffered: () => 0,
      close: () => void socket.close(),
    };
  },
  'a duplex': async (binding, port, secure) => {
    const socket = createConnection({ port, host: '127.0.0.1', binding, secureTransport: kindOf(secure) });
    await once(socket, secure ? 'secureConnect' : 'connect');
    socket.on('error', () => {});
    return {
      port: socket.localPort as number,
      receive: async () => {
        for (;;) {
          const chunk: Buffer | null = socket.read();
          if (chunk) return chunk.length;
          await once(socket, 'readable');
        }
      },
      write: (chunk) => socket.write(chunk),
      room: () => once(socket, 'drain'),
      buffered: () => socket.readableLength,
      close: () => void socket.destroy(),
    };
  },
};

async function opened(open: Open, secure: boolean) {
  const peer = await Peer.open();
  const binding = createBinding({ ca: authority.certPem });
  const opening = open(binding, peer.port, secure);
  const wire = await peer.wire();
  if (secure) await wire.secure({ credentials });
  const end = await opening;
  return {
    wire,
    end,
    peer,
    /** Bytes that the native half has taken over to be sent. */
    taken: () => binding.stats.bytesWritten,
    async [Symbol.asyncDispose]() {
      end.close();
      await peer.close();
    },
  };
}

/** Waits until nothing moves any more. */
async function comesToRest(figure: () => number): Promise<number> {
  for (let [last, same] = [Number.NaN, 0]; ; ) {
    const now = figure();
    same = now === last ? same + 1 : 0;
    if (same === 15) return now;
    last = now;
    await sleep(20);
  }
}

/** Writes for as long as there is room, until the end of the test. */
async function flood(write: (chunk: Uint8Array) => boolean, room: () => Promise<unknown>, chunk = CHUNK) {
  try {
    for (let turn = 1; ; turn += 1) {
      if (!write(chunk)) await room();
      else if (turn % 64 === 0) await new Promise(setImmediate);
    }
  } catch {
    // The connection is over, and so is the test.
  }
}

/** How many bytes the system has taken from the peer. */
function givenBy({ tcp }: Wire): number {
  const { _handle: handle } = tcp as unknown as { _handle: { writeQueueSize: number } };
  return tcp.bytesWritten - handle.writeQueueSize;
}

/** Bytes on the wire for so much text, in records that are full. */
const wireBytes = (text: number, secure: boolean): number =>
  secure ? text + Math.floor(text / RECORD.text) * RECORD.added : text;

/** The text in so many bytes that the peer has not read yet; of the last record its share. The peer listens from now on. */
async function textIn(wire: Wire, bytes: number): Promise<number> {
  const chunks: Buffer[] = [];
  let length = 0;
  const all = new Promise<void>((resolve) => {
    wire.tcp.on('data', (chunk: Buffer) => {
      if (length < bytes) chunks.push(chunk);
      length += chunk.length;
      if (length >= bytes) resolve();
    });
  });
  wire.listen();
  await all;
  const raw = Buffer.concat(chunks);
  let text = 0;
  for (let at = 0; at + RECORD.header <= bytes; ) {
    const size = RECORD.header + raw.readUInt16BE(at + 3);
    text += (size - RECORD.added) * Math.min(1, (bytes - at) / size);
    at += size;
  }
  return Math.floor(text);
}

const ways = Object.entries(ends).flatMap(([name, open]) => [
  { name: `${name}, plain`, open, secure: false },
  { name: `${name}, TLS`, open, secure: true },
]);

// Only Linux tells what it holds of a connection.
describe.runIf(process.platform === 'linux').each(ways)('$name', ({ open, secure }) => {
  const most = BOUND + (secure ? SLACK : 0);

  test('a slow reader: no more is taken from the system than highWaterMark and 64 KiB', async () => {
    await using at = await opened(open, secure);
    const { wire, end, peer } = at;
    const before = givenBy(wire);
    flood(
      (chunk) => wire.stream.write(chunk),
      () => once(wire.stream, 'drain'),
    );
    // Or reads would be small, which nobody reads ahead.
    await comesToRest(() => givenBy(wire));
    let read = 0;
    while (read < BULK) read += await end.receive();
    const taken = () => givenBy(wire) - before - inKernel({ from: peer.port, to: end.port });
    const held = (await comesToRest(taken)) - wireBytes(read + end.buffered(), secure);
    expect(held).toBeGreaterThanOrEqual(0);
    expect(held).toBeLessThanOrEqual(most);
  });

  test.each([1000, 10_000, 65_536, 300_000])(
    'a slow peer, chunks of %i bytes: no more is kept from the system',
    async (size) => {
      await using at = await opened(open, secure);
      const { wire, end, peer, taken } = at;
      if (secure) {
        // Read ahead, where that is on: then the other thread writes, too.
        let read = 0;
        wire.stream.write(new Uint8Array(BULK));
        await comesToRest(() => givenBy(wire));
        while (read < BULK) read += await end.receive();
      }
      wire.deaf();
      const heard = wire.tcp.bytesRead;
      const [base, before] = [inKernel({ from: end.port, to: peer.port }), taken()];
      flood(end.write, end.room, new Uint8Array(size));
      await comesToRest(taken);
      const bytes = inKernel({ from: end.port, to: peer.port }) - base + wire.tcp.bytesRead - heard;
      const written = taken() - before;
      expect(bytes).toBeGreaterThan(2 * BOUND);
      const held = written - (secure ? await textIn(wire, bytes) : bytes);
      expect(held).toBeGreaterThanOrEqual(0);
      expect(held).toBeLessThanOrEqual(most);
    },
  );
});
