import { draft, ruling } from '../source.mjs';

const ERRORS = ruling('Errors');

/** SocketError. */
export const errors = [
  {
    id: 'error.type-error',
    source: draft('socket-error'),
    says: 'What connect() throws and what opened rejects with are TypeErrors.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      t.ok(t.throws(() => connect('nonsense')) instanceof TypeError, 'what connect() threw is no TypeError');
      const reason = await t.rejects(connect(address).opened, 'opened');
      t.ok(reason instanceof TypeError, 'the reason of opened is no TypeError');
    },
  },
  {
    id: 'error.message-prefix',
    source: draft('socket-error'),
    says: 'The message of an error begins with "SocketError: ", once.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const thrown = t.throws(() => connect('nonsense'));
      const reason = await t.rejects(connect(address).opened, 'opened');
      for (const { message } of [thrown, reason]) {
        t.ok(/^SocketError: (?!SocketError)/.test(message), `the message is "${message}"`);
      }
    },
  },
  {
    id: 'error.exported',
    source: ERRORS,
    says: 'SocketError is exported, extends TypeError and is named so.',
    body(t, { SocketError }) {
      t.equal(typeof SocketError, 'function', 'the type of SocketError');
      t.equal(SocketError.name, 'SocketError', 'the name');
      t.equal(Object.getPrototypeOf(SocketError), TypeError, 'what it extends');
    },
  },
  {
    id: 'error.constructed',
    source: draft('socket-error'),
    says: 'new SocketError("connection failed") has the message "SocketError: connection failed".',
    body(t, { SocketError }) {
      t.equal(typeof SocketError, 'function', 'the type of SocketError');
      t.equal(new SocketError('connection failed').message, 'SocketError: connection failed', 'message');
    },
  },
  {
    id: 'error.name',
    source: ERRORS,
    says: 'name is not overridden: it is "TypeError".',
    async body(t, { connect }) {
      const { address } = await t.refused();
      t.equal(t.socketError(t.throws(() => connect('nonsense'))).name, 'TypeError', 'name');
      t.equal((await t.rejectsWithSocketError(connect(address).opened, 'opened')).name, 'TypeError', 'name');
    },
  },
  {
    id: 'error.printed',
    source: draft('socket-error'),
    says: 'Printed, an error begins "SocketError [TypeError]: SocketError: ".',
    node: true,
    body(t, { connect, SocketError }) {
      t.equal(typeof SocketError, 'function', 'the type of SocketError');
      const [line] = t.node.inspect(new SocketError('connection failed')).split('\n');
      t.equal(line, 'SocketError [TypeError]: SocketError: connection failed', 'the first line');
      const [thrown] = t.node.inspect(t.throws(() => connect('nonsense'))).split('\n');
      t.ok(thrown.startsWith('SocketError [TypeError]: SocketError: '), `the first line is "${thrown}"`);
    },
  },
  {
    id: 'error.code',
    source: ERRORS,
    says: 'Every error has a code: a name in capitals.',
    async body(t, { connect }) {
      const { address } = await t.refused();
      const peer = await t.peer();
      const closed = connect(peer.address);
      closed.close();
      const found = [
        t.throws(() => connect('nonsense')),
        t.throws(() => connect(address, { secureTransport: 'ON' })),
        t.throws(() => connect(address).startTls()),
        await t.rejects(connect(address).opened, 'opened'),
        await t.rejects(closed.opened, 'opened of a closed socket'),
      ];
      for (const { code, message } of found) {
        t.ok(
          typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code),
          `the code of "${message}" is ${code}`,
        );
      }
    },
  },
  {
    id: 'error.code-option',
    source: ERRORS,
    says: 'The error for a wrong option has the code ERR_INVALID_OPTION and names the option.',
    body(t, { connect }) {
      for (const [name, value] of [
        ['secureTransport', 'ON'],
        ['highWaterMark', -1],
        ['signal', 'x'],
      ]) {
        const error = t.throws(() => connect('localhost:80', { [name]: value }), `connect() with ${name}`);
        t.equal(error.code, 'ERR_INVALID_OPTION', 'code');
        t.ok(error.message.includes(name), `"${error.message}" does not name ${name}`);
      }
    },
  },
  {
    id: 'error.code-closed',
    source: ERRORS,
    says: 'What fails because of a close() without a reason has the code ERR_SOCKET_CLOSED.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const socket = connect(address);
      const write = t.outcome(socket.writable.getWriter().write('x'));
      socket.close();
      t.equal((await t.rejects(socket.opened, 'opened')).code, 'ERR_SOCKET_CLOSED', 'the code of opened');
      t.equal((await write).reason?.code, 'ERR_SOCKET_CLOSED', 'the code of write()');
    },
  },
  {
    id: 'error.cause',
    source: ERRORS,
    says: 'SocketError takes a code and a cause.',
    body(t, { SocketError }) {
      t.equal(typeof SocketError, 'function', 'the type of SocketError');
      const cause = new Error('underneath');
      const error = new SocketError('on top', { code: 'ERR_TEST', cause });
      t.equal(error.code, 'ERR_TEST', 'code');
      t.equal(error.cause, cause, 'cause');
    },
  },
  {
    id: 'error.stack',
    source: ERRORS,
    says: 'What connect() throws has a stack.',
    body(t, { connect }) {
      const error = t.socketError(t.throws(() => connect('nonsense')));
      t.ok(typeof error.stack === 'string' && error.stack.includes(error.message), 'there is no stack');
    },
  },
];
