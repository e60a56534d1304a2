import { draft, ruling, streams, webidl, workerd } from '../source.mjs';

/** A clause that connect() throws a TypeError for each of these options, and dials nothing. */
const refuses = (id, source, says, ...options) => ({
  id: `options.${id}`,
  source,
  says,
  async body(t, { connect }) {
    const peer = await t.peer();
    for (const option of options) {
      const told = typeof option === 'object' ? `the options ${Object.keys(option)}` : String(option);
      t.throwsTypeError(() => connect(peer.address, option), `connect() with ${told}`);
    }
    await t.sleep(30);
    t.equal(await peer.accepted(), 0, 'the number of connections');
  },
});

/** A clause that a plain connection comes about with each of these options. */
const takes = (id, source, says, ...options) => ({
  id: `options.${id}`,
  source,
  says,
  async body(t, { connect }) {
    const peer = await t.peer();
    for (const [index, option] of options.entries()) {
      const socket = connect(peer.address, option);
      await t.write(socket, 'plain');
      t.equal((await peer.until(5, index)).text, 'plain', 'what the peer received');
      await socket.close();
    }
  },
});

/** The second argument of connect(). */
export const options = [
  takes('absent', draft('connect-section'), 'Options may be left out, undefined, or empty.', undefined, {}),
  takes('null', webidl, 'null as options means the defaults.', null),
  refuses('no-object', webidl, 'Options that are no object are refused.', 1, 'on', true, Symbol('on'), 1n),
  takes('undefined-members', webidl, 'Members that are undefined have their defaults.', {
    secureTransport: undefined,
    allowHalfOpen: undefined,
    sni: undefined,
    alpn: undefined,
    highWaterMark: undefined,
    signal: undefined,
  }),
  takes('unknown-members', webidl, 'Unknown members are ignored.', {
    tls: true,
    secure_transport: 'on',
    host: 'x',
  }),
  takes('secure-transport-off', draft('socketoptions-dictionary'), '"off" means plain text.', {
    secureTransport: 'off',
  }),
  refuses(
    'secure-transport-case',
    webidl,
    'secureTransport is case-sensitive: a typing error never turns TLS off.',
    { secureTransport: 'ON' },
    { secureTransport: 'On' },
    { secureTransport: 'startTls' },
    { secureTransport: 'StartTLS' },
    { secureTransport: 'OFF' },
  ),
  refuses(
    'secure-transport-unknown',
    webidl,
    'Any other value of secureTransport is refused.',
    { secureTransport: 'tls' },
    { secureTransport: '' },
    { secureTransport: ' on' },
    { secureTransport: true },
    { secureTransport: 1 },
  ),
  refuses('secure-transport-null', webidl, 'null is no value of secureTransport.', { secureTransport: null }),
  refuses('secure-transport-symbol', webidl, 'A symbol is no value of secureTransport.', {
    secureTransport: Symbol('on'),
  }),
  takes('secure-transport-converted', webidl, 'secureTransport is converted to a string.', {
    secureTransport: { toString: () => 'off' },
  }),
  {
    id: 'options.inherited',
    source: webidl,
    says: 'Inherited members count.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const inherited = Object.create({ secureTransport: 'starttls' });
      const socket = connect(address, inherited);
      await socket.opened;
      socket.startTls();
    },
  },
  {
    id: 'options.getter-throws',
    source: webidl,
    says: 'What a getter of the options throws comes out of connect() unchanged, and nothing is dialled.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const reason = new RangeError('from the getter');
      for (const name of ['secureTransport', 'allowHalfOpen', 'sni', 'alpn']) {
        const bag = Object.defineProperty({}, name, {
          get() {
            throw reason;
          },
        });
        t.equal(
          t.throws(() => connect(peer.address, bag), `connect() with ${name}`),
          reason,
          'what was thrown',
        );
      }
      await t.sleep(30);
      t.equal(await peer.accepted(), 0, 'the number of connections');
    },
  },
  {
    id: 'options.read-once',
    source: webidl,
    says: 'Each member is read once.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      let reads = 0;
      const bag = {
        get secureTransport() {
          reads++;
          return 'off';
        },
      };
      await connect(address, bag).opened;
      t.equal(reads, 1, 'the number of reads');
    },
  },
  {
    id: 'options.half-open-boolean',
    source: webidl,
    says: 'allowHalfOpen is converted to a boolean: any truthy value turns it on.',
    async body(t, { connect }) {
      const peer = await t.peer({ script: [['end']] });
      const socket = connect(peer.address, { allowHalfOpen: 'yes' });
      await t.readAll(socket);
      await t.write(socket, 'after');
      t.equal((await peer.until(5)).text, 'after', 'what the peer received');
    },
  },
  refuses(
    'sni-needs-tls',
    draft('socketoptions-dictionary'),
    'sni may be given with "on" and "starttls" only.',
    { sni: 'localhost' },
    { sni: 'localhost', secureTransport: 'off' },
  ),
  refuses(
    'alpn-needs-tls',
    draft('socketoptions-dictionary'),
    'alpn may be given with "on" and "starttls" only.',
    { alpn: ['h2'] },
    { alpn: ['h2'], secureTransport: 'off' },
  ),
  takes('sni-null', draft('connect-section'), 'null is the default of sni, also without TLS.', { sni: null }),
  takes('alpn-empty', draft('connect-section'), 'An empty alpn is the default, also without TLS.', {
    alpn: [],
  }),
  refuses(
    'sni-invalid',
    ruling('Addresses'),
    'An sni that is no host name is refused.',
    { secureTransport: 'on', sni: 'local host' },
    { secureTransport: 'on', sni: 'localhost:443' },
    { secureTransport: 'on', sni: 'münchen.example' },
    { secureTransport: 'on', sni: '' },
  ),
  refuses(
    'alpn-no-list',
    webidl,
    'An alpn that is no object to iterate over is refused.',
    { secureTransport: 'on', alpn: 1 },
    { secureTransport: 'on', alpn: {} },
    { secureTransport: 'on', alpn: null },
    { secureTransport: 'on', alpn: 'h2' },
  ),
  refuses(
    'alpn-length',
    ruling('The API'),
    'A protocol of ALPN has 1 to 255 bytes.',
    { secureTransport: 'on', alpn: [''] },
    { secureTransport: 'on', alpn: ['h2', 'x'.repeat(256)] },
  ),
  refuses('alpn-symbol', webidl, 'A symbol is no protocol.', { secureTransport: 'on', alpn: [Symbol('h2')] }),
  {
    id: 'options.high-water-mark',
    source: workerd,
    says: 'highWaterMark is the number of bytes at which desiredSize begins.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      for (const highWaterMark of [1, 1000, 100000]) {
        const writer = connect(address, { highWaterMark }).writable.getWriter();
        t.equal(writer.desiredSize, highWaterMark, 'desiredSize');
      }
    },
  },
  {
    id: 'options.high-water-mark-bigint',
    source: workerd,
    says: 'highWaterMark may be a BigInt.',
    async body(t, { connect }) {
      const { address } = await t.peer();
      const writer = connect(address, { highWaterMark: 5000n }).writable.getWriter();
      t.equal(writer.desiredSize, 5000, 'desiredSize');
    },
  },
  refuses(
    'high-water-mark-invalid',
    streams,
    'A highWaterMark that is negative or not a number is refused.',
    { highWaterMark: -1 },
    { highWaterMark: Number.NaN },
    { highWaterMark: 'much' },
  ),
  refuses(
    'signal-type',
    webidl,
    'A signal that is no AbortSignal is refused.',
    { signal: {} },
    { signal: 'abort' },
    { signal: 1 },
  ),
];
