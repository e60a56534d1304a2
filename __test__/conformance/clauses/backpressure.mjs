import { ruling, streams, workerd } from '../source.mjs';

const OURS = ruling('Streams');

/** Writes blocks until `ready` has been pending for a while; tells how many bytes were taken. */
async function fill(t, writer, limit) {
  const block = new Uint8Array(64 * 1024);
  let taken = 0;
  while (taken < limit) {
    const ready = writer.ready.then(() => true);
    if (!(await Promise.race([ready, t.sleep(200)]))) break;
    writer.write(block).catch(() => {});
    taken += block.length;
  }
  return taken;
}

/** What `peer` has handed to its kernel once that number no longer grows. */
async function stalled(t, peer) {
  for (let before = -1; ; ) {
    const { written } = await peer.log();
    if (written === before) return written;
    before = written;
    await t.sleep(250);
  }
}

/** That a side that does not keep up holds the other side back. */
export const backpressure = [
  {
    id: 'backpressure.desired-size',
    source: OURS,
    says: 'desiredSize begins at about 64 KiB and is counted in bytes.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const writer = connect(address).writable.getWriter();
      const before = writer.desiredSize;
      t.ok(before >= 1024 && before <= 1 << 20, `desiredSize begins at ${before}`);
      writer.write(new Uint8Array(1000)).catch(() => {});
      t.equal(writer.desiredSize, before - 1000, 'desiredSize after 1000 bytes');
    },
  },
  {
    id: 'backpressure.desired-size-string',
    source: OURS,
    says: 'A string counts by its bytes in UTF-8.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const writer = connect(address).writable.getWriter();
      const before = writer.desiredSize;
      writer.write('ö'.repeat(100)).catch(() => {});
      t.equal(writer.desiredSize, before - 200, 'desiredSize after 100 letters of two bytes');
    },
  },
  {
    id: 'backpressure.ready',
    source: streams,
    says: 'ready is pending while more is queued than highWaterMark, and resolves when it is sent.',
    async body(t, { connect }) {
      const peer = await t.peer();
      const socket = connect(peer.address, { highWaterMark: 1000 });
      const writer = socket.writable.getWriter();
      writer.write(new Uint8Array(1000)).catch(() => {});
      t.ok(writer.desiredSize <= 0, `desiredSize is ${writer.desiredSize}`);
      await writer.ready;
      await peer.until(1000);
      t.equal(writer.desiredSize, 1000, 'desiredSize after sending');
    },
  },
  {
    id: 'backpressure.high-water-mark',
    source: workerd,
    says: 'Below highWaterMark ready stays resolved.',
    async body(t, { connect }) {
      const { address } = await t.blackHole();
      const writer = connect(address, { highWaterMark: 5000 }).writable.getWriter();
      writer.write(new Uint8Array(4999)).catch(() => {});
      t.equal(await t.state(writer.ready), 'resolved', 'ready below the mark');
      writer.write(new Uint8Array(1)).catch(() => {});
      t.equal(await t.state(writer.ready), 'pending', 'ready at the mark');
    },
  },
  {
    id: 'backpressure.slow-peer',
    source: OURS,
    says: 'A peer that does not read stops the writer: ready stays pending.',
    deadline: 8000,
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const socket = await t.open(peer.address);
      const limit = 64 << 20;
      const taken = await fill(t, socket.writable.getWriter(), limit);
      t.ok(taken < limit, `${taken} bytes were taken although nobody reads`);
    },
  },
  {
    id: 'backpressure.slow-peer-resumes',
    source: OURS,
    says: 'When the peer reads again, writing goes on and everything arrives.',
    deadline: 8000,
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const socket = await t.open(peer.address);
      const writer = socket.writable.getWriter();
      const taken = await fill(t, writer, 64 << 20);
      await peer.resume();
      await writer.ready;
      await writer.close();
      t.equal((await peer.until('end')).bytes, taken, 'what the peer received');
    },
  },
  {
    id: 'backpressure.awaited-write',
    source: OURS,
    says: 'A single write larger than the kernel takes stays pending until the peer has read.',
    async body(t) {
      const peer = await t.peer({ mode: 'deaf' });
      const socket = await t.open(peer.address);
      const write = socket.writable.getWriter().write(new Uint8Array(32 << 20));
      write.catch(() => {});
      await t.pending(write, 'write()', 200);
      await peer.resume();
      await write;
    },
  },
  {
    id: 'backpressure.slow-reader',
    source: OURS,
    says: 'A reader that does not read stops the peer: memory stays bounded.',
    deadline: 8000,
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const size = 64 << 20;
      await peer.sendPattern(size);
      const written = await stalled(t, peer);
      t.ok(written < size, 'the peer could send everything although nobody reads');
      t.equal(await t.state(socket.closed), 'pending', 'closed');
    },
  },
  {
    id: 'backpressure.slow-reader-resumes',
    source: OURS,
    says: 'When the reader goes on, what was held back arrives.',
    deadline: 10000,
    async body(t) {
      const peer = await t.peer();
      const socket = await t.open(peer.address);
      const size = 16 << 20;
      await peer.sendPattern(size);
      await stalled(t, peer);
      const reader = socket.readable.getReader();
      let received = 0;
      while (received < size) received += (await reader.read()).value.byteLength;
      t.equal(received, size, 'the number of bytes');
    },
  },
  {
    id: 'backpressure.slow-peer-tls',
    source: OURS,
    says: 'Over TLS a peer that does not read stops the writer too.',
    deadline: 8000,
    async body(t) {
      const peer = await t.peer({ tls: 'valid', mode: 'deaf' });
      const socket = await t.open(peer.local, { secureTransport: 'on' });
      const limit = 64 << 20;
      const taken = await fill(t, socket.writable.getWriter(), limit);
      t.ok(taken < limit, `${taken} bytes were taken although nobody reads`);
    },
  },
];
