/** wintersock/node beside node:net: data in both directions, and who waits for whom. */
import { createHash } from 'node:crypto';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe } from 'vitest';
import { patterned, sha256, Tally } from './behaviour/pattern.ts';
import { bothWays } from './duplex/bulk.ts';
import { errorOf } from './duplex/journal.ts';
import { closes, happens, turns, twins, until } from './duplex/stage.ts';
import { canAsk, socketOption } from './fixtures/duplex-kernel.mjs';

const MIB = 1024 * 1024;

/** Reads all that a stream has. */
async function all(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await happens(stream, 'end');
  return Buffer.concat(chunks);
}

describe('what is written', () => {
  const chunks: Record<string, [unknown, BufferEncoding?]> = {
    text: ['grüße'],
    'text in utf16le': ['grüße', 'utf16le'],
    'text in latin1': ['grüße', 'latin1'],
    hex: ['00ff10', 'hex'],
    base64: ['AP8Q', 'base64'],
    'a Buffer': [Buffer.from('bytes')],
    'a Uint8Array': [new Uint8Array([1, 2, 3])],
    'a part of a buffer': [Buffer.from('parts of it').subarray(2, 7)],
    nothing: [''],
    'no bytes': [Buffer.alloc(0)],
  };
  for (const [name, [chunk, encoding]] of Object.entries(chunks)) {
    twins(name, async (at) => {
      const { socket, peer } = await at.pair();
      socket.write(chunk as string, encoding, at.journal.callback('write'));
      at.note(socket.bytesWritten);
      socket.end();
      at.note((await all(peer)).toString('hex'));
    });
  }

  for (const chunk of [1, null, undefined, {}, true, [1], new ArrayBuffer(1)]) {
    twins(`${chunk === null ? 'null' : Object.prototype.toString.call(chunk)} is refused`, async (at) => {
      const { socket } = await at.pair();
      at.watch(socket);
      at.journal.attempt('write', () => socket.write(chunk as string, at.journal.callback('write')));
      await turns(3);
    });
  }

  twins('an encoding that there is not', async (at) => {
    const { socket } = await at.pair();
    at.watch(socket);
    at.journal.attempt('write', () => socket.write('x', 'none' as BufferEncoding));
    await turns(3);
  });

  twins('setDefaultEncoding()', async (at) => {
    const { socket, peer } = await at.pair();
    socket.setDefaultEncoding('hex');
    socket.end('616263');
    at.note(String(await all(peer)));
  });

  twins('many small writes, called back in order', async (at) => {
    const { socket, peer } = await at.pair();
    const expected = Array.from({ length: 5000 }, (_, index) => `${index},`);
    const order: number[] = [];
    for (const [index, text] of expected.entries()) socket.write(text, () => order.push(index));
    at.note(socket.bytesWritten);
    socket.end();
    const heard = await all(peer);
    at.note(String(heard) === expected.join(''));
    at.note(
      order.length,
      order.every((value, index) => value === index),
    );
  });

  twins('text and bytes in turns, corked: one piece for the peer', async (at) => {
    const { socket, peer } = await at.pair();
    const pieces: Buffer[] = [];
    peer.on('data', (piece) => pieces.push(piece));
    socket.cork();
    socket.write('6f6e6520', 'hex', at.journal.callback('one'));
    socket.write(Buffer.from('two '), at.journal.callback('two'));
    socket.write('three ', at.journal.callback('three'));
    at.note(socket.writableCorked, socket.bytesWritten, socket.writableLength > 0);
    await turns(3);
    at.note(pieces.length);
    socket.uncork();
    at.note(socket.writableCorked, socket.writableLength, socket.bytesWritten);
    await until(() => Buffer.concat(pieces).length === 14);
    at.note(pieces.length, String(Buffer.concat(pieces)));
    await turns(1);
  });

  twins('a hundred corked writes are one segment', async (at) => {
    const { socket, peer } = await at.pair();
    let length = 0;
    peer.on('data', (data) => {
      length += data.length;
    });
    socket.cork();
    for (let index = 0; index < 100; index += 1) socket.write(`${index % 10}`);
    process.nextTick(() => socket.uncork());
    await until(() => length === 100);
    at.note(canAsk && (await socketOption(socket.localPort ?? 0, 'dataSegments')));
  });

  twins('corked twice, and end() uncorks', async (at) => {
    const { socket, peer } = await at.pair();
    socket.cork();
    socket.cork();
    socket.write('a');
    socket.uncork();
    at.note(socket.writableCorked, socket.writableLength);
    socket.write('b');
    socket.end('c');
    at.note(String(await all(peer)));
  });

  twins('the chunk may be used again when it is called back', async (at) => {
    const { socket, peer } = await at.pair();
    const heard = all(peer);
    const chunk = Buffer.alloc(64 * 1024);
    for (let value = 0; value < 64; value += 1) {
      await new Promise((resolve) => socket.write(chunk.fill(value), resolve));
    }
    socket.end();
    const bytes = await heard;
    at.note(
      bytes.length,
      bytes.every((value, index) => value === index >>> 16),
    );
  });
});

describe('what is read', () => {
  twins('setEncoding(): characters are not cut', async (at) => {
    const { socket, peer } = await at.pair();
    socket.setEncoding('utf8');
    let text = '';
    socket.on('data', (data: unknown) => {
      text += data;
      if (typeof data !== 'string') at.note(typeof data);
    });
    const bytes = Buffer.from('grüße €uro 🙂');
    for (const byte of bytes) {
      peer.write(Buffer.of(byte));
      await turns(2);
    }
    peer.end();
    await closes(socket);
    at.note(text, socket.readableEncoding, socket.bytesRead);
  });

  twins('chunks stay as they are when later ones come', async (at) => {
    const { socket, peer } = await at.pair();
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    for (let value = 0; value < 200; value += 1) {
      peer.write(Buffer.alloc(700, value));
      const wanted = (value + 1) * 700;
      await until(() => socket.bytesRead >= wanted);
    }
    peer.end();
    await closes(socket);
    const bytes = Buffer.concat(chunks);
    at.note(
      bytes.length,
      bytes.every((value, index) => value === Math.floor(index / 700)),
    );
    at.note(chunks.every((chunk) => Buffer.isBuffer(chunk) && chunk.length > 0));
  });

  twins("'readable' and read(n)", async (at) => {
    const { socket, peer } = await at.pair();
    const parts: string[] = [];
    socket.on('readable', () => {
      for (let part = socket.read(3); part !== null; part = socket.read(3)) parts.push(String(part));
    });
    peer.write('abcdefg');
    await until(() => parts.length === 2);
    peer.end();
    await closes(socket);
    at.note(parts);
  });

  twins('unshift()', async (at) => {
    const { socket, peer } = await at.pair();
    peer.write('second');
    const [data] = await happens(socket, 'data');
    socket.pause();
    socket.unshift(data);
    socket.unshift('first ');
    peer.end();
    at.note(String(await all(socket.resume())));
  });

  twins('async iteration, to the end', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket, { bare: true });
    peer.end('all of it');
    let text = '';
    for await (const chunk of socket) text += chunk;
    at.note(text, socket.destroyed);
    await closes(socket);
    // It is destroyed at its end, and may have sent its own until then.
    at.journal.forget('finish');
  });

  twins('async iteration that is left', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    peer.write('some of it');
    for await (const chunk of socket) {
      at.note(String(chunk));
      break;
    }
    await closes(socket);
  });

  twins('async iteration of a connection that breaks', async (at) => {
    const { socket, peer } = await at.pair();
    peer.write('some of it');
    try {
      for await (const chunk of socket) {
        at.note(String(chunk));
        peer.resetAndDestroy();
      }
    } catch (error) {
      at.note('throws', errorOf(error));
    }
  });
});

describe('who waits for whom', () => {
  twins('a peer that does not read: write() says so, and drain comes when it does', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket, { bare: true });
    peer.pause();
    const block = Buffer.alloc(MIB);
    let written = 0;
    // What the system takes is its matter; in the end it takes no more.
    for (let full = 0; full < 100; full = socket.writableLength > MIB ? full + 1 : 0) {
      if (socket.writableLength < 2 * MIB) {
        socket.write(block);
        written += MIB;
      }
      await turns(1);
    }
    at.note(
      socket.write('more'),
      socket.writableNeedDrain,
      socket.writableLength > socket.writableHighWaterMark,
    );
    at.note(socket.bufferSize === socket.writableLength, socket.bytesWritten === written + 4);
    const drained = happens(socket, 'drain');
    const heard = new Tally();
    peer.on('data', (data) => heard.add(data)).resume();
    await drained;
    at.note(socket.writableLength, socket.writableNeedDrain, socket.write('end'));
    socket.end();
    await happens(peer, 'end');
    at.note(heard.length === written + 7);
  });

  twins('a reader that pauses: the peer has to wait', async (at) => {
    const { socket, peer } = await at.pair();
    socket.pause();
    at.note(socket.isPaused());
    let stuck = 0;
    const block = Buffer.alloc(MIB);
    // What the system takes is its matter; in the end it takes no more.
    while (stuck < 100) {
      if (peer.writableLength < 4 * MIB) peer.write(block);
      stuck = peer.writableLength < 4 * MIB ? 0 : stuck + 1;
      await turns(1);
    }
    at.note(socket.bytesRead <= 1.5 * MIB, socket.readableLength === socket.bytesRead);
    peer.end();
    const sent = peer.bytesWritten;
    let length = 0;
    socket.on('data', (chunk) => {
      length += chunk.length;
    });
    await closes(socket.resume());
    at.note(length === sent);
  });

  twins('pause() in a listener of data: nothing comes until resume()', async (at) => {
    const { socket, peer } = await at.pair();
    let [chunks, paused] = [0, false];
    socket.on('data', () => {
      chunks += 1;
      if (paused) at.note('data while paused');
      paused = true;
      socket.pause();
    });
    for (let index = 0; index < 50; index += 1) peer.write(Buffer.alloc(100_000));
    peer.end();
    const resuming = setInterval(() => {
      paused = false;
      socket.resume();
    }, 1);
    await closes(socket);
    clearInterval(resuming);
    at.note(chunks > 1, socket.bytesRead);
  });

  twins('highWaterMark', async (at) => {
    const { socket, peer } = await at.pair({ highWaterMark: 10 });
    at.note(socket.readableHighWaterMark, socket.writableHighWaterMark);
    for (const length of [9, 10, 11, 1000]) {
      at.note(length, socket.write(Buffer.alloc(length)), socket.writableLength, socket.writableNeedDrain);
    }
    socket.end();
    at.note((await all(peer)).length);
  });

  twins('pipe() through it', async (at) => {
    const { socket, peer } = await at.pair();
    peer.pipe(peer);
    const data = Buffer.from(patterned(5 * MIB + 3));
    const source = new PassThrough();
    source.pipe(socket);
    source.end(data);
    const back = await all(socket.pipe(new PassThrough()));
    at.note(back.length, sha256(back) === sha256(data));
  });

  twins('pipeline() from and to it', async (at) => {
    const { socket, peer } = await at.pair();
    peer.pipe(peer);
    at.watch(socket, { bare: true });
    const data = Buffer.from(patterned(5 * MIB + 3));
    const hash = createHash('sha256');
    const sink = new Writable({ write: (chunk, _, done) => done(void hash.update(chunk) as undefined) });
    await Promise.all([pipeline(Readable.from([data]), socket), finished(socket.pipe(sink))]);
    at.note(hash.digest('hex') === sha256(data));
    await closes(socket);
  });

  twins('pipeline() with a source that fails', async (at) => {
    const { socket } = await at.pair();
    at.watch(socket);
    async function* source() {
      yield 'some';
      throw new Error('no more');
    }
    await pipeline(source, socket as Writable).catch((error) => at.note('pipeline', errorOf(error)));
    await closes(socket);
  });

  twins('64 MiB each way at once', async (at) => {
    const { socket, peer } = await at.pair({ allowHalfOpen: true });
    at.note(await bothWays(socket, peer));
    socket.end();
    peer.end();
    await closes(socket);
    at.note(socket.bytesRead, socket.bytesWritten);
  });
});
