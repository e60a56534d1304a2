import { ruling } from '../source.mjs';

const LIFE = ruling('Life of a socket');

/** The option `signal`. */
export const signal = [
  {
    id: 'signal.already-aborted',
    source: LIFE,
    says: 'A signal that is aborted already makes connect() throw its reason, and nothing is dialled.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const reason = new Error('no need');
      const thrown = t.throws(
        () => connect(peer.address, { signal: AbortSignal.abort(reason) }),
        'connect()',
      );
      t.equal(thrown, reason, 'what was thrown');
      await t.sleep(50);
      t.equal(await peer.accepted(), 0, 'the number of connections');
    },
  },
  {
    id: 'signal.while-connecting',
    source: LIFE,
    says: 'Aborting while connecting rejects opened with the reason.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const controller = new AbortController();
      const socket = connect(address, { signal: controller.signal });
      const reason = new Error('too slow');
      setTimeout(() => controller.abort(reason), 20);
      t.equal(await t.rejects(socket.opened, 'opened'), reason, 'the reason');
    },
  },
  {
    id: 'signal.default-reason',
    source: LIFE,
    says: 'Without a reason of its own the signal gives an AbortError.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const controller = new AbortController();
      const socket = connect(address, { signal: controller.signal });
      controller.abort();
      t.equal((await t.rejects(socket.opened, 'opened')).name, 'AbortError', 'name');
    },
  },
  {
    id: 'signal.timeout',
    source: LIFE,
    says: 'AbortSignal.timeout() bounds the time to connect.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address, { signal: AbortSignal.timeout(50) });
      t.equal((await t.rejects(socket.opened, 'opened')).name, 'TimeoutError', 'name');
    },
  },
  {
    id: 'signal.pending-read',
    source: LIFE,
    says: 'A read that waits rejects with the reason.',
    async body(t) {
      const peer = await t.peer();
      const controller = new AbortController();
      const socket = await t.open(peer.address, { signal: controller.signal });
      const read = t.handled(socket.readable.getReader().read());
      const reason = new Error('enough');
      controller.abort(reason);
      t.equal(await t.rejects(read, 'read()'), reason, 'the reason');
    },
  },
  {
    id: 'signal.pending-write',
    source: LIFE,
    says: 'A write that waits rejects with the reason, at once: nothing is flushed.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const controller = new AbortController();
      const socket = await t.open(peer.address, { signal: controller.signal });
      const write = t.handled(socket.writable.getWriter().write(new Uint8Array(32 << 20)));
      await t.sleep(50);
      const reason = new Error('enough');
      controller.abort(reason);
      t.equal(await t.rejects(t.within(800, write, 'write()'), 'write()'), reason, 'the reason');
    },
  },
  {
    id: 'signal.later-writes',
    source: LIFE,
    says: 'After it writes reject with the reason.',
    async body(t) {
      const peer = await t.peer();
      const controller = new AbortController();
      const socket = await t.open(peer.address, { signal: controller.signal });
      const reason = new Error('enough');
      controller.abort(reason);
      t.equal(await t.rejects(socket.writable.getWriter().write('x'), 'write()'), reason, 'the reason');
    },
  },
  {
    id: 'signal.connection-ends',
    source: LIFE,
    says: 'The connection is gone and closed settles.',
    async body(t) {
      const peer = await t.peer({ keepOpen: true });
      const controller = new AbortController();
      const socket = await t.open(peer.address, { signal: controller.signal });
      controller.abort();
      await t.within(1000, t.outcome(socket.closed), 'closed');
      await t.within(1000, Promise.race([peer.until('fin'), peer.until('close')]), 'the end at the peer');
    },
  },
  {
    id: 'signal.during-handshake',
    source: LIFE,
    says: 'Aborting during the TLS handshake rejects opened with the reason and ends the connection.',
    async body(t, { connect }) {
      const peer = await t.peer({ keepOpen: true });
      const controller = new AbortController();
      const socket = connect(peer.local, { secureTransport: 'on', signal: controller.signal });
      await peer.until(1);
      const reason = new Error('too slow');
      controller.abort(reason);
      t.equal(await t.rejects(socket.opened, 'opened'), reason, 'the reason');
      await t.within(1000, Promise.race([peer.until('fin'), peer.until('close')]), 'the end at the peer');
    },
  },
  {
    id: 'signal.starttls',
    source: ruling('startTls()'),
    says: 'The signal carries over: it ends the socket that startTls() returned.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', upgradeAfter: 0 });
      const controller = new AbortController();
      const options = { secureTransport: 'starttls', signal: controller.signal };
      const secure = t.track((await t.open(peer.local, options)).startTls());
      await secure.opened;
      const read = t.handled(secure.readable.getReader().read());
      const reason = new Error('enough');
      controller.abort(reason);
      t.equal(await t.rejects(read, 'read()'), reason, 'the reason');
    },
  },
  {
    id: 'signal.after-close',
    source: LIFE,
    says: 'Aborting after close() changes nothing and throws nothing.',
    async body(t) {
      const peer = await t.peer();
      const controller = new AbortController();
      const socket = await t.open(peer.address, { signal: controller.signal });
      await socket.close();
      controller.abort(new Error('too late'));
      await t.sleep(20);
      t.equal(await t.state(socket.closed), 'resolved', 'closed');
      t.equal((await socket.readable.getReader().read()).done, true, 'done');
    },
  },
  {
    id: 'signal.handled',
    source: LIFE,
    says: 'Aborting a socket that nobody looks at causes no unhandled rejection.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const controller = new AbortController();
      const socket = connect(address, { signal: controller.signal });
      socket.readable.getReader();
      socket.writable.getWriter();
      controller.abort(new Error('enough'));
      await t.rejects(socket.opened, 'opened');
      await t.sleep(50);
    },
  },
];
