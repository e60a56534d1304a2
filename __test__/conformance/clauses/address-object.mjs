import { draft, ruling, webidl } from '../source.mjs';

const STRICT = ruling('Addresses');

/** A clause that connect() throws a TypeError for each of these ports. */
const refusesPorts = (id, source, says, ...ports) => ({
  id: `address.object.${id}`,
  source,
  says,
  body(t, { connect }) {
    for (const port of ports) {
      t.throwsTypeError(() => connect({ hostname: '127.0.0.1', port }), `port ${String(port)}`);
    }
  },
});

/** A clause that each of these values reaches the peer as its port. */
const takesPort = (id, says, ...convert) => ({
  id: `address.object.${id}`,
  source: webidl,
  says,
  async body(t, { connect }) {
    const peer = await t.peer();
    for (const make of convert) await connect({ hostname: peer.hostname, port: make(peer.port) }).opened;
    await peer.arrivals(convert.length);
  },
});

/** Addresses given as a dictionary. */
export const addressObject = [
  {
    id: 'address.object.hostname-port',
    source: draft('anysocketaddress-type'),
    says: '{ hostname, port } is an address.',
    async body(t, { connect }) {
      const peer = await t.peer();
      await connect({ hostname: peer.hostname, port: peer.port }).opened;
      await peer.arrivals(1);
    },
  },
  {
    id: 'address.object.ipv6',
    source: STRICT,
    says: 'An IPv6 address goes without brackets and with them.',
    async body(t, { connect }) {
      const peer = await t.peer({ family: '::1' });
      await connect({ hostname: '::1', port: peer.port }).opened;
      await connect({ hostname: '[::1]', port: peer.port }).opened;
      await peer.arrivals(2);
    },
  },
  takesPort('port-string', 'A port may be a string of digits.', String, (port) => ` ${port} `),
  takesPort(
    'port-fraction',
    'The fraction of a port is cut off.',
    (port) => port + 0.9,
    (port) => `${port}.5`,
  ),
  takesPort('port-object', 'A port is converted with valueOf().', (port) => ({ valueOf: () => port })),
  refusesPorts(
    'port-zero',
    STRICT,
    'Port 0 throws, whatever becomes 0 too.',
    0,
    -0,
    '0',
    '',
    null,
    false,
    0.9,
    -0.9,
  ),
  refusesPorts(
    'port-nan',
    STRICT,
    'A port that is not a number throws.',
    Number.NaN,
    'http',
    {},
    undefined,
    '80a',
  ),
  refusesPorts('port-negative', STRICT, 'A negative port throws.', -1, -80, '-80', -65456),
  refusesPorts(
    'port-too-large',
    STRICT,
    'A port above 65535 throws.',
    65536,
    65616,
    '65616',
    2 ** 32 + 80,
    1e21,
  ),
  refusesPorts(
    'port-infinite',
    STRICT,
    'An infinite port throws.',
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
  ),
  refusesPorts('port-bigint', webidl, 'A BigInt is no port: the conversion throws a TypeError.', 80n),
  refusesPorts(
    'port-symbol',
    webidl,
    'A symbol is no port: the conversion throws a TypeError.',
    Symbol('80'),
  ),
  {
    id: 'address.object.port-wraps-not',
    source: STRICT,
    says: 'A port of 65536 and more does not reach the port that it would wrap around to.',
    async body(t, { connect }) {
      const peer = await t.peer();
      t.throwsTypeError(
        () => connect({ hostname: peer.hostname, port: peer.port + 65536 }),
        'a port too large',
      );
      await t.sleep(50);
      t.equal(await peer.accepted(), 0, 'the number of connections');
    },
  },
  {
    id: 'address.object.port-missing',
    source: STRICT,
    says: 'A missing port throws: there is no default.',
    body(t, { connect }) {
      t.throwsTypeError(() => connect({ hostname: 'localhost' }), 'connect() without a port');
    },
  },
  {
    id: 'address.object.hostname-missing',
    source: STRICT,
    says: 'A missing or empty hostname throws: it never means localhost.',
    async body(t, { connect }) {
      const { port } = await t.peer();
      for (const address of [
        { port },
        { port, hostname: undefined },
        { port, hostname: '' },
        { port, host: 'localhost' },
      ]) {
        t.throwsTypeError(() => connect(address), 'connect() without a hostname');
      }
    },
  },
  {
    id: 'address.object.hostname-strict',
    source: STRICT,
    says: 'The hostname of a dictionary is held to the same rules as that of a string.',
    body(t, { connect }) {
      const wrong = [
        'local host',
        'localhost/',
        'localhost:80',
        'user@localhost',
        'local%68ost',
        'münchen.example',
      ];
      wrong.push(
        'localhost\n',
        'localhost\0',
        '[localhost]',
        '[::1',
        'http://localhost',
        `${'a.'.repeat(200)}a`,
      );
      for (const hostname of wrong) {
        t.throwsTypeError(
          () => connect({ hostname, port: 80 }),
          `the hostname ${JSON.stringify(hostname.slice(0, 40))}`,
        );
      }
    },
  },
  {
    id: 'address.object.hostname-converted',
    source: webidl,
    says: 'The hostname is converted to a string.',
    async body(t, { connect }) {
      const { port } = await t.peer();
      await connect({ hostname: { toString: () => 'localhost' }, port }).opened;
      t.throwsTypeError(() => connect({ hostname: Symbol('localhost'), port }), 'a symbol as hostname');
    },
  },
  {
    id: 'address.object.null',
    source: webidl,
    says: 'null and undefined are empty dictionaries and therefore no addresses.',
    body(t, { connect }) {
      t.throwsTypeError(() => connect(null), 'connect(null)');
      t.throwsTypeError(() => connect(undefined), 'connect(undefined)');
    },
  },
  {
    id: 'address.object.string-object',
    source: webidl,
    says: 'A String object is an object: it is read as a dictionary and refused.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      t.throwsTypeError(() => connect(Object(address)), 'connect(new String())');
    },
  },
  {
    id: 'address.object.inherited',
    source: webidl,
    says: 'Inherited members and getters count.',
    async body(t, { connect }) {
      const { hostname, port } = await t.peer();
      class Address {
        get hostname() {
          return hostname;
        }
      }
      await connect(Object.assign(new Address(), { port })).opened;
    },
  },
  {
    id: 'address.object.getter-throws',
    source: webidl,
    says: 'What a getter throws comes out of connect() unchanged.',
    body(t, { connect }) {
      const reason = new RangeError('from the getter');
      const address = {
        hostname: 'localhost',
        get port() {
          throw reason;
        },
      };
      t.equal(
        t.throws(() => connect(address), 'connect()'),
        reason,
        'what was thrown',
      );
    },
  },
  {
    id: 'address.object.read-order',
    source: webidl,
    says: 'The members are read once each, in the order of the alphabet.',
    async body(t, { connect }) {
      const { hostname, port } = await t.peer();
      const reads = [];
      const address = new Proxy(
        { hostname, port },
        {
          get(target, key) {
            if (typeof key === 'string' && key in target) reads.push(key);
            return target[key];
          },
        },
      );
      await connect(address).opened;
      t.equal(reads.join(), 'hostname,port', 'what was read');
    },
  },
  {
    id: 'address.object.unknown-members',
    source: webidl,
    says: 'Unknown members of an address are ignored.',
    async body(t, { connect }) {
      const { hostname, port } = await t.peer();
      await connect({ hostname, port, host: 'nowhere.invalid', path: '/tmp/none', family: 6, tls: true })
        .opened;
    },
  },
  {
    id: 'address.object.copied',
    source: webidl,
    says: 'Changing the dictionary after connect() changes nothing.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const address = { hostname: peer.hostname, port: peer.port };
      const socket = connect(address);
      address.hostname = 'nowhere.invalid';
      address.port = 1;
      t.equal((await socket.opened).remoteAddress, peer.address, 'remoteAddress');
    },
  },
];
