import { draft, ruling } from '../source.mjs';

const LIFE = ruling('Life of a socket');
const OPEN = { allowHalfOpen: true };

/** FIN from the peer, with and without allowHalfOpen. */
export const halfOpen = [
  {
    id: 'fin.closed-resolves',
    source: draft('closed-attribute'),
    says: 'By default closed resolves when the stream is read and the peer has sent FIN.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'bye'], ['end']] });
      const socket = await t.open(peer.address);
      t.equal(await t.readAllText(socket), 'bye');
      t.equal(await socket.closed, undefined, 'the value');
    },
  },
  {
    id: 'fin.our-fin',
    source: draft('socketoptions-dictionary'),
    says: 'By default the peer gets our FIN in return.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address);
      await t.readAll(socket);
      await peer.until('fin');
    },
  },
  {
    id: 'fin.writable-closed',
    source: draft('socketoptions-dictionary'),
    says: 'By default the writable side is closed with it: later writes reject.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address);
      await t.readAll(socket);
      await socket.closed;
      await t.rejects(socket.writable.getWriter().write('late'), 'write()');
    },
  },
  {
    id: 'fin.unlocked-writable-closes',
    source: LIFE,
    says: 'An unlocked writable is closed, not errored: the closed of its writer resolves.',
    async body(t) {
      const peer = await t.peer({ script: [['end']] });
      const socket = await t.open(peer.address);
      await t.readAll(socket);
      await socket.closed;
      t.equal(await socket.writable.getWriter().closed, undefined, 'the value');
    },
  },
  {
    id: 'fin.queued-writes-flushed',
    source: LIFE,
    says: 'Writes queued before FIN was seen are sent before ours.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf', keepOpen: true });
      const socket = await t.open(peer.address);
      const size = 8 << 20;
      const writer = socket.writable.getWriter();
      const write = writer.write(new Uint8Array(size));
      await t.sleep(50);
      await peer.end();
      const read = t.readAll(socket);
      await peer.resume();
      await read;
      await write;
      t.equal((await peer.until('fin')).bytes, size, 'the number of bytes');
    },
  },
  {
    id: 'fin.data-first',
    source: LIFE,
    says: 'Data that arrived before FIN is delivered first, also if nobody read until then.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'x'.repeat(10000)], ['end']] });
      const socket = await t.open(peer.address);
      await t.sleep(100);
      t.equal((await t.readAll(socket)).byteLength, 10000, 'the number of bytes');
    },
  },
  {
    id: 'fin.unread-data-keeps-open',
    source: LIFE,
    says: 'While data is unread closed stays pending, although the peer has ended.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'unread'], ['end']] });
      const socket = await t.open(peer.address);
      await t.pending(socket.closed, 'closed', 150);
      t.equal(await t.readAllText(socket), 'unread');
      await socket.closed;
    },
  },
  {
    id: 'fin.noticed-unread',
    source: LIFE,
    says: 'Where no data is unread FIN is noticed although nobody reads: closed resolves.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await peer.end();
      t.equal(await socket.closed, undefined, 'the value');
      await peer.until('end');
    },
  },
  {
    id: 'fin.before-anything',
    source: LIFE,
    says: 'A peer that ends at once still lets opened resolve.',
    async body(t, { connect }) {
      const peer = await t.peer({ script: [['end']] });
      const socket = connect(peer.address);
      t.ok(socket.opened instanceof Promise, 'opened is no promise');
      await socket.opened;
      await t.readAll(socket);
      await socket.closed;
    },
  },
  {
    id: 'half-open.writable-stays',
    source: draft('socketoptions-dictionary'),
    says: 'With allowHalfOpen the writable side can be used after FIN.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      await t.readAll(socket);
      await t.sleep(50);
      await t.write(socket, 'still here');
      t.equal((await peer.until(10)).text, 'still here', 'what the peer received');
    },
  },
  {
    id: 'half-open.readable-ends',
    source: draft('socketoptions-dictionary'),
    says: 'With allowHalfOpen the readable side ends with FIN.',
    async body(t) {
      const peer = await t.peer({ script: [['send', 'bye'], ['end']], keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      t.equal(await t.readAllText(socket), 'bye');
    },
  },
  {
    id: 'half-open.no-fin',
    source: draft('socketoptions-dictionary'),
    says: 'With allowHalfOpen no FIN is sent in return.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      await t.readAll(socket);
      await t.sleep(100);
      t.equal((await peer.log()).fin, false, 'whether FIN arrived');
    },
  },
  {
    id: 'half-open.closed-pending',
    source: draft('closed-attribute'),
    says: 'With allowHalfOpen closed stays pending after FIN.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      await t.readAll(socket);
      await t.pending(socket.closed, 'closed');
    },
  },
  {
    id: 'half-open.both-ended',
    source: LIFE,
    says: 'With allowHalfOpen closed resolves once both sides have ended.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      await t.readAll(socket);
      await socket.writable.close();
      await t.within(2000, socket.closed, 'closed');
      await peer.until('fin');
    },
  },
  {
    id: 'half-open.ours-first',
    source: LIFE,
    says: 'With allowHalfOpen our side may end first; closed resolves when the peer has ended too.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      await socket.writable.close();
      await peer.until('fin');
      await t.pending(socket.closed, 'closed');
      await peer.send('answer');
      await peer.end();
      t.equal(await t.readAllText(socket), 'answer');
      await t.within(2000, socket.closed, 'closed');
    },
  },
  {
    id: 'half-open.close',
    source: draft('close-method'),
    says: 'close() works in the half-open state.',
    async body(t) {
      const peer = await t.peer({ script: [['end']], keepOpen: true });
      const socket = await t.open(peer.address, OPEN);
      await t.readAll(socket);
      await socket.close();
      await peer.until('end');
    },
  },
  {
    id: 'half-open.tls',
    source: draft('socketoptions-dictionary'),
    says: 'allowHalfOpen holds over TLS: after close_notify the writable side goes on.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', script: [['send', 'bye'], ['end']], keepOpen: true });
      const socket = await t.open(peer.local, { ...OPEN, secureTransport: 'on' });
      t.equal(await t.readAllText(socket), 'bye');
      await t.sleep(50);
      await t.write(socket, 'still here');
      t.equal((await peer.until(10)).text, 'still here', 'what the peer received');
    },
  },
  {
    id: 'fin.tls',
    source: draft('closed-attribute'),
    says: 'Over TLS closed resolves when the peer has ended in good order.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', script: [['send', 'bye'], ['end']] });
      const socket = await t.open(peer.local, { secureTransport: 'on' });
      t.equal(await t.readAllText(socket), 'bye');
      await socket.closed;
    },
  },
];
