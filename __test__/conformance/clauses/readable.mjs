import { draft, ruling, streams } from '../source.mjs';

const OURS = ruling('Streams');

/** The readable side. */
export const readable = [
  {
    id: 'readable.data',
    source: draft('readable-attribute'),
    says: 'What the peer sends can be read.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'hello']] });
      const socket = await t.open(peer.address);
      t.equal(await t.readText(socket, 5), 'hello');
    },
  },
  {
    id: 'readable.uint8array',
    source: ruling('The API'),
    says: 'Chunks are Uint8Arrays and never empty.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'a'], ['wait', 20], ['send', 'b'], ['end']] });
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader();
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        t.ok(chunk.value instanceof Uint8Array, 'a chunk is no Uint8Array');
        t.equal(chunk.value.constructor, Uint8Array, 'the constructor of a chunk');
        t.ok(chunk.value.byteLength > 0, 'a chunk is empty');
      }
    },
  },
  {
    id: 'readable.read-before-open',
    source: draft('connect-section'),
    says: 'A read may be asked for before the connection exists; it is served when data arrives.',
    async body(t, { connect }) {
      const peer = await t.peer({
        script: [
          ['wait', 30],
          ['send', 'early'],
        ],
      });
      t.equal(await t.readText(connect(peer.address), 5), 'early');
    },
  },
  {
    id: 'readable.waits',
    source: streams,
    says: 'A read stays pending while there is nothing to read.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = socket.readable.getReader().read();
      await t.pending(read, 'read()');
      await peer.send('now');
      t.equal(new TextDecoder().decode((await read).value), 'now');
    },
  },
  {
    id: 'readable.arrives-promptly',
    source: OURS,
    says: 'A read is served with what is there: it does not wait for a buffer to fill.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      for (const letter of 'abc') {
        await peer.send(letter);
        t.equal(await t.within(1000, t.readText(socket, 1), 'read()'), letter);
      }
    },
  },
  {
    id: 'readable.queued-reads',
    source: streams,
    says: 'Several reads asked for at once are served in order.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader();
      const reads = [reader.read(), reader.read()];
      await peer.send('1');
      t.equal(new TextDecoder().decode((await reads[0]).value), '1');
      await peer.send('2');
      t.equal(new TextDecoder().decode((await reads[1]).value), '2');
    },
  },
  {
    id: 'readable.locked',
    source: streams,
    says: 'There is one reader at a time: a second getReader() throws a TypeError.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      socket.readable.getReader();
      t.throwsTypeError(() => socket.readable.getReader(), 'getReader()');
    },
  },
  {
    id: 'readable.release-pending',
    source: streams,
    says: 'releaseLock() with a read pending rejects that read; what arrives next goes to the next reader.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader();
      const read = t.outcome(reader.read());
      await t.sleep(20);
      reader.releaseLock();
      t.equal((await read).status, 'rejected', 'the read');
      await peer.send('kept');
      t.equal(await t.readText(socket, 4), 'kept');
    },
  },
  {
    id: 'readable.byob',
    source: OURS,
    says: 'readable is a byte stream: it gives a BYOB reader.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'bytes']] });
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader({ mode: 'byob' });
      const { value, done } = await reader.read(new Uint8Array(64));
      t.equal(done, false, 'done');
      t.equal(new TextDecoder().decode(value), 'bytes');
    },
  },
  {
    id: 'readable.byob-small',
    source: streams,
    says: 'A BYOB read takes no more than its view holds; the rest stays for the next read.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'abcdef']] });
      const socket = await t.open(peer.address);
      const reader = socket.readable.getReader({ mode: 'byob' });
      let text = '';
      for (let count = 0; count < 3; count++) {
        const { value } = await reader.read(new Uint8Array(2));
        t.ok(value.byteLength <= 2, 'more than the view holds');
        text += new TextDecoder().decode(value);
      }
      t.equal(text, 'abcdef');
    },
  },
  {
    id: 'readable.byob-offset',
    source: streams,
    says: 'A BYOB read fills the view it was given, at its offset, and leaves the rest of the buffer alone.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'xyz']] });
      const socket = await t.open(peer.address);
      const buffer = new ArrayBuffer(16);
      new Uint8Array(buffer).fill(46);
      const { value } = await socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(buffer, 4, 8));
      t.equal(value.byteOffset, 4, 'byteOffset');
      const whole = new TextDecoder().decode(new Uint8Array(value.buffer));
      t.equal(whole, '....xyz.........', 'the buffer');
    },
  },
  {
    id: 'readable.byob-end',
    source: streams,
    says: 'At the end a BYOB read gives the view back, empty, as done.',
    async body(t) {
      const peer = await t.peer({ script: [['end']] });
      const socket = await t.open(peer.address);
      const { value, done } = await socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8));
      t.equal(done, true, 'done');
      t.equal(value?.byteLength, 0, 'byteLength');
    },
  },
];
