import { draft, ruling, tls } from '../source.mjs';

const ON = { secureTransport: 'on' };

/** What is said in the handshake: SNI and ALPN. */
export const names = [
  {
    id: 'sni.hostname',
    source: ruling('startTls()'),
    says: 'The hostname is sent as SNI.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      await t.open(peer.local, ON);
      t.equal((await peer.until('secure')).servername, 'localhost', 'the name sent');
    },
  },
  {
    id: 'sni.no-ip',
    source: tls,
    says: 'An IP address is not sent as SNI.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      await t.open(peer.address, ON);
      t.equal((await peer.until('secure')).servername, null, 'the name sent');
    },
  },
  {
    id: 'sni.option',
    source: draft('socketoptions-dictionary'),
    says: 'sni is sent instead of the hostname.',
    async body(t) {
      const peer = await t.peer({ tls: 'alternative' });
      await t.open(peer.address, { ...ON, sni: 'alternative.example' });
      t.equal((await peer.until('secure')).servername, 'alternative.example', 'the name sent');
    },
  },
  {
    id: 'sni.verified',
    source: ruling('startTls()'),
    says: 'With sni the certificate has to match that name, not the hostname.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid' });
      const socket = connect(peer.local, { ...ON, sni: 'alternative.example' });
      await t.rejects(socket.opened, 'opened');
    },
  },
  {
    id: 'sni.null',
    source: draft('connect-section'),
    says: 'sni null is as if it were left out.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      await t.open(peer.local, { ...ON, sni: null });
      t.equal((await peer.until('secure')).servername, 'localhost', 'the name sent');
    },
  },
  {
    id: 'sni.starttls',
    source: ruling('startTls()'),
    says: 'sni given to connect() carries over to startTls().',
    async body(t) {
      const peer = await t.peer({ tls: 'alternative', upgradeAfter: 0 });
      const socket = await t.open(peer.local, { secureTransport: 'starttls', sni: 'alternative.example' });
      await t.track(socket.startTls()).opened;
      t.equal((await peer.until('secure')).servername, 'alternative.example', 'the name sent');
    },
  },
  {
    id: 'alpn.agreed',
    source: draft('socketoptions-dictionary'),
    says: 'The protocol that the server chose is in the alpn of opened.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', alpn: ['h2'] });
      const { alpn } = await connect(peer.local, { ...ON, alpn: ['http/1.1', 'h2'] }).opened;
      t.equal(alpn, 'h2', 'alpn');
      t.equal((await peer.until('secure')).alpn, 'h2', 'what the peer agreed to');
    },
  },
  {
    id: 'alpn.server-has-none',
    source: draft('socketinfo-dictionary'),
    says: 'If the server knows no ALPN, alpn is null.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid' });
      t.equal((await connect(peer.local, { ...ON, alpn: ['h2'] }).opened).alpn, null, 'alpn');
    },
  },
  {
    id: 'alpn.none-offered',
    source: draft('socketinfo-dictionary'),
    says: 'If nothing is offered, alpn is null.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', alpn: ['h2'] });
      t.equal((await connect(peer.local, ON).opened).alpn, null, 'alpn');
      t.equal((await peer.until('secure')).alpn, null, 'what the peer agreed to');
    },
  },
  {
    id: 'alpn.mismatch',
    source: tls,
    says: 'If the server refuses every protocol offered, opened rejects.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', alpn: ['spdy/3'] });
      await t.rejects(connect(peer.local, { ...ON, alpn: ['h2'] }).opened, 'opened');
    },
  },
  {
    id: 'alpn.iterable',
    source: ruling('The API'),
    says: 'alpn may be any iterable: a Set, a generator.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', alpn: ['two'] });
      t.equal(
        (await connect(peer.local, { ...ON, alpn: new Set(['one', 'two']) }).opened).alpn,
        'two',
        'alpn',
      );
      const generator = (function* () {
        yield 'two';
      })();
      t.equal((await connect(peer.local, { ...ON, alpn: generator }).opened).alpn, 'two', 'alpn');
    },
  },
  {
    id: 'alpn.copied',
    source: draft('connect-section'),
    says: 'Changing the list after connect() changes nothing.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', alpn: ['one', 'two'] });
      const alpn = ['one'];
      const socket = connect(peer.local, { ...ON, alpn });
      alpn[0] = 'two';
      t.equal((await socket.opened).alpn, 'one', 'alpn');
    },
  },
  {
    id: 'alpn.starttls',
    source: draft('socketoptions-dictionary'),
    says: 'alpn given to connect() carries over to startTls(), and is null until then.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', alpn: ['h2'], upgradeAfter: 0 });
      const plain = await t.open(peer.local, { secureTransport: 'starttls', alpn: ['h2'] });
      t.equal((await plain.opened).alpn, null, 'alpn before TLS');
      t.equal((await t.track(plain.startTls()).opened).alpn, 'h2', 'alpn');
    },
  },
];
