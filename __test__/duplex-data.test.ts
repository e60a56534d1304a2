/** wintersock/node beside node:net: what is written and what is read. */
import { describe } from 'vitest';
import { errorOf } from './duplex/journal.ts';
import { all, closes, happens, turns, twins, until } from './duplex/stage.ts';
import { canAsk, socketOption } from './fixtures/duplex-kernel.mjs';

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
