import { pattern } from '../pattern.mjs';
import { draft, ruling, streams } from '../source.mjs';

const OURS = ruling('Streams');
const LIFE = ruling('Life of a socket');

/** The ends of the writable side, and writing in bulk. */
export const writableEnd = [
  {
    id: 'writable.close-fin',
    source: LIFE,
    says: 'writer.close() sends what is queued, then FIN, and resolves.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      writer.write('last');
      await writer.close();
      t.equal((await peer.until('fin')).text, 'last', 'what the peer received');
    },
  },
  {
    id: 'writable.close-leaves-readable',
    source: LIFE,
    says: 'writer.close() leaves the readable side open: an answer still arrives.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      await socket.writable.close();
      await peer.until('fin');
      await peer.send('answer');
      t.equal(await t.readText(socket, 6), 'answer');
    },
  },
  {
    id: 'writable.close-closed',
    source: draft('closed-attribute'),
    says: 'writer.close() by itself does not resolve closed.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      await socket.writable.close();
      await peer.until('fin');
      await t.pending(socket.closed, 'closed');
    },
  },
  {
    id: 'writable.write-after-close',
    source: streams,
    says: 'Writing after writer.close() rejects.',
    async body(t) {
      const { address } = await t.peer({ keepOpen: true });
      const socket = await t.open(address);
      const writer = socket.writable.getWriter();
      await writer.close();
      // Streams wants a TypeError; Node 20 throws an assertion of its own, which is no matter of sockets.
      const write = new Promise((resolve) => resolve(writer.write('x')));
      await t.rejects(write, 'write()');
    },
  },
  {
    id: 'writable.abort',
    source: LIFE,
    says: 'writer.abort() ends the writable side: it resolves, and later writes reject with the reason.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const writer = socket.writable.getWriter();
      const reason = new Error('enough');
      await writer.abort(reason);
      t.equal(await t.rejects(writer.write('x'), 'write()'), reason, 'the reason');
    },
  },
  {
    id: 'writable.abort-closed',
    source: LIFE,
    says: 'writer.abort() by itself neither resolves closed nor ends the readable side.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      await socket.writable.abort();
      await t.pending(socket.closed, 'closed');
      await peer.send('answer');
      t.equal(await t.readText(socket, 6), 'answer');
    },
  },
  {
    id: 'writable.abort-in-flight',
    source: OURS,
    says: 'abort() with writes in flight settles each of them.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      const writes = [writer.write(new Uint8Array(16 << 20)), writer.write('x')].map((write) =>
        t.outcome(write),
      );
      await t.sleep(50);
      await t.within(2500, writer.abort(new Error('enough')), 'abort()');
      for (const { status } of await Promise.all(writes)) t.equal(status, 'rejected', 'a write');
    },
  },
  {
    id: 'writable.both-sides-ended',
    source: LIFE,
    says: 'When readable is cancelled and writable closed, the connection is closed.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      await socket.readable.cancel();
      await socket.writable.close();
      await peer.until('fin');
      // An implementation may listen for a while after its FIN, so that nothing it has sent is lost to a reset.
      let closed = false;
      const close = peer.until('close').finally(() => {
        closed = true;
      });
      while (!closed) {
        await peer.send('into the void').catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await close;
    },
  },
  {
    id: 'writable.pipe-into',
    source: streams,
    says: 'A stream can be piped into writable, which is closed at its end.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await new Blob(['through ', 'the pipe']).stream().pipeTo(socket.writable);
      t.equal((await peer.until('end')).text, 'through the pipe', 'what the peer received');
    },
  },
  {
    id: 'writable.locked',
    source: streams,
    says: 'There is one writer at a time: a second getWriter() throws a TypeError.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      socket.writable.getWriter();
      t.throwsTypeError(() => socket.writable.getWriter(), 'getWriter()');
    },
  },
  {
    id: 'writable.release',
    source: streams,
    says: 'releaseLock() with a write pending lets that write finish.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      const write = writer.write('first ');
      writer.releaseLock();
      await t.write(socket, 'second');
      await write;
      t.equal((await peer.until(12)).text, 'first second', 'what the peer received');
    },
  },
  {
    id: 'writable.bulk',
    source: OURS,
    says: 'Four mebibytes leave whole and in order.',
    async body(t) {
      const size = 4 << 20;
      const peer = await t.peer({ pattern: true });
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      for (let at = 0; at < size; at += 1 << 18) await writer.write(pattern(1 << 18, at));
      t.equal((await peer.until(size)).mismatch, -1, 'the first wrong byte');
    },
  },
  {
    id: 'writable.full-duplex',
    source: draft('socket-concept-section'),
    says: 'Both sides work at the same time: what is written comes back while writing goes on.',
    async body(t) {
      const peer = await t.peer({ mode: 'echo' });
      const socket = await t.open(peer.address);
      const sent = pattern(1 << 20);
      const [, received] = await Promise.all([t.write(socket, sent), t.read(socket, sent.length)]);
      t.ok(
        received.every((byte, index) => byte === sent[index]),
        'the bytes differ',
      );
    },
  },
];
