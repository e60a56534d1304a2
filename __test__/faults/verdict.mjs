/** What a cell has to end with, and when, and whether it has. */
import { slowness } from '../fixtures/environment.mjs';
import { LIMIT, PATIENCE } from './injections.mjs';

/** How long anything may take, when what it waits for is over. Milliseconds. */
const PROMPT = 2000 * slowness;
/** How long close() may listen for the peer's end. Milliseconds. */
const CLOSING = 1000;

const major = Number.parseInt(process.versions.node, 10);

const ANY = /^(?!pending)/;
const EITHER = /^(resolves|ERR_SOCKET_CLOSED)$/;

/** What the write that is under way, or comes too late, ends with when the peer ends properly. */
const atEnd = {
  asked: 'resolves',
  handshake: 'resolves',
  writing: 'resolves',
  'half-closed': 'resolves',
  streaming: EITHER,
};
/** The peer had ended before. */
const afterEnd = (phase) => /^(half-open|ended)/.test(phase);

const written = (phase) => phase === 'asked' || phase === 'half-closed';

/** What the write ends with, of a socket that was open. */
function lastWrite(phase, name, how, code) {
  if (how !== 'ends') return written(phase) ? 'resolves' : phase === 'streaming' ? ANY : code;
  // It comes too late, and may meet the reset.
  if (name.endsWith('a reset') && atEnd[phase] === undefined) return /^(ERR_SOCKET_CLOSED|ECONNRESET)$/;
  return atEnd[phase] ?? 'ERR_SOCKET_CLOSED';
}

/** What promises of `wintersock` end with. */
function ofWeb({ phase, name, verdict: { how, code } }) {
  if (phase === 'closing' || phase === 'closed')
    return { opened: 'resolves', closed: 'resolves', read: 'done', write: ANY };
  if (how === 'fails') return { opened: code, closed: code, read: code, write: code };
  if (how === 'abandoned') {
    return { opened: code, closed: 'resolves', read: name.endsWith('close()') ? 'done' : code, write: code };
  }
  const read = afterEnd(phase) || how === 'ends' || how === 'closed' ? 'done' : code;
  return { opened: 'resolves', closed: 'resolves', read, write: lastWrite(phase, name, how, code) };
}

/** Codes of a duplex where they are not those of `wintersock`. */
const asNode = { ERR_TLS_HANDSHAKE: 'ECONNRESET' };

/** What a duplex ends with. */
function ofDuplex({ phase, name, verdict: { how, code } }) {
  const opened = how !== 'fails' && how !== 'abandoned';
  const error = name.endsWith('the signal') ? 'ABORT_ERR' : (asNode[code] ?? code);
  const words = (read, told) => ({
    opened: opened ? 'resolves' : told === 'none' ? 'closed' : told,
    closed: 'resolves',
    read,
    error: told,
    write: ANY,
  });
  if (phase === 'closed') return words(ANY, 'none');
  if (how === 'ends' || code === 'ERR_TLS_TRUNCATED') {
    // Our own end, or what is still written, may hear of it.
    return words('done', name.endsWith('a reset') ? /^(none|ECONNRESET|EPIPE)$/ : 'none');
  }
  if (name.endsWith('close()')) return words(afterEnd(phase) ? 'done' : 'closed', 'none');
  return words(afterEnd(phase) ? 'done' : error, error);
}

export const expected = (cell) => (cell.api === 'web' ? ofWeb(cell) : ofDuplex(cell));

/**
 * What took longer than it may, in words: everything to settle after the fault, the peer to hear of it after that. What never does is another
 * matter. @param {any} cell @param {{ ms: number, later: number }} result
 */
export function lateness({ phase, name }, { ms, later }) {
  const limit = /, and \w+Timeout$/.test(name)
    ? LIMIT
    : /, and (the signal|.*\(\))$/.test(name)
      ? PATIENCE
      : 0;
  const closing = /^clos/.test(phase) || name.endsWith('close()') ? CLOSING : 0;
  const bound = limit + closing + PROMPT;
  return [
    ...(ms > bound ? [`took ${ms} ms, not ${bound}`] : []),
    ...(later > PROMPT ? [`the peer heard of the end after ${later} ms, not ${PROMPT}`] : []),
  ];
}

const fits = (seen, wanted) => (wanted instanceof RegExp ? wanted.test(seen) : seen === wanted);

/** What is wrong with how a cell has ended. @returns {string[]} */
export function judge(cell, result) {
  const {
    seen,
    complaints,
    intact,
    whole = true,
    received,
    said = received,
    heard = 0,
    issued,
    end,
    trace,
  } = result;
  const wrong = [...complaints];
  for (const [name, wanted] of Object.entries(expected(cell))) {
    if (!fits(seen[name], wanted)) wrong.push(`${name}: ${seen[name]}, not ${wanted}`);
  }
  if (!intact || received > said)
    wrong.push(`what was received (${received}) is not what was said (${said})`);
  if (!whole || heard > issued) wrong.push(`what was heard (${heard}) is not what was written (${issued})`);
  const all = delivers(cell);
  if (all && received !== said) wrong.push(`received ${received} of ${said} bytes`);
  if (properly(cell, end) && heard !== issued)
    wrong.push(`a proper end (${end}) after ${heard} of ${issued} bytes`);
  if (end === 'the peer hears no end' || (end === 'garbled' && cell.phase !== 'handshake')) wrong.push(end);
  wrong.push(...disorder(trace));
  return wrong;
}

/** Whether all that was said before the fault is to be delivered. */
function delivers({ phase, api, name, verdict: { how } }) {
  if (phase === 'closing' || phase === 'closed' || how === 'fails' || how === 'abandoned' || how === 'closed')
    return false;
  if (how === 'ends') return true;
  // Whoever gives up does without the rest.
  if (name.startsWith('silence')) return false;
  // What a reset overtakes is lost; what node:stream holds when it is destroyed is, too.
  if (phase === 'streaming' && name.includes('reset')) return false;
  return api === 'web' || phase !== 'unread';
}

/** Whether the peer must take what it has heard for everything. */
function properly({ transport, phase, verdict }, end) {
  const secure = transport.version !== undefined && phase !== 'asked' && phase !== 'upgrading';
  // What came before TLS, or never came to be TLS, is not what was to be sent.
  if (verdict.how === 'fails' || phase === 'handshake') return false;
  // Before Node 24 a reset is taken for an end where the peer has not read for a while.
  return secure ? end === 'close_notify' : end === 'FIN' && major >= 24;
}

/** What is not so in a trace of events of any stream. @param {readonly string[]} trace */
function disorder(trace = []) {
  const wrong = [];
  const error = trace.findIndex((event) => event.startsWith('error'));
  const after = (event, other) => trace.includes(other) && trace.lastIndexOf(event) > trace.indexOf(other);
  if (after('data', 'end')) wrong.push("'data' after 'end'");
  if (after('data', 'close')) wrong.push("'data' after 'close'");
  if (error >= 0 && trace.slice(error + 1).some((event) => event !== 'close'))
    wrong.push("an event after 'error'");
  for (const event of ['connect', 'secureConnect', 'end', 'finish']) {
    if (trace.filter((one) => one === event).length > 1) wrong.push(`'${event}' more than once`);
  }
  if (trace.includes('close') && trace.at(-1) !== 'close') wrong.push("an event after 'close'");
  return wrong.map((one) => `${one}: ${trace.join(' ')}`);
}

/**
 * Whether a duplex without TLS emits what a socket of Node's does in the same cell. With TLS it need not: Node's own emits errors twice,
 * or no 'close'. Nor after a reset, which older ones take for an end, or where both sides end at a time of their own.
 * @param {readonly import('./session.d.mts').CellResult[]} cells
 */
export function compare(cells) {
  const order = ({ trace = [] }) => trace.map((event) => event.replace(/^error .*/, 'error')).join(' ');
  const plain = cells.filter(
    ({ transport, name, phase, seen }) =>
      transport === 'off' && name !== 'reset' && phase !== 'closing' && seen,
  );
  return plain.flatMap((ours) => {
    const twin = ({ api, phase, name }) => api === 'node' && phase === ours.phase && name === ours.name;
    const node = ours.api === 'duplex' ? plain.find(twin) : undefined;
    if (node === undefined || node.seen?.closed === 'pending' || order(node) === order(ours)) return [];
    return [{ title: ours.title, wrong: [`it emits ${order(ours)}; node:net ${order(node)}`] }];
  });
}
