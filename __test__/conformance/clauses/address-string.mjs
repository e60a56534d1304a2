import { draft, ruling } from '../source.mjs';

const STRICT = ruling('Addresses');

/** A clause that connect() throws for each of these strings. */
const refuses = (id, says, ...addresses) => ({
  id: `address.string.${id}`,
  source: STRICT,
  says,
  body(t, { connect }) {
    for (const address of addresses) {
      t.throwsTypeError(() => connect(address), `connect(${JSON.stringify(address.slice(0, 60))})`);
    }
  },
});

/** Addresses given as a string. */
export const addressString = [
  {
    id: 'address.string.host-port',
    source: draft('anysocketaddress-type'),
    says: 'A string is a host and a port with a colon between them.',
    async body(t, { connect }) {
      const peer = await t.peer();
      await connect(`127.0.0.1:${peer.port}`).opened;
      await peer.arrivals(1);
    },
  },
  {
    id: 'address.string.ipv6-brackets',
    source: STRICT,
    says: 'An IPv6 address in brackets is taken.',
    async body(t, { connect }) {
      const peer = await t.peer({ family: '::1' });
      await connect(`[::1]:${peer.port}`).opened;
      await peer.arrivals(1);
    },
  },
  {
    id: 'address.string.default-ports',
    source: STRICT,
    says: 'The ports that URL parsers drop (21, 80, 443) are ports like any other.',
    async body(t, { connect }) {
      for (const port of [21, 80, 443]) {
        // Whether something listens there is not our matter.
        const socket = connect(`127.0.0.1:${port}`);
        await t.outcome(socket.opened);
      }
    },
  },
  {
    id: 'address.string.case',
    source: STRICT,
    says: 'A host name may be in capitals.',
    async body(t, { connect }) {
      const peer = await t.peer();
      await connect(`LOCALHOST:${peer.port}`).opened;
    },
  },
  {
    id: 'address.string.converted',
    source: draft('connect-section'),
    says: 'What is neither string nor object is converted to a string, which then has to be an address.',
    body(t, { connect }) {
      for (const address of [42, true, 10n]) t.throwsTypeError(() => connect(address), `connect(${address})`);
    },
  },
  {
    id: 'address.string.symbol',
    source: draft('connect-section'),
    says: 'A symbol is no address: connect() throws a TypeError.',
    body(t, { connect }) {
      t.throwsTypeError(() => connect(Symbol('localhost:80')), 'connect(Symbol())');
    },
  },
  {
    id: 'address.string.throws-at-once',
    source: draft('connect-section'),
    says: 'An address of the wrong form makes connect() throw a SocketError: no socket is made.',
    body(t, { connect }) {
      t.socketError(t.throws(() => connect('no port here'), 'connect()'));
    },
  },
  {
    id: 'address.string.code',
    source: ruling('Errors'),
    says: 'The error for a wrong address has the code ERR_INVALID_ADDRESS.',
    body(t, { connect }) {
      for (const address of ['localhost', '::1:80', 'localhost:0', 'http://localhost:80']) {
        t.equal(
          t.throws(() => connect(address), `connect("${address}")`).code,
          'ERR_INVALID_ADDRESS',
          'code',
        );
      }
    },
  },
  {
    id: 'address.string.nothing-sent',
    source: STRICT,
    says: 'For an address that is refused nothing is dialled.',
    async body(t, { connect }) {
      const peer = await t.peer();
      for (const address of [
        `${peer.address}/`,
        `tcp://${peer.address}`,
        ` ${peer.address}`,
        `u@${peer.address}`,
      ]) {
        t.throws(() => connect(address), `connect("${address}")`);
      }
      await t.sleep(80);
      t.equal(await peer.accepted(), 0, 'the number of connections');
    },
  },
  refuses('empty', 'An empty string is refused.', ''),
  refuses('no-port', 'The port is required.', 'localhost', '127.0.0.1', '[::1]'),
  refuses('empty-port', 'A colon without a port is refused.', 'localhost:', '[::1]:'),
  refuses('empty-host', 'A port without a host is refused: it never means localhost.', ':80', '[]:80'),
  refuses('port-zero', 'Port 0 is refused.', 'localhost:0', 'localhost:00'),
  refuses(
    'port-too-large',
    'A port above 65535 is refused: nothing wraps around.',
    'localhost:65536',
    'localhost:65616',
    'localhost:4294967376',
    'localhost:99999999999999999999',
  ),
  refuses('port-negative', 'A port with a sign is refused.', 'localhost:-1', 'localhost:+80'),
  refuses(
    'port-no-digits',
    'A port of anything but decimal digits is refused.',
    'localhost:http',
    'localhost:0x50',
    'localhost:8o',
    'localhost:80.0',
    'localhost:1e3',
    'localhost:٨٠',
  ),
  refuses('scheme', 'A scheme is refused.', 'tcp://localhost:80', 'https://localhost:443', '//localhost:80'),
  refuses(
    'path',
    'A path is refused.',
    'localhost:80/',
    'localhost:80/path',
    'localhost/:80',
    'localhost\\:80',
  ),
  refuses('query', 'A query is refused.', 'localhost:80?q', 'localhost?q:80'),
  refuses('fragment', 'A fragment is refused.', 'localhost:80#f', 'localhost#f:80'),
  refuses('userinfo', 'A user name is refused.', 'user@localhost:80', 'user:password@localhost:80'),
  refuses(
    'spaces',
    'Spaces are refused, at the ends too.',
    ' localhost:80',
    'localhost:80 ',
    'local host:80',
    'localhost: 80',
  ),
  refuses(
    'control-characters',
    'Control characters are refused.',
    'localhost:80\n',
    'local\thost:80',
    'localhost\0:80',
    '\rlocalhost:80',
    'localhost\u007f:80',
  ),
  refuses(
    'percent',
    'Percent signs are refused: nothing is decoded.',
    'local%68ost:80',
    '%6c:80',
    '[fe80::1%25lo]:80',
  ),
  refuses(
    'non-ascii',
    'Characters outside ASCII are refused: names come in punycode.',
    'münchen.example:80',
    'ｌocalhost:80',
    '127。0。0。1:80',
  ),
  refuses('ipv6-unbracketed', 'An IPv6 address without brackets is refused.', '::1:80', '2001:db8::1:80'),
  refuses('two-colons', 'A second colon is refused.', 'localhost:80:80', 'localhost::80'),
  refuses(
    'brackets',
    'Brackets hold an IPv6 address and nothing else, and come in pairs.',
    '[localhost]:80',
    '[127.0.0.1]:80',
    '[::1:80',
    '::1]:80',
    '[[::1]]:80',
    '[::1]80',
    '[::g]:80',
  ),
  refuses(
    'too-long',
    'More than 255 characters are refused.',
    `${'a.'.repeat(128)}aa:80`,
    `${'a.'.repeat(2000)}a:80`,
  ),
];
