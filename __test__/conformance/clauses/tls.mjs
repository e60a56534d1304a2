import { pattern } from '../pattern.mjs';
import { draft, ruling, tls as rfc } from '../source.mjs';

const OURS = ruling('TLS');
const ON = { secureTransport: 'on' };

/** secureTransport: 'on'. */
export const tls = [
  {
    id: 'tls.secure',
    source: draft('socketoptions-dictionary'),
    says: 'With "on" a TLS connection is made; what is written arrives and is answered.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', mode: 'echo' });
      const socket = await t.open(peer.local, ON);
      await t.write(socket, 'secret');
      t.equal(await t.readText(socket, 6), 'secret');
      t.equal((await peer.log()).secure, true, 'whether the peer saw TLS');
    },
  },
  {
    id: 'tls.encrypted',
    source: draft('socketoptions-dictionary'),
    says: 'Nothing that is written crosses the wire in plain text.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      const socket = await t.open(peer.local, ON);
      await t.write(socket, 'a secret in the clear');
      const { wire, records } = await peer.until(21);
      t.ok(!wire.includes('a secret'), 'the text was on the wire');
      t.ok(records.length > 1 && !records.includes(0), `the wire had records of types ${records}`);
    },
  },
  {
    id: 'tls.opened-after-handshake',
    source: draft('opened-attribute'),
    says: 'opened resolves only once the handshake is complete.',
    async body(t, { connect }) {
      const peer = await t.peer({ keepOpen: true });
      const socket = connect(peer.local, ON);
      await peer.until(1);
      await t.pending(socket.opened, 'opened', 150);
    },
  },
  {
    id: 'tls.opened-info',
    source: draft('socketinfo-dictionary'),
    says: 'opened resolves with the same kind of information as without TLS.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid' });
      const info = await connect(peer.local, ON).opened;
      t.equal(info.remoteAddress, peer.local, 'remoteAddress');
      t.equal(info.alpn, null, 'alpn');
    },
  },
  {
    id: 'tls.queued-writes',
    source: OURS,
    says: 'What was written before the handshake is sent after it, encrypted and in order.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid' });
      const writer = connect(peer.local, ON).writable.getWriter();
      await Promise.all(['one ', 'two ', 'three'].map((word) => writer.write(word)));
      const { text, wire } = await peer.until(13);
      t.equal(text, 'one two three', 'what the peer received');
      t.ok(!wire.includes('one '), 'the text was on the wire');
    },
  },
  {
    id: 'tls.version-1.2',
    source: OURS,
    says: 'TLS 1.2 is spoken with a peer that has nothing newer.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', maxVersion: 'TLSv1.2', mode: 'echo' });
      const socket = await t.open(peer.local, ON);
      await t.write(socket, 'x');
      await t.read(socket, 1);
      t.equal((await peer.log()).protocol, 'TLSv1.2', 'the protocol');
    },
  },
  {
    id: 'tls.version-1.3',
    source: OURS,
    says: 'TLS 1.3 is spoken where the peer can.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid' });
      await t.open(peer.local, ON);
      t.equal((await peer.until('secure')).protocol, 'TLSv1.3', 'the protocol');
    },
  },
  {
    id: 'tls.version-1.1',
    source: OURS,
    says: 'A peer that has TLS 1.1 and older only is refused.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'valid', minVersion: 'TLSv1', maxVersion: 'TLSv1.1' });
      await t.rejects(connect(peer.local, ON).opened, 'opened');
    },
  },
  {
    id: 'tls.truncation',
    source: OURS,
    says: 'FIN without close_notify is an error, never a clean end: the data may be cut short.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', script: [['send', 'half of']] });
      const socket = await t.open(peer.local, ON);
      t.equal(await t.readText(socket, 7), 'half of');
      await peer.fin();
      const { text, error } = await t.readUntilFailure(socket);
      t.equal(text, '', 'what came after');
      t.ok(error, 'the stream ended cleanly');
    },
  },
  {
    id: 'tls.clean-end',
    source: rfc,
    says: 'close_notify from the peer ends the stream cleanly.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', script: [['send', 'all'], ['end']] });
      const socket = await t.open(peer.local, ON);
      t.equal(await t.readAllText(socket), 'all');
    },
  },
  {
    id: 'tls.writer-close-notify',
    source: ruling('Life of a socket'),
    says: 'writer.close() sends close_notify before FIN and leaves the readable side open.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', maxVersion: 'TLSv1.2', keepOpen: true });
      const socket = await t.open(peer.local, ON);
      const writer = socket.writable.getWriter();
      writer.write('bye');
      await writer.close();
      const { text, records } = await peer.until('end');
      t.equal(text, 'bye', 'what the peer received');
      t.equal(records.at(-1), 21, 'the type of the last record');
      await peer.send('answer');
      t.equal(await t.readText(socket, 6), 'answer');
    },
  },
  {
    id: 'tls.plain-peer',
    source: draft('connect-section'),
    says: 'A peer that answers in plain text makes opened and closed reject with a SocketError.',
    async body(t, { connect }) {
      const peer = await t.peer({ script: [['send', 'HTTP/1.1 400 Bad Request\r\n\r\n']] });
      const { opened, closed } = connect(peer.local, ON);
      await t.rejectsWithSocketError(opened, 'opened');
      await t.rejectsWithSocketError(closed, 'closed');
    },
  },
  {
    id: 'tls.peer-hangs-up',
    source: draft('connect-section'),
    says: 'A peer that ends during the handshake makes opened and closed reject.',
    async body(t, { connect }) {
      const peer = await t.peer({ script: [['expect', 1], ['end']] });
      const { opened, closed } = connect(peer.local, ON);
      await t.rejects(opened, 'opened');
      await t.rejects(closed, 'closed');
    },
  },
  {
    id: 'tls.peer-resets',
    source: draft('connect-section'),
    says: 'A reset during the handshake makes opened reject with ECONNRESET.',
    async body(t, { connect }) {
      const peer = await t.peer({ script: [['expect', 1], ['reset']] });
      const error = await t.rejects(connect(peer.local, ON).opened, 'opened');
      t.equal(error.code, 'ECONNRESET', 'code');
    },
  },
  {
    id: 'tls.connection-gone',
    source: ruling('Life of a socket'),
    says: 'After a handshake that failed the TCP connection is gone.',
    async body(t, { connect }) {
      const peer = await t.peer({ tls: 'unknown-ca', keepOpen: true });
      await t.rejects(connect(peer.local, ON).opened, 'opened');
      await peer.until('close');
    },
  },
  {
    id: 'tls.bulk',
    source: ruling('Streams'),
    says: 'A mebibyte each way arrives whole.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', mode: 'echo' });
      const socket = await t.open(peer.local, ON);
      const sent = pattern(1 << 20);
      const [, received] = await Promise.all([t.write(socket, sent), t.read(socket, sent.length)]);
      t.ok(
        received.every((byte, index) => byte === sent[index]),
        'the bytes differ',
      );
    },
  },
  {
    id: 'tls.start-tls-refused',
    source: draft('starttls-method'),
    says: 'startTls() on a TLS socket throws a SocketError; the socket goes on working.',
    async body(t) {
      const peer = await t.peer({ tls: 'valid', mode: 'echo' });
      const socket = await t.open(peer.local, ON);
      t.socketError(t.throws(() => socket.startTls(), 'startTls()'));
      await t.write(socket, 'still');
      t.equal(await t.readText(socket, 5), 'still');
    },
  },
];
