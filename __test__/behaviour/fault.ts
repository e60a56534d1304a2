import { setTimeout as sleep } from 'node:timers/promises';
import { type Scene, secured } from './scene.ts';
import type { Wire } from './wire.ts';

/** Something that goes wrong. It happens to a scene that is in some state. */
export type Fault = (scene: Scene, wire: Wire) => void | Promise<void>;

const ALERT_HANDSHAKE_FAILURE = Buffer.from('15030300020228', 'hex');
const RECORD_TOO_LONG = Buffer.concat([Buffer.from('170303ffff', 'hex'), Buffer.alloc(65_535)]);
const FORGED_RECORD = Buffer.concat([Buffer.from('1703030008', 'hex'), Buffer.from('INJECTED')]);

/** Changes the first chunk that leaves, and lets the peer say something. */
async function spoilNext(scene: Scene, wire: Wire, spoil: (chunk: Buffer) => Buffer): Promise<void> {
  wire.spoilOutgoing = (chunk) => {
    wire.spoilOutgoing = (later) => later;
    return spoil(chunk);
  };
  await speak(scene, wire);
}

/** The peer says something: its part of the handshake, or data. */
async function speak(scene: Scene, wire: Wire): Promise<void> {
  // The handshake may fail: that it does is the point.
  if (wire.stream === wire.tcp && secured.includes(scene.transport)) scene.answer().catch(() => {});
  else wire.stream.write('something from the peer');
}

function flip(chunk: Buffer, index: number): Buffer {
  const flipped = Buffer.from(chunk);
  flipped[index] = (flipped[index] ?? 0) ^ 1;
  return flipped;
}

/** What can go wrong with a connection, by name. */
export const faults = {
  reset: (_, wire) => wire.reset(),
  end: (_, wire) => wire.end(),
  'end without close_notify': (_, wire) => void wire.tcp.end(),
  'end within a record': (scene, wire) =>
    spoilNext(scene, wire, (chunk) => {
      // After the half that is about to be written.
      setImmediate(() => wire.tcp.end());
      return chunk.subarray(0, chunk.length / 2);
    }),
  'a flipped bit in the header of a record': (scene, wire) =>
    spoilNext(scene, wire, (chunk) => flip(chunk, 1)),
  'a flipped bit within a record': (scene, wire) => spoilNext(scene, wire, (chunk) => flip(chunk, 5)),
  'a flipped bit at the end of a record': (scene, wire) =>
    spoilNext(scene, wire, (chunk) => flip(chunk, chunk.length - 1)),
  'plain text': (_, wire) => wire.send('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'a record that is too long': (_, wire) => wire.send(RECORD_TOO_LONG),
  'an alert in plain text': (_, wire) => wire.send(ALERT_HANDSHAKE_FAILURE),
  /** The peer's TLS ends itself because what we sent arrived spoiled. */
  'an alert of the peer': async (scene, wire) => {
    wire.spoilIncoming = (chunk) => flip(chunk, chunk.length - 1);
    wire.stream.resume();
    scene.write = scene.writer.write('which arrives spoiled');
    scene.write.catch(() => {});
  },
  'bytes before the answer': async (scene, wire) => {
    await wire.send('INJECTED');
    await speak(scene, wire);
  },
  'a forged record before the answer': async (scene, wire) => {
    await wire.send(FORGED_RECORD);
    await speak(scene, wire);
  },
  /** Nothing comes any more; the user gives up. */
  'silence, and the signal': ({ abort }) => abort.abort(new Error('deadline')),
  'silence, and close()': ({ socket }) => void socket.close(),
  silence: () => {},
  /** The peer has ended its side. What was written before still goes out, for as long as the peer likes. */
  'end, but it goes on reading': (_, wire) => {
    wire.end();
    wire.drain().listen();
  },
  'end, silence, and the signal': async ({ abort }, wire) => {
    wire.end();
    await sleep(50);
    abort.abort(new Error('deadline'));
  },
  'end, silence, and close()': async ({ socket }, wire) => {
    wire.end();
    await sleep(50);
    socket.close();
  },
} satisfies Record<string, Fault>;

export type FaultName = keyof typeof faults;
