/** One cell of the matrix: a connection, a phase, a fault, and how all of it ends. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DuplexSubject, NodeSubject } from './duplex.mjs';
import { wordOf } from './ledger.mjs';
import { reach } from './phases.mjs';
import { WebSubject } from './web.mjs';
import { Peer } from './wire.mjs';

/** What is still pending after that never ends; how long a busy machine takes is another matter. Milliseconds. */
const HANGS = 30_000;
/** Where Node never says that it is over. */
const GIVEN_UP = 1500;

/** The fault has not come: a limit, for example, has struck before. */
export class Unreached extends Error {
  constructor(cause) {
    super(`the phase was not reached: ${cause?.message ?? cause}`, { cause });
  }
}

const subjects = { web: WebSubject, duplex: DuplexSubject, node: NodeSubject };

const ending = (hangs) => (promise) => {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, hangs, 'pending');
    const settle = (word) => {
      clearTimeout(timer);
      resolve(word);
    };
    Promise.resolve(promise).then(
      (value) => settle(value?.done ? 'done' : 'resolves'),
      (reason) => settle(wordOf(reason)),
    );
  });
};

/**
 * @param {any} cell
 * @param {{ ca: string, credentials: any, nowhere: { closed: number, hole: number } }} world
 */
export async function perform(cell, { ca, credentials, nowhere }) {
  const { phase, fault, transport, api } = cell;
  const { kind, version } = transport;
  const subject = new subjects[api]({
    kind,
    ca,
    halfOpen: phase.startsWith('half-open'),
    config: fault.config ?? {},
  });
  const peer = await Peer.open();
  const at = { subject, peer, phase, kind, version, credentials, wire: undefined, hello: undefined };
  try {
    if (phase === 'connecting') {
      subject.dial(fault.to === undefined ? peer.port : nowhere[fault.to]);
      if (kind === 'starttls') subject.upgrade();
      subject.read();
      subject.write(4);
    } else {
      const late = sleep(HANGS, 'late', { ref: false });
      if ((await Promise.race([reach(at), late])) === 'late') throw new Error('the phase was not reached');
    }
    at.reached = true;
    // What takes its time, as bytes one by one do, is not over before its last byte.
    let begun = performance.now();
    const acted = act(at, cell).catch((error) => error);
    if (fault.first || cell.pace === 'slow') {
      await acted;
      begun = performance.now();
    }
    const idle = phase === 'idle' && cell.verdict.how !== 'ends';
    const seen = await subject.observe({ idle, ending: ending(api === 'node' ? GIVEN_UP : HANGS) });
    const settled = performance.now();
    const ms = Math.max(0, Math.round(settled - begun));
    const left = seen.closed === 'pending' ? {} : await leave(at, acted);
    const later = Math.round(performance.now() - settled);
    const { received, intact, issued, complaints } = subject.ledger;
    return { seen, ms, later, trace: subject.trace, received, intact, issued, complaints, ...left };
  } catch (error) {
    throw at.reached ? error : new Unreached(error);
  } finally {
    subject.abort(new Error('the cell is over'));
    at.wire?.tcp.destroy();
    await peer.close();
  }
}

/** The fault. A peer that has ended properly takes what is still written. */
async function act(at, { phase, fault, verdict, api }) {
  await fault.act(at);
  const ends = verdict.how === 'ends' || (api !== 'web' && verdict.code === 'ERR_TLS_TRUNCATED');
  if (ends && (phase === 'writing' || phase === 'closing')) at.wire.tcp.resume();
}

/** The peer hears the rest, and notices that the connection is gone. */
async function leave(at, acted) {
  const { peer } = at;
  const wire = at.wire ?? peer.wires[0];
  if (wire === undefined) return {};
  const over = (async () => {
    const error = await acted;
    wire.tcp.resume();
    wire.listening ??= wire.listen();
    await wire.listening;
    return error;
  })();
  const error = await Promise.race([over, sleep(HANGS, 'late', { ref: false })]);
  if (error instanceof Error) throw error;
  const { said, heard, intact, end } = wire;
  return { said, heard, whole: intact, end: error === 'late' ? 'the peer hears no end' : end };
}
