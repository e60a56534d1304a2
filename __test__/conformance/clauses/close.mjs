import { pattern } from '../pattern.mjs';
import { draft, ruling } from '../source.mjs';

const LIFE = ruling('Life of a socket');

/** close(). */
export const close = [
  {
    id: 'close.returns-closed',
    source: draft('close-method'),
    says: 'close() returns the very promise that closed is.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      t.equal(socket.close(), socket.closed, 'what close() returned');
    },
  },
  {
    id: 'close.idempotent',
    source: LIFE,
    says: 'close() may be called again at any time and returns the same promise.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const first = socket.close();
      t.equal(socket.close(new Error('again')), first, 'what the second close() returned');
      await first;
      t.equal(socket.close(), first, 'what the third close() returned');
      await first;
    },
  },
  {
    id: 'close.resolves',
    source: draft('closed-attribute'),
    says: 'closed resolves with undefined after close().',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      t.equal(await socket.close(), undefined, 'the value');
    },
  },
  {
    id: 'close.connection-ends',
    source: draft('close-method'),
    says: 'close() closes the connection: the peer sees its end.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      await socket.close();
      await peer.until('end');
    },
  },
  {
    id: 'close.whatever-the-peer-does',
    source: LIFE,
    says: 'closed resolves although the peer neither reads nor ends its side.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf', keepOpen: true });
      const socket = await t.open(peer.address);
      await t.within(2500, socket.close(), 'close()');
    },
  },
  {
    id: 'close.reads-end',
    source: LIFE,
    says: 'A read that waits ends as done.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const read = socket.readable.getReader().read();
      socket.close();
      const { done, value } = await read;
      t.equal(done, true, 'done');
      t.equal(value, undefined, 'value');
    },
  },
  {
    id: 'close.reads-end-with-reason',
    source: LIFE,
    says: 'Reads end as done also where close() was given a reason.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const reader = socket.readable.getReader();
      const read = reader.read();
      socket.close(new Error('enough'));
      t.equal((await read).done, true, 'done of the pending read');
      t.equal((await reader.read()).done, true, 'done of a later read');
    },
  },
  {
    id: 'close.reads-end-byob',
    source: LIFE,
    says: 'A BYOB read that waits ends as done.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const read = socket.readable.getReader({ mode: 'byob' }).read(new Uint8Array(8));
      socket.close();
      t.equal((await read).done, true, 'done');
    },
  },
  {
    id: 'close.nothing-delivered-after',
    source: LIFE,
    says: 'No data is delivered after close(), not even what had arrived.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'unread']] });
      const socket = await t.open(peer.address);
      await t.sleep(50);
      const closed = socket.close();
      t.equal((await socket.readable.getReader().read()).done, true, 'done');
      await closed;
    },
  },
  {
    id: 'close.later-writes-reject',
    source: draft('close-method'),
    says: 'The writable is aborted with the reason: later writes reject with it.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const writer = socket.writable.getWriter();
      const reason = new Error('enough');
      await socket.close(reason);
      t.equal(await t.rejects(writer.write('late'), 'write()'), reason, 'the reason of write()');
    },
  },
  {
    id: 'close.writer-closed-reason',
    source: draft('close-method'),
    says: 'The writer of a closed socket has its closed rejected with the reason.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const writer = socket.writable.getWriter();
      const reason = { any: 'value' };
      await socket.close(reason);
      t.equal(await t.rejects(writer.closed, 'closed of the writer'), reason, 'the reason');
    },
  },
  {
    id: 'close.later-writes-without-reason',
    source: draft('close-method'),
    says: 'Without a reason later writes reject all the same.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      await socket.close();
      await t.rejects(socket.writable.getWriter().write('late'), 'write()');
    },
  },
  {
    id: 'close.flushes',
    source: LIFE,
    says: 'Writes that were queued before close() are sent, in order.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      for (const word of ['one ', 'two ', 'three']) writer.write(word).catch(() => {});
      await socket.close();
      t.equal((await peer.until('end')).text, 'one two three', 'what the peer received');
    },
  },
  {
    id: 'close.flushes-much',
    source: LIFE,
    says: 'A megabyte queued before close() arrives whole at a peer that reads.',
    async body(t) {
      const peer = await t.peer({ pattern: true });
      const socket = await t.open(peer.address);
      const size = 1 << 20;
      socket.writable
        .getWriter()
        .write(pattern(size))
        .catch(() => {});
      await socket.close();
      const { bytes, mismatch } = await peer.until('end');
      t.equal(bytes, size, 'the number of bytes');
      t.equal(mismatch, -1, 'the first wrong byte');
    },
  },
  {
    id: 'close.flush-bounded',
    source: LIFE,
    says: 'The flush has a bound of about a second: a peer that does not read cannot hold close() up.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const socket = await t.open(peer.address);
      const write = socket.writable.getWriter().write(new Uint8Array(32 << 20));
      const outcome = t.outcome(write);
      await t.sleep(50);
      await t.within(3000, socket.close(new Error('enough')), 'close()');
      t.equal((await outcome).status, 'rejected', 'the write that could not be sent');
    },
  },
];
