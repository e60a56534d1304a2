/** What a connection is at when the fault comes, and how it gets there. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Handshake } from './handshake.mjs';

/** More than the system holds for a peer that does not read. */
const MUCH = 8 * 1024 * 1024;
/** Bytes that are there, unread, when the fault comes. */
export const UNREAD = 40_000;
/** Bytes that have gone in each direction before the fault, while both sides go on. */
const STREAMED = 300_000;
const STREAMED_OUT = 2_000_000;

/** In words of the table. */
export const phases = {
  connecting: 'connecting; a read and a write wait',
  asked: 'StartTLS is asked for in plain text; a read waits for the answer',
  upgrading: 'startTls() was called, but what was written before it is stuck',
  handshake: 'in the handshake; a read and a write wait',
  idle: 'open; nothing is under way',
  unread: 'open; there is data that nobody has read; then it is read, from streams a little at a time',
  reading: 'open; it is being read',
  writing: 'open; it is being read, and a write is stuck',
  streaming: 'open; much data goes both ways',
  'half-open': 'the peer has ended its side (`allowHalfOpen`); nothing is under way',
  'half-open, writing': 'the same, and a write is stuck',
  'ended, writing': 'the peer has ended its side, and with it the socket, but for a write that is stuck',
  'half-closed': 'our side has ended; it is being read',
  closing: 'after `close()`, or `end()` of a duplex, while a write is stuck',
  closed: 'after `close()`, or `destroy()` of a duplex, with nothing to send',
};

/** The peer's side of a cell. */
export async function reach(at) {
  const { peer, subject, phase, kind, version } = at;
  subject.dial(peer.port);
  subject.read();
  subject.write(4);
  at.wire = await peer.wire();
  if (kind === 'starttls') {
    if (phase === 'asked') {
      await heard(at, 4);
      return;
    }
    await greet(at);
    if (phase === 'upgrading') {
      at.wire.deaf();
      await stick(at);
    }
    subject.upgrade();
    subject.read();
    subject.write(4);
    if (phase === 'upgrading') return;
  }
  at.wire.version = version;
  at.wire.listening = undefined;
  if (version) {
    at.hello = await at.wire.message();
    if (phase === 'handshake') return;
    if (!(await new Handshake(at.wire, at.hello, at.credentials, {}).run())) throw new Error('no handshake');
  }
  await greet(at);
  await move(at);
}

async function greet(at) {
  at.wire.listening ??= at.wire.listen();
  await at.wire.say(4);
  await at.subject.exchanged();
  await heard(at, at.subject.ledger.issued);
}

async function heard({ wire }, length) {
  wire.listening ??= wire.listen();
  while (wire.heard < length && wire.end === '') await sleep(1);
}

/** Until the system has taken what it takes. */
async function stick({ subject }) {
  subject.write(MUCH);
  for (let before = -1, same = 0; same < 4; ) {
    await sleep(5);
    same = subject.sent === before ? same + 1 : 0;
    before = subject.sent;
  }
}

async function ended(at) {
  at.subject.flow();
  await at.wire.finish();
  // libuv does not reset a socket whose end is still on its way.
  while (!at.wire.tcp.writableFinished) await sleep(1);
  await at.subject.whenEnded();
  at.wire.deaf();
}

const moves = {
  idle: ({ subject }) => subject.pause(),
  unread: ({ subject, wire }) => {
    subject.nibble();
    return wire.say(UNREAD);
  },
  reading: async ({ subject, wire }) => {
    subject.flow();
    await wire.say(5000);
  },
  writing: async (at) => {
    at.wire.deaf();
    at.subject.flow();
    await stick(at);
  },
  streaming: async (at) => {
    at.subject.flow();
    at.subject.pump(STREAMED_OUT);
    while (at.wire.said < STREAMED || at.wire.heard < STREAMED) {
      if (at.wire.said < STREAMED) await at.wire.say(50_000);
      await sleep(0);
    }
  },
  'half-open': ended,
  'half-open, writing': async (at) => {
    await ended(at);
    await stick(at);
  },
  'ended, writing': async (at) => {
    at.wire.deaf();
    at.subject.flow();
    await stick(at);
    await at.wire.finish();
    await at.subject.whenEnded();
  },
  'half-closed': async (at) => {
    at.subject.flow();
    await at.subject.end();
  },
  closing: async (at) => {
    at.wire.deaf();
    at.subject.flow();
    await stick(at);
    if (at.subject.closes) at.subject.close();
    else at.subject.end();
  },
  closed: async (at) => {
    at.subject.close();
    await at.subject.whenClosed();
  },
};

async function move(at) {
  await moves[at.phase](at);
}
