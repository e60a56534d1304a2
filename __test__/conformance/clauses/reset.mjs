import { draft, ruling } from '../source.mjs';

const LIFE = ruling('Life of a socket');

/** RST from the peer. */
export const reset = [
  {
    id: 'reset.read-rejects',
    source: LIFE,
    says: 'After a reset reads reject: it is never a clean end.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = t.handled(socket.readable.getReader().read());
      await peer.reset();
      await t.rejects(read, 'read()');
    },
  },
  {
    id: 'reset.socket-error',
    source: LIFE,
    says: 'What reads and writes reject with after a reset is a SocketError.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = t.handled(socket.readable.getReader().read());
      await peer.reset();
      await t.rejectsWithSocketError(read, 'read()');
      await t.rejectsWithSocketError(socket.writable.getWriter().write('x'), 'write()');
    },
  },
  {
    id: 'reset.unread-rejects',
    source: LIFE,
    says: 'A reset that came while nobody was reading is no clean end either.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await peer.reset();
      await t.sleep(100);
      await t.rejects(socket.readable.getReader().read(), 'read()');
    },
  },
  {
    id: 'reset.code',
    source: ruling('Errors'),
    says: 'The error of a reset has the code ECONNRESET.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = t.handled(socket.readable.getReader().read());
      await peer.reset();
      t.equal((await t.rejects(read, 'read()')).code, 'ECONNRESET', 'code');
    },
  },
  {
    id: 'reset.data-first',
    source: LIFE,
    says: 'Data that was read off the connection before the reset is delivered.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'before']] });
      const socket = await t.open(peer.address);
      t.equal(await t.readText(socket, 6), 'before');
      await peer.reset();
      const { text, error } = await t.readUntilFailure(socket);
      t.equal(text, '', 'what came after');
      t.ok(error, 'the stream ended cleanly');
    },
  },
  {
    id: 'reset.writes-reject',
    source: LIFE,
    says: 'After a reset writes reject.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = t.outcome(socket.readable.getReader().read());
      await peer.reset();
      await read;
      await t.rejects(socket.writable.getWriter().write('x'), 'write()');
    },
  },
  {
    id: 'reset.pending-write',
    source: LIFE,
    says: 'A write that waits for the peer rejects when the peer resets.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const socket = await t.open(peer.address);
      const write = t.outcome(socket.writable.getWriter().write(new Uint8Array(16 << 20)));
      await t.sleep(50);
      await peer.reset();
      t.equal((await write).status, 'rejected', 'the write');
    },
  },
  {
    id: 'reset.closed-resolves',
    source: draft('closed-attribute'),
    says: 'closed resolves when the stream is read and the peer has reset the connection.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = t.outcome(socket.readable.getReader().read());
      await peer.reset();
      await read;
      t.equal(await t.within(1000, socket.closed, 'closed'), undefined, 'the value');
    },
  },
  {
    id: 'reset.half-open',
    source: LIFE,
    says: 'With allowHalfOpen a reset ends both sides: reads and writes reject, closed settles.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address, { allowHalfOpen: true });
      const read = t.handled(socket.readable.getReader().read());
      await peer.reset();
      await t.rejects(read, 'read()');
      await t.rejects(socket.writable.getWriter().write('x'), 'write()');
      await t.within(1000, t.outcome(socket.closed), 'closed');
    },
  },
  {
    id: 'reset.handled',
    source: LIFE,
    says: 'A reset that nobody looks at causes no unhandled rejection.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      socket.readable.getReader();
      socket.writable.getWriter();
      await peer.reset();
      await t.sleep(150);
    },
  },
  {
    id: 'reset.close-after',
    source: LIFE,
    says: 'close() after a reset is harmless.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const read = t.outcome(socket.readable.getReader().read());
      await peer.reset();
      await read;
      await t.within(1000, t.outcome(socket.close()), 'close()');
    },
  },
  {
    id: 'reset.tls',
    source: LIFE,
    says: 'Over TLS a reset makes reads reject with ECONNRESET too.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      const socket = await t.open(peer.local, { secureTransport: 'on' });
      const read = t.handled(socket.readable.getReader().read());
      await peer.until('secure');
      await peer.reset();
      const error = await t.rejects(read, 'read()');
      t.equal(error.code, 'ECONNRESET', 'code');
    },
  },
];
