import { describe } from 'vitest';
import { stateOf } from './duplex/journal.ts';
import { closes, happens, turns, twins, until } from './duplex/stage.ts';
import { hear, marks, watched } from './duplex/watched.ts';

const HOST = '127.0.0.1';

describe('before it is connected', () => {
  twins('what it is like', async (at) => {
    const socket = at.keep(new at.side.Socket());
    at.note(stateOf(socket), socket.writableLength, socket.timeout);
    at.note(socket.readableHighWaterMark === socket.writableHighWaterMark, socket.allowHalfOpen);
    at.note(new at.side.Socket({ allowHalfOpen: true }).allowHalfOpen);
    at.note(
      socket.autoSelectFamilyAttemptedAddresses ?? [],
      socket.readableFlowing,
      socket.readableObjectMode,
    );
  });

  twins('writes wait, and go out in order', async (at) => {
    const listener = await at.listen();
    const socket = at.watch(at.side.createConnection(listener.port, HOST));
    at.note(socket.write('one ', at.journal.callback('one')), socket.bytesWritten, socket.writableLength);
    at.note(socket.write(Buffer.from('two '), at.journal.callback('two')), socket.bytesWritten);
    at.note(socket.write('6472656920', 'hex', at.journal.callback('three')), socket.bytesWritten);
    at.note(socket.bufferSize === socket.writableLength, socket.writableNeedDrain);
    socket.end('end', at.journal.callback('end'));
    at.note(socket.bytesWritten, stateOf(socket));
    const peer = await listener.accepted();
    const heard = await hear(peer);
    peer.end();
    await closes(socket.resume());
    // Whether the first write is called back before or after 'ready' is nobody's matter.
    at.journal.forget('ready');
    at.note(heard);
  });

  twins('end() while it connects: the end is sent', async (at) => {
    const listener = await at.listen();
    const socket = at.watch(new at.side.Socket());
    socket.connect(listener.port, HOST);
    socket.end();
    const peer = await listener.accepted();
    const heard = await hear(peer);
    peer.end('answer');
    socket.on('data', (data) => at.note('data', String(data)));
    await closes(socket);
    at.note(heard);
  });

  twins('a write of a socket that nobody has told to connect', async (at) => {
    const socket = at.keep(new at.side.Socket());
    socket.on('error', (error) => at.note('error', error)).on('close', () => at.note('close'));
    at.note(socket.write('early', at.journal.callback('early')), socket.bytesWritten, socket.pending);
    await closes(socket);
  });

  for (const act of ['destroy', 'resetAndDestroy'] as const) {
    twins(`${act}() of a socket that was never connected`, async (at) => {
      const socket = at.keep(new at.side.Socket());
      socket.on('error', (error) => at.note('error', error)).on('close', () => at.note('close'));
      socket[act]();
      at.note(stateOf(socket));
      await closes(socket);
    });
  }

  for (const act of ['destroy', 'destroySoon', 'end'] as const) {
    twins(`${act}() while it connects`, async (at) => {
      const listener = await at.listen({ allowHalfOpen: false });
      const socket = at.watch(at.side.createConnection(listener.port, HOST));
      socket.resume()[act]();
      at.note(stateOf(socket));
      await closes(socket);
    });
  }

  twins(
    'resetAndDestroy() while it connects',
    async (at) => {
      const listener = await at.listen();
      const socket = at.watch(at.side.createConnection(listener.port, HOST), { bare: true });
      socket.resetAndDestroy();
      await closes(socket);
      at.note(socket.destroyed);
    },
    {
      differs: {
        because: 'ours does not wait for a connection that nobody wants',
        ours: (theirs) => theirs.filter((line) => !/connect|ready/.test(line)),
      },
    },
  );

  twins('destroy(error) while it connects, with writes that wait', async (at) => {
    const listener = await at.listen();
    const socket = at.watch(at.side.createConnection(listener.port, HOST), { bare: true });
    const failed = new Promise<void>((resolve) =>
      socket.write('lost', (error) => {
        at.note('write', error instanceof Error);
        resolve();
      }),
    );
    socket.destroy(new Error('enough'));
    await Promise.all([closes(socket), failed]);
    // Of the write and the socket either may be told first.
    at.journal.lines.sort();
  });
});

describe('destroy()', () => {
  twins('when its events come', async (at) => {
    const { socket, peer, heard } = await watched(at);
    peer.write('x');
    await happens(socket, 'data');
    at.note(socket.destroy() === socket, stateOf(socket));
    marks(at, 'destroy');
    await closes(socket);
    at.note(await heard);
  });

  twins('with an error', async (at) => {
    const { socket } = await watched(at);
    const reason = new Error('enough');
    socket.on('error', (error) => at.note(error === reason));
    socket.destroy(reason);
    marks(at, 'destroy');
    await closes(socket);
    at.note(socket.errored === reason);
  });

  twins('twice, the second time with an error', async (at) => {
    const { socket } = await watched(at);
    socket.destroy();
    socket.destroy(new Error('too late'));
    await closes(socket);
    await turns(2);
    socket.destroy(new Error('much too late'));
    await turns(2);
  });

  twins('with data that nobody has read', async (at) => {
    const { socket, peer } = await watched(at);
    socket.pause();
    peer.write('unread');
    await until(() => socket.bytesRead === 6);
    socket.destroy();
    await closes(socket);
  });

  twins('in the listeners of data, end and connect', async (at) => {
    for (const event of ['connect', 'data', 'end']) {
      const listener = await at.listen();
      const socket = at.watch(at.side.createConnection(listener.port, HOST), { name: event });
      socket.on(event, () => socket.destroy()).resume();
      (await listener.accepted()).end('x');
      await closes(socket);
    }
  });

  twins('calls back the writes that have not gone out', async (at) => {
    const { socket, peer } = await at.pair();
    at.watch(socket, { bare: true });
    peer.pause();
    const block = Buffer.alloc(48 * 1024 * 1024);
    // What became of the first one the system knows at best.
    socket.write(block);
    // With which code differs between versions of Node.
    socket.write(block, (error) => at.note('second', error instanceof Error));
    socket.end((error?: Error) => at.note('end', error instanceof Error));
    await turns(2);
    socket.destroy();
    await closes(socket);
    await turns(2);
  });

  twins('afterwards: writes, end, and the rest', async (at) => {
    const { socket } = await watched(at);
    socket.destroy();
    await closes(socket);
    at.note(socket.write('late', at.journal.callback('write')));
    socket.end('late', at.journal.callback('end'));
    socket.setTimeout(10).setNoDelay().setKeepAlive(true).ref().unref().pause().resume();
    at.note(socket.read(), socket.address(), socket.readyState);
    await turns(3);
  });
});

describe('destroySoon() and resetAndDestroy()', () => {
  twins('destroySoon(): what was written still goes out', async (at) => {
    const { socket, heard } = await watched(at);
    socket.write('all of ', at.journal.callback('write'));
    socket.write('it');
    socket.destroySoon();
    at.note(stateOf(socket));
    await closes(socket);
    at.note(await heard);
  });

  twins('destroySoon() with nothing written, and twice', async (at) => {
    const { socket, heard } = await watched(at);
    socket.destroySoon();
    socket.destroySoon();
    await closes(socket);
    at.note(await heard);
  });

  twins('resetAndDestroy(): the peer sees a reset', async (at) => {
    const { socket, heard } = await watched(at);
    at.note(socket.resetAndDestroy() === socket, stateOf(socket));
    await closes(socket);
    at.note(await heard);
  });

  twins('resetAndDestroy() after the end of our side', async (at) => {
    const { socket, peer } = await watched(at, { allowHalfOpen: true });
    socket.end('last');
    await happens(socket, 'finish');
    await happens(peer, 'end');
    socket.resetAndDestroy();
    await closes(socket);
  });

  twins('resetAndDestroy() of a socket that was destroyed', async (at) => {
    const { socket } = await watched(at);
    socket.destroy();
    socket.resetAndDestroy();
    await closes(socket);
  });
});
