/** What goes wrong on the way, in every state of a socket: it settles, with a code, once, and leaves nothing behind. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FaultName, faults } from './behaviour/fault.ts';
import { openSockets, openSocketsReturnTo, strayRejections } from './behaviour/leftovers.ts';
import { everyTransport, Scene, type State, secured, type Transport, type Trust } from './behaviour/scene.ts';
import { ending, endings, remembersItsPromises } from './behaviour/settlement.ts';
import { stage, trustForTests } from './behaviour/stage.ts';
import { BlackHole } from './conformance/peers/black-hole.mjs';
import { closedPort } from './fixtures/closed-port.mjs';

/** How each promise ends: a word of `endings()`, or a pattern where the system or TLS has the choice. */
interface Outcome {
  opened: string | RegExp;
  closed: string | RegExp;
  read: string | RegExp;
  write?: string | RegExp;
}
type Row = [fault: FaultName, on: readonly Transport[], outcome: Outcome];

/** It could not be opened: everything rejects with one error. */
const fails = (code: string | RegExp): Outcome => ({ opened: code, closed: code, read: code, write: code });
/** It was open and broke. */
const breaks = (code: string | RegExp): Outcome => ({
  opened: 'resolves',
  closed: 'resolves',
  read: code,
  write: code,
});
const ended: Outcome = { opened: 'resolves', closed: 'resolves', read: 'done', write: /^(?!pending)/ };

const NOT_TLS = /^ERR_TLS_(PROTOCOL|HANDSHAKE)$/;

/** What breaks an open TLS connection, whatever is in flight. */
const breaking: Row[] = [
  ['reset', everyTransport, breaks('ECONNRESET')],
  ['end without close_notify', secured, breaks('ERR_TLS_TRUNCATED')],
  ['end within a record', secured, breaks('ERR_TLS_TRUNCATED')],
  ['a flipped bit in the header of a record', secured, breaks('ERR_TLS_PROTOCOL')],
  ['a flipped bit within a record', secured, breaks('ERR_TLS_PROTOCOL')],
  ['a flipped bit at the end of a record', secured, breaks('ERR_TLS_PROTOCOL')],
  ['plain text', secured, breaks('ERR_TLS_PROTOCOL')],
  ['a record that is too long', secured, breaks('ERR_TLS_PROTOCOL')],
  ['an alert in plain text', secured, breaks('ERR_TLS_PROTOCOL')],
];

const matrix: Partial<Record<State, Row[]>> = {
  upgrading: [
    ['reset', ['starttls'], fails('ECONNRESET')],
    ['silence, and the signal', ['starttls'], { ...fails('deadline'), closed: 'resolves' }],
    [
      'silence, and close()',
      ['starttls'],
      { ...fails('ERR_SOCKET_CLOSED'), closed: 'resolves', read: 'done' },
    ],
  ],
  handshake: [
    ['reset', secured, fails('ECONNRESET')],
    ['end without close_notify', secured, fails('ERR_TLS_HANDSHAKE')],
    ['end within a record', secured, fails('ERR_TLS_HANDSHAKE')],
    ['a flipped bit in the header of a record', secured, fails(NOT_TLS)],
    ['a flipped bit within a record', secured, fails(NOT_TLS)],
    ['a flipped bit at the end of a record', ['TLS 1.3', 'starttls'], fails(NOT_TLS)],
    ['plain text', secured, fails('ERR_TLS_PROTOCOL')],
    ['a record that is too long', secured, fails('ERR_TLS_PROTOCOL')],
    ['an alert in plain text', secured, fails('ERR_TLS_ALERT')],
    ['bytes before the answer', secured, fails(NOT_TLS)],
    ['a forged record before the answer', secured, fails(NOT_TLS)],
    ['silence, and the signal', secured, { ...fails('deadline'), closed: 'resolves' }],
    ['silence, and close()', secured, { ...fails('ERR_SOCKET_CLOSED'), closed: 'resolves', read: 'done' }],
  ],
  idle: [...breaking, ['end', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }]],
  reading: [
    ...breaking,
    ['end', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }],
    ['an alert of the peer', secured, { ...breaks('ERR_TLS_ALERT'), write: 'resolves' }],
    ['silence, and the signal', everyTransport, breaks('deadline')],
    ['silence, and close()', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }],
  ],
  writing: [
    ...breaking,
    ['end, but it goes on reading', everyTransport, { ...ended, write: 'resolves' }],
    ['end, silence, and the signal', everyTransport, { ...ended, write: 'deadline' }],
    ['end, silence, and close()', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }],
    ['silence, and the signal', everyTransport, breaks('deadline')],
    ['silence, and close()', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }],
  ],
  'half-open': [
    ['reset', everyTransport, { ...breaks('ECONNRESET'), read: 'done' }],
    ['silence, and the signal', everyTransport, { ...breaks('deadline'), read: 'done' }],
    ['silence, and close()', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }],
  ],
  'half-open, writing': [
    ['reset', everyTransport, { ...breaks('ECONNRESET'), read: 'done' }],
    ['silence, and the signal', everyTransport, { ...breaks('deadline'), read: 'done' }],
    ['silence, and close()', everyTransport, { ...ended, write: 'ERR_SOCKET_CLOSED' }],
  ],
  'half-closed': [
    ...breaking.map(([fault, on, outcome]): Row => [fault, on, { ...outcome, write: 'resolves' }]),
    ['end', everyTransport, { ...ended, write: 'resolves' }],
    ['silence, and the signal', everyTransport, { ...breaks('deadline'), write: 'resolves' }],
    ['silence, and close()', everyTransport, { ...ended, write: 'resolves' }],
  ],
  closing: [
    ...breaking.map(([fault, on]): Row => [fault, on, ended]),
    ['end', everyTransport, ended],
    ['silence', everyTransport, ended],
    ['silence, and the signal', everyTransport, ended],
  ],
};

let trust: Trust;
let hole: BlackHole;
let port: number;
let before: number;
const strays = strayRejections();

beforeAll(async () => {
  trust = await trustForTests();
  hole = await BlackHole.open();
  port = await closedPort();
  // What the first connection leaves for good (the I/O thread's own descriptors) is not a leak.
  await new Scene('plain', trust).dial(`127.0.0.1:${port}`).socket.closed.catch(() => {});
  before = openSockets();
});
afterAll(() => hole?.close());

/** That everything of the scene settles, as it should, and stays so. */
async function expectEnding(scene: Scene, outcome: Outcome): Promise<void> {
  const { socket, old, oldRead, oldWrite } = scene;
  const same = remembersItsPromises(socket);
  const { opened, closed } = await endings({ opened: socket.opened, closed: socket.closed });
  // What was not in flight comes too late.
  scene.read ??= scene.reader.read();
  scene.write ??= scene.writer.write('late');
  const { read, write } = await endings({ read: scene.read, write: scene.write });
  const matching = Object.entries(outcome).map(([name, word]) => [
    name,
    typeof word === 'string' ? word : expect.stringMatching(word),
  ]);
  expect({ opened, closed, read, write }).toEqual(Object.fromEntries(matching));
  expect(same()).toBe(true);
  if (old !== undefined) {
    const expected = opened === 'ECONNREFUSED' ? opened : 'resolves';
    expect(await endings({ closed: old.closed })).toEqual({ closed: expected });
    expect(oldRead && (await ending(oldRead))).toBe('done');
    expect(oldWrite && (await ending(oldWrite))).not.toBe('pending');
    expect(old.upgraded).toBe(true);
  }
  expect(socket.close()).toBe(socket.closed);
  expect(await endings({ opened: socket.opened, closed: socket.closed })).toEqual({ opened, closed });
}

describe('one byte at a time', () => {
  const text = Buffer.from('every byte in a segment of its own '.repeat(30));
  test.concurrent.each(secured)('%s: the handshake comes about, and data is whole', async (transport) => {
    await using at = await stage(trust, transport, 'handshake');
    const { scene, wire } = at;
    wire.drips = true;
    await scene.answer();
    wire.stream.end(text);
    await scene.socket.opened;
    expect(await everything(scene)).toEqual(text);
    await scene.socket.closed;
  });
  test.concurrent.each(everyTransport)('%s: data is whole', async (transport) => {
    await using at = await stage(trust, transport, 'reading');
    const { scene, wire } = at;
    wire.drips = true;
    if (wire.stream === wire.tcp) await wire.send(text);
    else wire.stream.write(text);
    wire.end();
    expect(await everything(scene)).toEqual(text);
    await scene.socket.closed;
  });
  nothingIsLeft();
});

async function everything({ read, reader }: Scene): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for (let next = await read; next?.value; next = await reader.read()) chunks.push(next.value);
  return Buffer.concat(chunks);
}

function nothingIsLeft(): void {
  test('nothing of this is left', async () => {
    await openSocketsReturnTo(before);
    expect(strays).toEqual([]);
  });
}

describe('connecting', () => {
  describe.each(everyTransport)('%s', (transport) => {
    const scene = () => new Scene(transport, trust);
    test.concurrent('refused', async () => {
      await expectEnding(scene().dial(`127.0.0.1:${port}`), fails('ECONNREFUSED'));
    });
    test.concurrent('no answer, and the signal', async () => {
      const connecting = scene().dial(`127.0.0.1:${hole.port}`);
      connecting.abort.abort(new Error('deadline'));
      await expectEnding(connecting, { ...fails('deadline'), closed: 'resolves' });
    });
    test.concurrent('no answer, and close()', async () => {
      const connecting = scene().dial(`127.0.0.1:${hole.port}`);
      connecting.socket.close();
      await expectEnding(connecting, {
        ...fails('ERR_SOCKET_CLOSED'),
        closed: 'resolves',
        read: 'done',
      });
    });
    nothingIsLeft();
  });
});

describe.each(Object.entries(matrix))('%s', (state, rows) => {
  const cells = rows.flatMap(([fault, on, outcome]) =>
    on.map((transport) => ({ name: `${transport}: ${fault}`, fault, transport, outcome })),
  );
  test.concurrent.each(cells)('$name', async ({ fault, transport, outcome }) => {
    await using at = await stage(trust, transport, state as State);
    await faults[fault](at.scene, at.wire);
    await expectEnding(at.scene, outcome);
  });
  nothingIsLeft();
});
