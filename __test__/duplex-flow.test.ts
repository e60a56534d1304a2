/** wintersock/node beside node:net: data in both directions, and who waits for whom. */
import { createHash } from 'node:crypto';
import { PassThrough, Readable, Writable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { describe } from 'vitest';
import { patterned, sha256, Tally } from './behaviour/pattern.ts';
import { bothWays } from './duplex/bulk.ts';
import { errorOf } from './duplex/journal.ts';
import { all, closes, happens, turns, twins } from './duplex/stage.ts';

const MIB = 1024 * 1024;

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
