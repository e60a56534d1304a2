/** How promises settle: in which word, by the sides of their socket. */

/** @typedef {import('./model.mjs').State} State @typedef {import('./model.mjs').Socket} Socket */
/** @typedef {import('./model.mjs').Wait} Wait @typedef {import('./model.mjs').Kind} Kind */

/** The last is of Streams itself: it is locked, closed, or let go. */
export const [CLOSED, UPGRADED, STREAMS] = ['ERR_SOCKET_CLOSED', 'ERR_SOCKET_UPGRADED', 'ERR_INVALID_STATE'];

export const READS = ['read', 'readerClosed', 'consume'];
export const WRITES = ['write', 'ready', 'close', 'writerClosed', 'abort'];

/** @param {State} state @param {number} on @param {Partial<Socket>} members @returns {State} */
export function change(state, on, members) {
  const sockets = state.sockets.map((one, index) => (index === on ? { ...one, ...members } : one));
  return { ...state, sockets };
}

/** What is pending of these kinds settles. @param {State} state @param {number} on @param {readonly string[]} kinds @param {string} word */
export function settle(state, on, kinds, word) {
  const out = { ...state.out };
  for (const { id, on: of, kind } of state.waits) {
    if (of === on && kinds.includes(kind) && !(id in out))
      out[id] = kind === 'abort' ? '*' : wordOf(kind, word);
  }
  return { ...state, out };
}

/** What the side has ended with may not have got to them. @param {State} state @param {number} on @param {readonly string[]} kinds @param {string} word */
export function also(state, on, kinds, word) {
  const late = state.waits.filter(
    ({ id, on: of, kind }) => of === on && kinds.includes(kind) && id in state.out,
  );
  return {
    ...state,
    out: { ...state.out, ...Object.fromEntries(late.map(({ id }) => [id, `${state.out[id]}|${word}`])) },
  };
}

/** @param {Kind} kind @param {string} word */
function wordOf(kind, word) {
  if (word === 'ended') return kind === 'write' ? STREAMS : 'resolved';
  if (word === 'done') return kind === 'read' ? 'done' : 'resolved';
  // The old stream is not errored before a turn has passed.
  if (kind === 'ready' && word.includes(UPGRADED)) return `resolved|${word}`;
  // Without a writer the stream is closed, and not errored, when the peer has ended.
  if ((kind === 'ready' || kind === 'writerClosed') && word.includes(STREAMS)) return `resolved|${word}`;
  return word;
}

/** A promise is made: settled as its side is, or pending. @param {State} state @param {Wait} wait @returns {State} */
export function makes(state, wait) {
  const word = atOnce(state.sockets[wait.on], wait.kind);
  const out = word === undefined ? state.out : { ...state.out, [wait.id]: wordOf(wait.kind, word) };
  return { ...state, waits: [...state.waits, wait], out };
}

/** How a promise that is made now settles; `undefined`: not yet. @param {Socket} socket @param {Kind} kind */
function atOnce({ phase, read, write, handed }, kind) {
  if (kind === 'cancel') return read === 'open' ? 'done' : read;
  if (READS.includes(kind)) return read === 'open' ? undefined : read;
  if (!WRITES.includes(kind) || write === 'open') return undefined;
  if (kind === 'abort') return '*';
  if (write === 'ending') return kind === 'write' || kind === 'close' ? STREAMS : undefined;
  // What is queued goes out before anything is told.
  if (write !== 'ended' && (phase === 'closing' || (phase === 'upgrading' && !handed))) return undefined;
  if (kind !== 'close') return write;
  return write === 'ended' ? STREAMS : `${write}|${STREAMS}`;
}
