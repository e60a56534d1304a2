import { draft, ruling, webidl, workerd } from '../source.mjs';

const ATTRIBUTES = ['readable', 'writable', 'opened', 'closed', 'upgraded'];
const METHODS = ['close', 'startTls'];

/** A socket and the descriptor of each member as the prototype has it. */
async function members(t, names) {
  const { address } = await t.peer();
  const socket = await t.open(address);
  const prototype = Object.getPrototypeOf(socket);
  return names.map((name) => ({
    name,
    own: Object.hasOwn(socket, name),
    descriptor: Object.getOwnPropertyDescriptor(prototype, name),
  }));
}

/** What a member does when it is called on something that is no socket. */
async function onForeign(t, descriptor) {
  const call = descriptor?.get ?? descriptor?.value;
  t.ok(typeof call === 'function', 'the prototype has no such member');
  const foreign = Object.create(null);
  return t.outcome(new Promise((resolve) => resolve(call.call(foreign))));
}

/** The interface of a socket as WebIDL projects it on JavaScript. */
export const idl = [
  {
    id: 'idl.string-tag',
    source: webidl,
    says: 'A socket is "[object Socket]".',
    async body(t, { connect }) {
      const { address } = await t.peer();
      t.equal(Object.prototype.toString.call(connect(address)), '[object Socket]');
    },
  },
  {
    id: 'idl.string-tag-descriptor',
    source: webidl,
    says: 'Symbol.toStringTag is a property of the prototype, neither writable nor enumerable but configurable.',
    async body(t) {
      const [{ descriptor }] = await members(t, [Symbol.toStringTag]);
      t.equal(descriptor?.value, 'Socket', 'the tag');
      t.equal(descriptor.writable, false, 'writable');
      t.equal(descriptor.enumerable, false, 'enumerable');
      t.equal(descriptor.configurable, true, 'configurable');
    },
  },
  {
    id: 'idl.class-name',
    source: webidl,
    says: 'The class of a socket is named Socket.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      t.equal(connect(address).constructor.name, 'Socket');
    },
  },
  {
    id: 'idl.attributes-on-prototype',
    source: webidl,
    says: 'The attributes are accessors of the prototype, not properties of each socket.',
    async body(t) {
      for (const { name, own, descriptor } of await members(t, ATTRIBUTES)) {
        t.equal(own, false, `${name} as an own property`);
        t.equal(typeof descriptor?.get, 'function', `the type of the getter of ${name}`);
      }
    },
  },
  {
    id: 'idl.attributes-enumerable',
    source: webidl,
    says: 'The attributes are enumerable and configurable.',
    async body(t) {
      for (const { name, descriptor } of await members(t, ATTRIBUTES)) {
        t.equal(descriptor?.enumerable, true, `enumerable of ${name}`);
        t.equal(descriptor.configurable, true, `configurable of ${name}`);
      }
    },
  },
  {
    id: 'idl.attributes-read-only',
    source: draft('socket-class'),
    says: 'The attributes are read-only: they have no setter, and assigning throws in strict mode.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      for (const name of ATTRIBUTES) {
        const before = socket[name];
        t.throwsTypeError(() => {
          socket[name] = 1;
        }, `assigning ${name}`);
        t.equal(socket[name], before, name);
      }
    },
  },
  {
    id: 'idl.getter-names',
    source: webidl,
    says: 'Each getter is named "get " and the attribute.',
    async body(t) {
      for (const { name, descriptor } of await members(t, ATTRIBUTES)) {
        t.equal(descriptor?.get?.name, `get ${name}`, 'the name');
      }
    },
  },
  {
    id: 'idl.methods-on-prototype',
    source: webidl,
    says: 'close() and startTls() are enumerable, writable and configurable properties of the prototype.',
    async body(t) {
      for (const { name, own, descriptor } of await members(t, METHODS)) {
        t.equal(own, false, `${name} as an own property`);
        t.equal(typeof descriptor?.value, 'function', `the type of ${name}`);
        t.ok(descriptor.enumerable && descriptor.writable && descriptor.configurable, `${name} is locked`);
      }
    },
  },
  {
    id: 'idl.methods-length',
    source: webidl,
    says: 'close() and startTls() have length 0 and their own names: every argument is optional.',
    async body(t) {
      for (const { name, descriptor } of await members(t, METHODS)) {
        t.equal(descriptor?.value?.length, 0, `the length of ${name}`);
        t.equal(descriptor.value.name, name, 'the name');
      }
    },
  },
  {
    id: 'idl.brand-attributes',
    source: webidl,
    says: 'readable, writable and upgraded throw a TypeError on what is no socket.',
    async body(t) {
      for (const { name, descriptor } of await members(t, ['readable', 'writable', 'upgraded'])) {
        const { status, reason } = await onForeign(t, descriptor);
        t.ok(status === 'rejected' && reason instanceof TypeError, `${name} of a plain object did not throw`);
      }
    },
  },
  {
    id: 'idl.brand-promises',
    source: webidl,
    says: 'opened and closed answer what is no socket with a TypeError, thrown or as a rejection.',
    async body(t) {
      for (const { name, descriptor } of await members(t, ['opened', 'closed'])) {
        const { status, reason } = await onForeign(t, descriptor);
        t.ok(status === 'rejected' && reason instanceof TypeError, `${name} of a plain object did not fail`);
      }
    },
  },
  {
    id: 'idl.brand-methods',
    source: webidl,
    says: 'close() and startTls() answer what is no socket with a TypeError, thrown or as a rejection.',
    async body(t) {
      for (const { name, descriptor } of await members(t, METHODS)) {
        const { status, reason } = await onForeign(t, descriptor);
        t.ok(
          status === 'rejected' && reason instanceof TypeError,
          `${name}() of a plain object did not fail`,
        );
      }
    },
  },
  {
    id: 'idl.no-constructor',
    source: ruling('The API'),
    says: 'new Socket() throws a TypeError: sockets come from connect().',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const { constructor: Socket } = connect(address);
      t.throwsTypeError(() => new Socket(), 'new Socket()');
      t.throwsTypeError(() => new Socket({ hostname: '127.0.0.1', port: 1 }), 'new Socket(address)');
    },
  },
  {
    id: 'idl.connect-length',
    source: draft('connect-section'),
    says: 'connect() has length 1 and its own name: the options are optional.',
    body(t) {
      t.equal(t.untracked.connect.length, 1, 'the length');
      t.equal(t.untracked.connect.name, 'connect', 'the name');
    },
  },
  {
    id: 'idl.connect-no-arguments',
    source: webidl,
    says: 'connect() without an address throws a TypeError.',
    body(t, { connect }) {
      t.throwsTypeError(() => connect(), 'connect()');
    },
  },
  {
    id: 'idl.connect-this',
    source: webidl,
    says: 'connect() needs no `this`.',
    async body(t) {
      const { address } = await t.peer();
      for (const receiver of [undefined, null, {}]) {
        const socket = t.track(Reflect.apply(t.untracked.connect, receiver, [address]));
        await socket.opened;
      }
    },
  },
  {
    id: 'idl.types',
    source: draft('socket-class'),
    says: 'readable is a ReadableStream, writable a WritableStream, opened and closed are promises, upgraded is a boolean.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      t.ok(socket.readable instanceof ReadableStream, 'readable is no ReadableStream');
      t.ok(socket.writable instanceof WritableStream, 'writable is no WritableStream');
      t.ok(socket.opened instanceof Promise, 'opened is no promise');
      t.ok(socket.closed instanceof Promise, 'closed is no promise');
      t.equal(socket.upgraded, false, 'upgraded');
    },
  },
  {
    id: 'idl.same-object',
    source: webidl,
    says: 'An attribute is the same object each time, before and after opening and after closing.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      const seen = ATTRIBUTES.slice(0, 4).map((name) => [name, socket[name]]);
      for (const [name, value] of seen) t.ok(value !== undefined, `${name} is missing`);
      const compare = (when) => {
        for (const [name, value] of seen) t.ok(socket[name] === value, `${name} is another object ${when}`);
      };
      compare('at once');
      await socket.opened;
      compare('after opening');
      await socket.close();
      compare('after closing');
    },
  },
  {
    id: 'idl.secure-transport',
    source: workerd,
    says: 'secureTransport tells the mode of the socket: "off", "on" or "starttls".',
    async body(t, { connect }) {
      const { address } = await t.peer();
      t.equal(connect(address).secureTransport, 'off');
      t.equal(connect(address, { secureTransport: 'on' }).secureTransport, 'on');
      t.equal(connect(address, { secureTransport: 'starttls' }).secureTransport, 'starttls');
    },
  },
  {
    id: 'idl.ref-unref',
    source: ruling('The API'),
    says: 'ref() and unref() are methods of the prototype and return the socket.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const socket = connect(address);
      t.equal(socket.unref(), socket, 'what unref() returns');
      t.equal(socket.ref(), socket, 'what ref() returns');
      t.equal(Object.hasOwn(socket, 'ref'), false, 'ref as an own property');
    },
  },
  {
    id: 'idl.async-dispose',
    source: ruling('The API'),
    says: 'Symbol.asyncDispose is a method of the prototype.',
    async body(t) {
      // Runtimes without explicit resource management have the method under this key too, if at all.
      const key = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose');
      const [{ own, descriptor }] = await members(t, [key]);
      t.equal(own, false, 'an own property');
      t.equal(typeof descriptor?.value, 'function', 'the type');
    },
  },
];
