/** wintersock/node beside node:net: the end of our side. */
import type { Socket } from 'node:net';
import { describe } from 'vitest';
import { stateOf } from './duplex/journal.ts';
import { closes, turns, twins, until } from './duplex/stage.ts';
import { marks, watched } from './duplex/watched.ts';

describe('end()', () => {
  const forms: Record<string, (socket: Socket, done: () => void) => void> = {
    'end()': (socket) => socket.end(),
    'end(callback)': (socket, done) => socket.end(done),
    'end(data)': (socket) => socket.end('last'),
    'end(data, callback)': (socket, done) => socket.end(Buffer.from('last'), done),
    'end(data, encoding, callback)': (socket, done) => socket.end('bGFzdA==', 'base64', done),
    'write(data), end(callback)': (socket, done) => {
      socket.write('la');
      socket.write('st', done);
      socket.end(done);
    },
  };
  for (const [name, form] of Object.entries(forms)) {
    twins(name, async (at) => {
      const { socket, peer, heard } = await watched(at);
      form(socket, at.journal.callback('done'));
      at.note(stateOf(socket));
      const text = await heard;
      await until(() => socket.writableFinished);
      peer.end('answer');
      socket.on('data', (data) => at.note('data', String(data)));
      await closes(socket);
      at.note(text);
    });
  }

  twins('twice, with callbacks', async (at) => {
    const { socket, peer, heard } = await watched(at);
    socket.end(at.journal.callback('first'));
    socket.end(at.journal.callback('second'));
    await heard;
    await until(() => socket.writableFinished);
    await turns(1);
    socket.end(at.journal.callback('third'));
    await turns(2);
    peer.end();
    await closes(socket.resume());
  });

  twins('a write afterwards', async (at) => {
    const { socket, heard } = await watched(at);
    socket.end('last');
    at.note(socket.write('late', at.journal.callback('write')));
    marks(at, 'write');
    await closes(socket);
    at.note(await heard);
  });

  twins('data after end()', async (at) => {
    const { socket, heard } = await watched(at);
    socket.end('last');
    socket.end('late', at.journal.callback('late'));
    await closes(socket);
    at.note(await heard);
  });
});
