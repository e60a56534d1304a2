/**
 * The state machine of a socket, as docs/api.md has it under "The life of a socket": what each operation and each event of the peer does in
 * each state. It knows no bytes and no time. What happens elsewhere is noticed at some time: so a sequence leads to a set of states, and
 * the real socket has to be in one of them.
 *
 * Outcomes are words: 'resolved', 'done', 'data', or a code; 'A|B' is either, '*' any. What has no word is pending.
 */

/**
 * @typedef {'opens' | 'fin' | 'rst' | 'cut' | 'spoil' | 'plain' | `refused:${string}`} Happening
 *   It is open; the peer's end, reset, end without close_notify, bytes that are no TLS, plain text before TLS; it cannot be opened.
 * @typedef {'opened' | 'closed' | 'read' | 'readerClosed' | 'consume' | 'cancel' | 'write' | 'ready' | 'close' | 'writerClosed' | 'abort'} Kind
 * @typedef {'connecting' | 'open' | 'upgrading' | 'broken' | 'closing' | 'closed'} Phase
 * @typedef {object} Socket
 * @property {Phase} phase
 * @property {string} read 'open', 'done', or a code.
 * @property {string} write 'open', 'ending', 'ended', or a code.
 * @property {boolean} made With `phase: 'upgrading'`: the connection that is upgraded is made.
 * @property {number} sealed How many promises there were when startTls() was called: writes among them have to be sent.
 * @property {boolean} handed With `phase: 'upgrading'`: what was written before is sent, and the handshake has the connection.
 * @property {boolean} bound What is flushed has a second, and no more.
 * @property {string} doom What the writable will be errored with when it comes to it: a chunk that is none.
 * @property {boolean} cut Something that was written before startTls() will not be sent.
 * @property {boolean} halfOpen
 * @property {boolean} secure
 * @typedef {{ id: number, on: number, kind: Kind }} Wait A promise of the socket `on`.
 * @typedef {{ sockets: Socket[], queue: Happening[], waits: Wait[], out: Record<number, string> }} State
 *   `queue`: what has happened elsewhere and is not noticed yet. `out`: how promises have settled.
 */

import { also, change, CLOSED, READS, STREAMS, settle, UPGRADED, WRITES } from './settling.mjs';

export { makes } from './settling.mjs';

/** @type {Partial<Record<Happening, string>>} */
const BREAKS = { rst: 'ECONNRESET', cut: 'ERR_TLS_TRUNCATED', spoil: 'ERR_TLS_PROTOCOL' };
/** What a handshake says of whatever else than its answer comes. */
const HANDSHAKE = 'ERR_TLS_HANDSHAKE|ERR_TLS_PROTOCOL|ERR_TLS_TRUNCATED|ECONNRESET';

/** @param {Pick<Socket, 'halfOpen' | 'secure'>} options @returns {Socket} */
const socketOf = (options) => ({
  ...{ phase: 'connecting', read: 'open', write: 'open', made: false, handed: false, bound: false, doom: '' },
  ...{ cut: false, sealed: 0, ...options },
});

/** @param {{ halfOpen: boolean, secure: boolean }} options @param {Happening[]} queue @returns {State} */
export const begin = (options, queue) => ({ sockets: [socketOf(options)], queue, waits: [], out: {} });

/** The readable side ends: 'done', or a code. @param {State} state @param {number} on @param {string} word */
function readOver(state, on, word) {
  if (state.sockets[on].read !== 'open') return state;
  return settle(change(state, on, { read: word }), on, READS, word);
}

/** The writable side ends: 'ended', or a code. @param {State} state @param {number} on @param {string} word */
function writeOver(state, on, word) {
  const { write } = state.sockets[on];
  if (write !== 'open' && write !== 'ending') return state;
  // Behind close() a stream says so until it is errored.
  const later = write === 'ending' && word !== 'ended' ? `${word}|${STREAMS}` : word;
  return settle(change(state, on, { write: later, doom: '' }), on, WRITES, word);
}

/** What is still to be written may also end so. @param {State} state @param {number} on @param {string} word */
function orElse(state, on, word) {
  const { write } = state.sockets[on];
  if (write === 'ended') return state;
  const before = write === 'open' ? word : `${write === 'ending' ? STREAMS : write}|${word}`;
  return change(state, on, { write: before, doom: '' });
}

/** The socket is over. @param {State} state @param {number} on @param {string} [closed] How `closed` settles. @returns {State} */
function over(state, on, closed = 'resolved') {
  const { read, write } = state.sockets[on];
  const ended = settle(readOver(state, on, 'done'), on, ['closed'], closed);
  const rest = write === 'ended' ? 'resolved' : `resolved|${write}`;
  const all = settle(
    change(ended, on, { phase: 'closed', read: read === 'open' ? 'done' : read }),
    on,
    WRITES,
    rest,
  );
  // The old socket has waited for what becomes of the new one.
  if (on === 0 || all.sockets[0].phase !== 'upgrading') return all;
  return over(settle(all, 0, ['opened'], UPGRADED), 0);
}

/** It cannot be opened, or is ended at once: everything gets `word`. @param {State} state @param {number} on @param {string} word */
function fail(state, on, word, read = word) {
  return settle(writeOver(readOver(state, on, read), on, word), on, ['opened'], word);
}

/** When both sides have ended, the connection has. @param {State} state @param {number} on */
function bothEnded(state, on) {
  const { phase, read, write } = state.sockets[on];
  if (read === 'open' || write === 'open' || write === 'ending') return state;
  return phase === 'open' || phase === 'broken' ? change(state, on, { phase: 'closing' }) : state;
}

/**
 * What the user does to the socket `on`. `word`: of the reason that is given.
 * @type {Record<string, (state: State, on: number, word: string) => State>}
 */
export const operations = {
  close(state, on, word) {
    const { phase } = state.sockets[on];
    if (phase === 'connecting') return over(fail(state, on, word, 'done'), on);
    if (phase === 'broken') return over(state, on);
    if (phase === 'closing') return orElse(change(state, on, { bound: true }), on, word);
    if (phase !== 'open') return state;
    return orElse(change(readOver(state, on, 'done'), on, { phase: 'closing', bound: true }), on, word);
  },
  signal(state, on, word) {
    const { phase } = state.sockets[on];
    if (phase === 'closed' || phase === 'upgrading') return state;
    return over(phase === 'closing' ? orElse(state, on, word) : fail(state, on, word), on);
  },
  cancel: (state, on) => bothEnded(readOver(state, on, 'done'), on),
  releaseReader: (state, on) => settle(state, on, ['read', 'readerClosed'], STREAMS),
  releaseWriter: (state, on) =>
    also(settle(state, on, ['ready', 'writerClosed'], STREAMS), on, ['ready', 'writerClosed'], STREAMS),
  writerClose(state, on) {
    const { write } = state.sockets[on];
    // A stream that is about to be errored takes the close all the same.
    return change(state, on, {
      write:
        write === 'open' ? 'ending' : write === 'ending' || write === 'ended' ? write : `${write}|${STREAMS}`,
    });
  },
  writerAbort(state, on, word) {
    const { phase, write } = state.sockets[on];
    if (phase === 'upgrading') return change(orElse(state, on, word), on, { cut: true });
    if (write !== 'open' && write !== 'ending') return also(orElse(state, on, word), on, WRITES, word);
    return bothEnded(writeOver(state, on, write === 'ending' ? `resolved|${word}|${STREAMS}` : word), on);
  },
  invalid: (state, on, word) =>
    state.sockets[on].write === 'open' ? change(state, on, { doom: word }) : state,
  startTls(state, on) {
    const { phase, halfOpen } = state.sockets[on];
    const { doom } = state.sockets[on];
    const sealed = orElse(readOver(state, on, 'done'), on, UPGRADED);
    const old = change(sealed, on, {
      phase: 'upgrading',
      made: phase === 'open',
      doom,
      cut: doom !== '',
      sealed: state.waits.length,
    });
    return { ...old, sockets: [...old.sockets, socketOf({ halfOpen, secure: true })] };
  },
};

/** Why startTls() throws: a code, or '' if it does not; '|' is either. @param {State} state @param {number} on @param {string} kind */
export function refusal({ sockets }, on, kind) {
  const { phase, read, write } = sockets[on];
  if (kind !== 'starttls' || sockets.length > 1) return STREAMS;
  if ((phase !== 'connecting' && phase !== 'open') || read !== 'open') return CLOSED;
  // The stream has told of the end some microtasks after writer.close().
  if (write === 'ending') return `|${CLOSED}`;
  return write === 'open' ? '' : CLOSED;
}

/**
 * The states that may follow because something is noticed, and what that is: 'head' of the queue, 'flush' of what was written, also before TLS ('handed'), 'doom', or
 * 'break', a reset that overtakes what was before it, or that a write is told first.
 * @param {State} state @returns {{ by: 'head' | 'flush' | 'handed' | 'doom' | 'break', state: State }[]}
 */
export function notices(state) {
  const on = state.sockets.length - 1;
  const { phase, write, doom } = state.sockets[on];
  const [head, ...queue] = state.queue;
  /** @type {ReturnType<typeof notices>} */
  const found = [];
  if (head !== undefined)
    for (const next of noticed({ ...state, queue }, on, head)) found.push({ by: 'head', state: next });
  for (const what of state.queue) {
    const code = BREAKS[what];
    if (code === undefined || (phase !== 'open' && phase !== 'broken')) continue;
    if (what !== head) found.push({ by: 'break', state: over(fail({ ...state, queue: [] }, on, code), on) });
    if (phase === 'open' && write !== 'ended') {
      const told = settle(writeOver(state, on, code), on, ['closed'], 'resolved');
      found.push({ by: 'break', state: change(told, on, { phase: 'broken' }) });
    }
  }
  const [old] = state.sockets;
  if (old.phase === 'upgrading' && !old.handed && (old.cut || old.doom === ''))
    found.push({ by: 'handed', state: handed(state) });
  if (phase === 'closing') found.push({ by: 'flush', state: over(state, on) });
  if (phase === 'open' && write === 'ending' && doom === '') {
    found.push({ by: 'flush', state: bothEnded(writeOver(state, on, 'ended'), on) });
  }
  for (const [index, one] of state.sockets.entries()) {
    if (one.doom === '') continue;
    const { phase } = one;
    if (phase === 'open' || phase === 'connecting')
      found.push({ by: 'doom', state: bothEnded(writeOver(state, index, one.doom), index) });
    if (phase === 'upgrading')
      found.push({ by: 'doom', state: settle(orElse(state, index, one.doom), index, WRITES, one.doom) });
  }
  return found;
}

/** What was written before startTls() is sent, and the handshake has the connection. @param {State} state */
function handed(state) {
  const [{ cut, sealed, write }] = state.sockets;
  const [before, after] = [
    state.waits.filter(({ id }) => id < sealed),
    state.waits.filter(({ id }) => id >= sealed),
  ];
  const sent = cut ? state : settle({ ...state, waits: before }, 0, ['write'], 'resolved');
  return settle(
    change({ ...sent, waits: [...before, ...after] }, 0, { handed: true }),
    0,
    WRITES,
    `resolved|${write}`,
  );
}

/** @param {State} state The rest of its queue is what comes later. @param {number} on @param {Happening} what @returns {State[]} */
function noticed(state, on, what) {
  const { phase, secure, halfOpen } = state.sockets[on];
  const refused = what.startsWith('refused:') ? what.slice('refused:'.length) : undefined;
  const [old] = state.sockets;
  if (phase === 'closed') return [state];
  const code = BREAKS[what];
  if (phase === 'closing') return [code ? orElse(state, on, code) : state];
  if (old.phase === 'upgrading' && !old.made) {
    const both = (/** @type {string} */ word) => {
      const first = fail(settle(state, 0, ['closed'], word), 0, word);
      return over(fail(orElse(first, 0, word), on, word), on, word);
    };
    if (what !== 'opens') return [refused === undefined ? state : both(refused)];
    const made = settle(change(state, 0, { made: true }), 0, ['opened'], 'resolved');
    return state.queue.includes('rst') ? [made, both('ECONNRESET')] : [made];
  }
  if (phase === 'connecting') {
    const opened = settle(change(state, on, { phase: 'open' }), on, ['opened'], 'resolved');
    // What the old socket had not sent hears of the reset itself.
    const unsent = old.phase === 'upgrading' && !old.handed && [what, ...state.queue].includes('rst');
    const told = unsent ? orElse(state, 0, 'ECONNRESET') : state;
    const failed = (/** @type {string} */ word) => over(fail(told, on, word), on, word);
    const cut = old.phase === 'upgrading' && old.cut ? [failed(CLOSED)] : [];
    if (refused !== undefined)
      return [failed(state.queue.length > 0 && secure ? `${refused}|${HANDSHAKE}` : refused), ...cut];
    const trouble = state.queue.some((one) => one !== 'opens');
    if (what !== 'opens') return [failed(HANDSHAKE), ...cut];
    const upgraded = old.phase === 'upgrading' ? over(opened, 0) : opened;
    return [bothEnded(upgraded, on), ...cut, ...(trouble ? [failed(secure ? HANDSHAKE : 'ECONNRESET')] : [])];
  }
  if (code !== undefined) return [over(fail(state, on, code), on)];
  if (what !== 'fin') return [state];
  if (phase === 'broken') return [over(readOver(state, on, 'done'), on)];
  const ended = readOver(state, on, 'done');
  if (halfOpen) return [bothEnded(ended, on)];
  return [orElse(change(ended, on, { phase: 'closing' }), on, `${CLOSED}|${STREAMS}`)];
}
