import { mismatch } from '../pattern.mjs';
import { draft, ruling, streams } from '../source.mjs';

const OURS = ruling('Streams');

/** The end of the readable side, and reading as Streams has it. */
export const readableEnd = [
  {
    id: 'readable.end',
    source: draft('readable-attribute'),
    says: 'When the peer has ended its side, reads end as done after the last byte.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'all of it'], ['end']] });
      const socket = await t.open(peer.address);
      t.equal(await t.readAllText(socket), 'all of it');
    },
  },
  {
    id: 'readable.end-empty',
    source: draft('readable-attribute'),
    says: 'A peer that sends nothing and ends gives a read that is done at once.',
    async body(t) {
      const peer = await t.peer({ script: [['end']] });
      const socket = await t.open(peer.address);
      t.equal((await socket.readable.getReader().read()).done, true, 'done');
    },
  },
  {
    id: 'readable.async-iteration',
    source: streams,
    says: 'for await goes over the chunks and ends with the stream.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'one'], ['wait', 20], ['send', 'two'], ['end']] });
      const socket = await t.open(peer.address);
      let text = '';
      for await (const chunk of socket.readable) text += new TextDecoder().decode(chunk);
      t.equal(text, 'onetwo');
    },
  },
  {
    id: 'readable.tee',
    source: streams,
    says: 'tee() gives two branches with the same bytes.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'twice'], ['end']] });
      const socket = await t.open(peer.address);
      const [left, right] = socket.readable.tee();
      const texts = await Promise.all([new Response(left).text(), new Response(right).text()]);
      t.equal(texts.join(), 'twice,twice');
    },
  },
  {
    id: 'readable.pipe-to',
    source: streams,
    says: 'pipeTo() carries every chunk and ends with the stream.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'through the pipe'], ['end']] });
      const socket = await t.open(peer.address);
      let text = '';
      const sink = new WritableStream({
        write(chunk) {
          text += new TextDecoder().decode(chunk);
        },
      });
      await socket.readable.pipeTo(sink);
      t.equal(text, 'through the pipe');
    },
  },
  {
    id: 'readable.response',
    source: OURS,
    says: 'new Response(socket.readable) reads it as a body.',
    async body(t) {
      const peer = await t.peer({ script: [['send', '{"ok":true}'], ['end']] });
      const socket = await t.open(peer.address);
      t.equal((await new Response(socket.readable).json()).ok, true, 'ok');
    },
  },
  {
    id: 'readable.cancel',
    source: ruling('Life of a socket'),
    says: 'cancel() ends the readable side: it resolves, and reads are done.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader();
      t.equal(await reader.cancel('enough'), undefined, 'what cancel() resolved with');
      t.equal((await reader.read()).done, true, 'done');
    },
  },
  {
    id: 'readable.cancel-closed',
    source: draft('closed-attribute'),
    says: 'cancel() by itself does not resolve closed, and the socket goes on writing.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await socket.readable.cancel();
      await t.pending(socket.closed, 'closed');
      await t.write(socket, 'still');
      t.equal((await peer.until(5)).text, 'still', 'what the peer received');
    },
  },
  {
    id: 'readable.cancel-in-flight',
    source: OURS,
    says: 'cancel() with data in flight and a read pending ends that read as done.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader();
      const read = reader.read();
      const cancelled = reader.cancel();
      await peer.send('too late');
      await cancelled;
      t.equal((await read).done, true, 'done');
    },
  },
  {
    id: 'readable.bulk',
    source: OURS,
    says: 'Four mebibytes arrive whole and in order.',
    async body(t) {
      const size = 4 << 20;
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await peer.sendPattern(size);
      t.equal(mismatch(await t.read(socket, size)), -1, 'the first wrong byte');
    },
  },
  {
    id: 'readable.own-memory',
    source: OURS,
    says: 'A chunk belongs to its reader: later reads do not change it.',
    async body(t) {
      const peer = await t.peer({ mode: 'echo' });
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader();
      const kept = [];
      for (const word of ['first', 'other', 'third']) {
        await t.write(socket, word);
        kept.push((await reader.read()).value);
      }
      t.equal(kept.map((chunk) => new TextDecoder().decode(chunk)).join(), 'first,other,third');
    },
  },
];
