import { draft, ruling, tls } from '../source.mjs';

const LIFE = ruling('Life of a socket');

/** close() in states other than open, and what it must not cause. */
export const closeStates = [
  {
    id: 'close.while-connecting',
    source: draft('close-method'),
    says: 'close() while connecting rejects opened with the reason.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      const reason = new Error('changed my mind');
      socket.close(reason);
      t.equal(await t.rejects(socket.opened, 'opened'), reason, 'the reason of opened');
    },
  },
  {
    id: 'close.while-connecting-no-reason',
    source: LIFE,
    says: 'close() without a reason while connecting rejects opened with a SocketError.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      socket.close();
      await t.rejectsWithSocketError(socket.opened, 'opened');
    },
  },
  {
    id: 'close.while-connecting-resolves',
    source: draft('closed-attribute'),
    says: 'closed resolves soon after close(), also while connecting.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      await t.within(2500, socket.close(), 'close()');
    },
  },
  {
    id: 'close.at-once',
    source: LIFE,
    says: 'close() in the same turn as connect() is safe: opened rejects, closed resolves, nothing stays.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const socket = connect(peer.address);
      const closed = socket.close();
      await t.rejects(socket.opened, 'opened');
      await closed;
      if ((await peer.accepted()) > 0) await peer.until('close');
    },
  },
  {
    id: 'close.during-handshake',
    source: LIFE,
    says: 'close() during an unanswered TLS handshake rejects opened and resolves closed soon.',
    async body(t, { connect }) {
      const peer = await t.peer({ keepOpen: true });
      const socket = connect(peer.local, { secureTransport: 'on' });
      await peer.until(1);
      const reason = new Error('too slow');
      await t.within(2500, socket.close(reason), 'close()');
      t.equal(await t.rejects(socket.opened, 'opened'), reason, 'the reason of opened');
      await peer.until('end');
    },
  },
  {
    id: 'close.handled',
    source: LIFE,
    says: 'close() while connecting, with reads and writes waiting, causes no unhandled rejection of its own.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      const write = t.outcome(socket.writable.getWriter().write('x'));
      const read = t.outcome(socket.readable.getReader().read());
      socket.close(new Error('enough'));
      t.equal((await write).status, 'rejected', 'the write');
      t.equal((await read).status, 'resolved', 'the read');
      await t.sleep(50);
    },
  },
  {
    id: 'close.locked-streams',
    source: draft('close-method'),
    says: 'close() works although both streams are locked, and leaves the locks in place.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      socket.readable.getReader();
      socket.writable.getWriter();
      await socket.close();
      t.ok(socket.readable.locked && socket.writable.locked, 'a lock is gone');
      await peer.until('end');
    },
  },
  {
    id: 'close.reset-after',
    source: LIFE,
    says: 'A reset that arrives after close() changes nothing.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address);
      const closed = socket.close();
      await peer.reset();
      await closed;
      await t.sleep(50);
      t.equal(await t.state(socket.closed), 'resolved', 'closed');
    },
  },
  {
    id: 'close.close-notify',
    source: tls,
    says: 'close() on a TLS socket sends close_notify before FIN.',
    async body(t) {
      // Up to TLS 1.2 the type of an alert can be seen from outside: 21.
      const peer = await t.peer({ tls: 'valid', maxVersion: 'TLSv1.2' });
      const socket = await t.open(peer.local, { secureTransport: 'on' });
      await socket.close();
      const { records } = await peer.until('end');
      t.equal(records.at(-1), 21, 'the type of the last record');
    },
  },
  {
    id: 'close.flushes-tls',
    source: LIFE,
    says: 'Writes queued before close() arrive over TLS too.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      const socket = await t.open(peer.local, { secureTransport: 'on' });
      socket.writable
        .getWriter()
        .write('last words')
        .catch(() => {});
      await socket.close();
      t.equal((await peer.until('end')).text, 'last words', 'what the peer received');
    },
  },
  {
    id: 'close.truncation-after',
    source: ruling('TLS'),
    says: 'After our own close() FIN without close_notify is no error.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', keepOpen: true });
      const socket = await t.open(peer.local, { secureTransport: 'on' });
      const read = socket.readable.getReader().read();
      const closed = socket.close();
      await peer.fin();
      t.equal(await t.within(2500, closed, 'close()'), undefined, 'the value');
      t.equal((await read).done, true, 'done');
    },
  },
];
