import { draft, ruling } from '../source.mjs';

const LIFE = ruling('Life of a socket');

/** What happens when the connection does not come about. */
export const failure = [
  {
    id: 'failure.opened-rejects',
    source: draft('opened-attribute'),
    says: 'If nobody listens, opened rejects with a SocketError.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      await t.rejectsWithSocketError(connect(address).opened, 'opened');
    },
  },
  {
    id: 'failure.closed-rejects',
    source: draft('connect-section'),
    says: 'If nobody listens, closed rejects with a SocketError.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      await t.rejectsWithSocketError(connect(address).closed, 'closed');
    },
  },
  {
    id: 'failure.same-error',
    source: draft('connect-section'),
    says: 'opened and closed reject with the same error.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const { opened, closed } = connect(address);
      const error = await t.rejects(opened, 'opened');
      t.equal(await t.rejects(closed, 'closed'), error, 'the reason of closed');
    },
  },
  {
    id: 'failure.asynchronous',
    source: draft('connect-section'),
    says: 'A connection that fails never makes connect() throw.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address);
      await t.rejects(socket.opened, 'opened');
      await t.rejects(connect('nowhere.invalid:80').opened, 'opened of an unknown name');
    },
  },
  {
    id: 'failure.handled',
    source: draft('connect-section'),
    says: 'opened and closed are marked as handled: who ignores them gets no unhandled rejection.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      connect(address);
      await t.sleep(150);
    },
  },
  {
    id: 'failure.handled-streams',
    source: LIFE,
    says: 'Streams with a lock on them that fail cause no unhandled rejection either.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const { readable, writable } = connect(address);
      readable.getReader();
      writable.getWriter();
      await t.sleep(150);
    },
  },
  {
    id: 'failure.handled-unresolvable',
    source: LIFE,
    says: 'A name that does not resolve causes no unhandled rejection.',
    async body(t, { connect }) {
      const { closed } = connect('nowhere.invalid:80');
      await t.rejects(closed, 'closed');
    },
  },
  {
    id: 'failure.readable-errored',
    source: LIFE,
    says: 'The readable side is errored with the error of opened, not ended.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address);
      const error = await t.rejects(socket.opened, 'opened');
      t.equal(await t.rejects(socket.readable.getReader().read(), 'read()'), error, 'the reason of read()');
    },
  },
  {
    id: 'failure.writable-errored',
    source: draft('connect-section'),
    says: 'The writable side is aborted with the error of opened.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address);
      const error = await t.rejects(socket.opened, 'opened');
      const writer = socket.writable.getWriter();
      t.equal(await t.rejects(writer.write('x'), 'write()'), error, 'the reason of write()');
      t.equal(await t.rejects(writer.closed, 'closed of the writer'), error, 'the reason of the writer');
    },
  },
  {
    id: 'failure.pending-read',
    source: LIFE,
    says: 'A read that waits for the connection rejects with the error of opened.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address);
      const read = socket.readable.getReader().read();
      const reason = await t.rejects(read, 'read()');
      t.equal(await t.rejects(socket.opened, 'opened'), reason, 'the reason of opened');
    },
  },
  {
    id: 'failure.pending-write',
    source: LIFE,
    says: 'A write that waits for the connection rejects with the error of opened.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address);
      const writes = [socket.writable.getWriter()].flatMap((w) => [w.write('one'), w.write('two')]);
      const [first, second] = await Promise.all(writes.map((write) => t.outcome(write)));
      const error = await t.rejects(socket.opened, 'opened');
      t.equal(first.status, 'rejected', 'the first write');
      t.equal(first.reason, error, 'the reason of the first write');
      t.equal(second.reason, error, 'the reason of the second write');
    },
  },
  {
    id: 'failure.refused-code',
    source: ruling('Errors'),
    says: 'A refused connection has the code ECONNREFUSED.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      t.equal((await t.rejects(connect(address).opened, 'opened')).code, 'ECONNREFUSED', 'code');
    },
  },
  {
    id: 'failure.refused-message',
    source: ruling('Errors'),
    says: 'The message of a failed connection names the address.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const { message } = await t.rejects(connect(address).opened, 'opened');
      t.ok(message.includes(address), `"${message}" does not name ${address}`);
    },
  },
  {
    id: 'failure.unresolvable-code',
    source: ruling('Errors'),
    says: 'A name that does not exist has the code ENOTFOUND.',
    async body(t, { connect }) {
      const { code } = await t.rejects(connect('nowhere.invalid:80').opened, 'opened');
      t.equal(code, 'ENOTFOUND', 'code');
    },
  },
  {
    id: 'failure.unresolvable',
    source: draft('connect-section'),
    says: 'For a name that does not exist opened and closed reject with a SocketError.',
    async body(t, { connect }) {
      const { opened, closed } = connect({ hostname: 'nowhere.invalid', port: 80 });
      await t.rejectsWithSocketError(opened, 'opened');
      await t.rejectsWithSocketError(closed, 'closed');
    },
  },
  {
    id: 'failure.close-after',
    source: LIFE,
    says: 'close() after a failed connection returns closed, rejected as it is, and does nothing else.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const socket = connect(address);
      const error = await t.rejects(socket.opened, 'opened');
      const returned = socket.close();
      t.equal(returned, socket.closed, 'what close() returned');
      t.equal(await t.rejects(returned, 'close()'), error, 'the reason');
    },
  },
  {
    id: 'failure.one-of-many',
    source: draft('connect-section'),
    says: 'A socket that fails leaves the others alone.',
    async body(t, { connect }) {
      const peer = await t.peer({ mode: 'echo' });
      const refused = await t.refused();
      const good = connect(peer.address);
      const bad = connect(refused.address);
      await t.rejects(bad.opened, 'opened');
      await t.write(good, 'hello');
      t.equal(await t.readText(good, 5), 'hello');
    },
  },
  {
    id: 'failure.settles-once-after-open',
    source: LIFE,
    says: 'After opened has resolved it stays resolved, whatever happens to the connection.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      await peer.reset();
      await t.readUntilFailure(socket);
      t.equal(await t.state(socket.opened), 'resolved', 'opened');
    },
  },
];
