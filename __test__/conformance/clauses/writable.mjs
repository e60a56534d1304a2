import { draft, ruling, streams } from '../source.mjs';

const OURS = ruling('Streams');
const LIFE = ruling('Life of a socket');

/** A clause that each of these chunks arrives as the text beside it. */
const arrives = (id, source, says, ...cases) => ({
  id: `writable.${id}`,
  source,
  says,
  async body(t) {
    const peer = await t.peer();
    const socket = await t.open(peer.address);
    let expected = '';
    for (const [make, text] of cases) {
      await t.write(socket, make());
      expected += text;
      t.equal((await peer.until(expected.length)).text, expected, 'what the peer received');
    }
  },
});

/** `text` in the middle of a longer buffer. */
function amid(text) {
  const bytes = new TextEncoder().encode(`....${text}....`);
  return { buffer: bytes.buffer, offset: 4, length: bytes.length - 8 };
}

/** The writable side. */
export const writable = [
  arrives('uint8array', draft('writable-attribute'), 'A Uint8Array is sent.', [
    () => new TextEncoder().encode('octets'),
    'octets',
  ]),
  arrives(
    'string',
    draft('using-a-socket'),
    'A string is sent as UTF-8.',
    [() => 'text', 'text'],
    [() => 'ö', '\u00c3\u00b6'],
  ),
  arrives(
    'string-surrogates',
    ruling('Streams'),
    'A pair of surrogates is one character, a lone one is U+FFFD.',
    [() => '😀', '\u00f0\u009f\u0098\u0080'],
    [() => '\ud800', '\u00ef\u00bf\u00bd'],
  ),
  arrives('array-buffer', OURS, 'An ArrayBuffer is sent.', [
    () => new TextEncoder().encode('buffer').buffer,
    'buffer',
  ]),
  arrives('view-offset', OURS, 'Of a view, byteOffset and byteLength are respected.', [
    () => {
      const { buffer, offset, length } = amid('middle');
      return new Uint8Array(buffer, offset, length);
    },
    'middle',
  ]),
  arrives(
    'views',
    OURS,
    'Views of any kind are sent by their bytes.',
    [
      () => {
        const { buffer, offset, length } = amid('dataview');
        return new DataView(buffer, offset, length);
      },
      'dataview',
    ],
    [() => new Uint16Array([0x6261, 0x6463]), 'abcd'],
    [() => new Float64Array(new TextEncoder().encode('float-64').buffer), 'float-64'],
  ),
  {
    id: 'writable.shared-memory',
    source: OURS,
    says: 'A view of shared memory is sent as it was when it was written.',
    async body(t) {
      if (typeof SharedArrayBuffer !== 'function') t.notApplicable('there is no SharedArrayBuffer');
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const shared = new Uint8Array(new SharedArrayBuffer(6));
      shared.set(new TextEncoder().encode('shared'));
      await t.write(socket, shared);
      t.equal((await peer.until(6)).text, 'shared', 'what the peer received');
    },
  },
  {
    id: 'writable.empty',
    source: OURS,
    says: 'Empty chunks are fine and send nothing.',
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      for (const empty of [new Uint8Array(0), '', new ArrayBuffer(0)]) await t.write(socket, empty);
      await t.write(socket, 'end');
      t.equal((await peer.until(3)).text, 'end', 'what the peer received');
    },
  },
  {
    id: 'writable.wrong-type',
    source: OURS,
    says: 'A chunk of any other type rejects with a TypeError.',
    async body(t) {
      for (const chunk of [42, null, undefined, {}, [1, 2], true, 1n]) {
        const { address } = await t.peer();
        const socket = await t.open(address);
        const reason = await t.rejects(socket.writable.getWriter().write(chunk), `write(${String(chunk)})`);
        t.ok(reason instanceof TypeError, `write(${String(chunk)}) rejected with no TypeError`);
      }
    },
  },
  {
    id: 'writable.wrong-type-errors',
    source: streams,
    says: 'A chunk that is refused errors the stream: later writes reject as well.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const writer = socket.writable.getWriter();
      const reason = await t.rejects(writer.write(42), 'write(42)');
      t.equal(await t.rejects(writer.write('fine'), 'the next write()'), reason, 'the reason');
    },
  },
  {
    id: 'writable.write-resolves',
    source: streams,
    says: 'write() resolves with undefined.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      t.equal(await socket.writable.getWriter().write('x'), undefined, 'the value');
    },
  },
  {
    id: 'writable.before-open',
    source: draft('connect-section'),
    says: 'Writes may start before the connection exists; they arrive in order.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const writer = connect(peer.address).writable.getWriter();
      await Promise.all(['a', 'b', 'c', 'd'].map((letter) => writer.write(letter)));
      t.equal((await peer.until(4)).text, 'abcd', 'what the peer received');
    },
  },
  {
    id: 'writable.pending-while-connecting',
    source: LIFE,
    says: 'A write stays pending while the connection does not exist.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const write = connect(address).writable.getWriter().write('x');
      write.catch(() => {});
      await t.pending(write, 'write()', 150);
    },
  },
  {
    id: 'writable.pending-during-handshake',
    source: LIFE,
    says: 'A write stays pending during the TLS handshake, and nothing of it is sent in plain text.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const write = connect(peer.local, { secureTransport: 'on' }).writable.getWriter().write('a secret');
      write.catch(() => {});
      await t.pending(write, 'write()', 150);
      t.ok(!(await peer.until(1)).text.includes('a secret'), 'the peer saw the text');
    },
  },
  {
    id: 'writable.reusable',
    source: LIFE,
    says: 'After write() has resolved its buffer may be reused.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf', keepOpen: true });
      const socket = await t.open(peer.address);
      const chunk = new TextEncoder().encode('first');
      await t.write(socket, chunk);
      chunk.set(new TextEncoder().encode('other'));
      await t.write(socket, chunk);
      await peer.resume();
      t.equal((await peer.until(10)).text, 'firstother', 'what the peer received');
    },
  },
  {
    id: 'writable.not-detached',
    source: streams,
    says: 'write() does not take the buffer away.',
    async body(t) {
      const { address } = await t.peer();
      const socket = await t.open(address);
      const chunk = new Uint8Array(100);
      await t.write(socket, chunk);
      t.equal(chunk.byteLength, 100, 'byteLength');
    },
  },
];
