/** wintersock/node beside node:net: two sides that end one after the other, and connections that break. */
import type { Socket } from 'node:net';
import { describe } from 'vitest';
import { stateOf } from './duplex/journal.ts';
import { closes, happens, turns, twins, until } from './duplex/stage.ts';

/** All that a peer hears, until its connection ends. */
async function heardBy(peer: Socket): Promise<string> {
  let text = '';
  peer.setEncoding('latin1').on('data', (data: string) => {
    text += data;
  });
  await happens(peer, 'end');
  return text;
}

describe('the peer ends first', () => {
  twins('our side ends too', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    const heard = heardBy(peer);
    peer.end('last');
    socket.on('data', (data) => at.note('data', String(data)));
    await closes(socket);
    at.note(await heard);
  });

  twins('our side ends a tick or two after the event: a write in its listener still goes out', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    const heard = heardBy(peer);
    socket.on('end', () => {
      at.note('written', socket.write('answer', at.journal.callback('write')));
      process.nextTick(() => at.note('tick', stateOf(socket)));
    });
    socket.resume();
    peer.end();
    await closes(socket);
    at.note(await heard);
  });

  twins('a write after that is EPIPE, or after the end: only its callback is told', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket, { bare: true });
    socket.resume();
    peer.end();
    await happens(socket, 'end');
    await turns(1);
    const late = (error?: NodeJS.ErrnoException | null) =>
      at.note(/^(EPIPE|ERR_STREAM_WRITE_AFTER_END)$/.test(error?.code ?? ''));
    at.note(socket.writable, socket.write('late', late));
    await closes(socket);
    await turns(2);
    at.journal.lines.sort();
  });

  twins('what waits to be written is sent first', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    peer.pause();
    const block = Buffer.alloc(24 * 1024 * 1024, 'x');
    socket.write(block, at.journal.callback('write'));
    socket.resume();
    peer.end();
    await happens(socket, 'end');
    await turns(3);
    at.note(socket.writableEnded, socket.destroyed);
    const heard = heardBy(peer.resume());
    await closes(socket);
    at.note((await heard).length === block.length);
  });

  twins('allowHalfOpen: our side stays open until we end it', async (at) => {
    const { socket, peer } = await at.pair({ allowHalfOpen: true });
    at.watch(socket);
    const heard = heardBy(peer);
    peer.end('last');
    socket.on('data', (data) => at.note('data', String(data)));
    await happens(socket, 'end');
    await turns(5);
    at.note(stateOf(socket), socket.write('still ', at.journal.callback('write')));
    await turns(5);
    socket.end('here');
    await closes(socket);
    at.note(await heard);
  });

  twins('allowHalfOpen may be changed later', async (at) => {
    const { socket, peer } = await at.pair({ allowHalfOpen: true });
    at.watch(socket);
    socket.allowHalfOpen = false;
    socket.resume();
    peer.end();
    await closes(socket);
  });

  twins('nobody reads: the end is not seen, and our side stays open', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    socket.pause();
    peer.end('unread');
    await until(() => socket.bytesRead === 6);
    await turns(5);
    at.note(stateOf(socket), socket.readableLength);
    socket.on('data', (data) => at.note('data', String(data)));
    socket.resume();
    await closes(socket);
  });

  twins('with nothing sent, and nobody reads', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    peer.end();
    await until(() => socket.destroyed);
    await closes(socket);
  });
});

describe('our side ends first', () => {
  for (const allowHalfOpen of [false, true]) {
    twins(`what the peer sends is still read, allowHalfOpen ${allowHalfOpen}`, async (at) => {
      const { socket, peer } = await at.pair({ allowHalfOpen });
      at.watch(socket);
      const heard = heardBy(peer);
      socket.end('question');
      at.note(await heard);
      await until(() => socket.writableFinished);
      let length = 0;
      socket.on('data', ({ length: count }) => {
        length += count;
      });
      peer.write(Buffer.alloc(1024 * 1024));
      await until(() => length === 1024 * 1024);
      at.note(stateOf(socket));
      peer.end('last');
      await closes(socket);
      at.note(length);
    });
  }

  twins('and the peer at the same time', async (at) => {
    const { socket, peer } = await at.pair();
    at.journal.watch(at.keep(socket), { bare: true });
    socket.on('data', (data) => at.note('data', String(data)));
    const heard = heardBy(peer);
    socket.end('ours');
    peer.end('theirs');
    await closes(socket);
    const order = at.journal.lines.splice(0);
    at.note(order.sort(), await heard);
  });
});

describe('a connection that breaks', () => {
  twins('the peer resets while we read: ECONNRESET', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    socket.resume();
    peer.resetAndDestroy();
    await closes(socket);
    at.note(socket.errored instanceof Error);
  });

  twins('the peer resets while nothing is read or written', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    peer.resetAndDestroy();
    await closes(socket);
  });

  twins('the peer resets after data: the data comes first', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    let text = '';
    socket.on('data', (data) => {
      text += data;
      if (text === 'data') peer.resetAndDestroy();
    });
    peer.write('data');
    await closes(socket);
    at.note(text);
  });

  twins('the peer resets while writes wait: they are called back with the error', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket, { bare: true });
    peer.pause();
    const block = Buffer.alloc(48 * 1024 * 1024);
    // Node calls the first one back as if it had gone out.
    socket.write(block);
    const called = new Promise<void>((resolve) =>
      socket.write(block, (error) => {
        at.note('second', error instanceof Error);
        resolve();
      }),
    );
    await turns(2);
    socket.removeAllListeners('error');
    socket.on('error', ({ code }: NodeJS.ErrnoException) => at.note(/^(EPIPE|ECONNRESET)$/.test(code ?? '')));
    peer.resetAndDestroy();
    await Promise.all([closes(socket), called]);
    at.journal.lines.sort();
  });

  twins('writes until a peer that has gone is noticed', async (at) => {
    const { socket, peer } = await at.pair({ allowHalfOpen: true });
    at.keep(socket);
    peer.destroy();
    const failed = happens(socket, 'error');
    const going = setInterval(() => socket.write('anybody there?'), 5);
    const [error] = (await failed) as NodeJS.ErrnoException[];
    clearInterval(going);
    at.note(/^(EPIPE|ECONNRESET)$/.test(error?.code ?? ''), /^(read|write)$/.test(error?.syscall ?? ''));
    await closes(socket);
  });

  twins('an end() that cannot be sent', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket);
    socket.resume();
    peer.resetAndDestroy();
    await closes(socket);
    socket.end(at.journal.callback('end'));
    await turns(3);
  });
});
