/** What is to become of each failure, and what is wrong with what became of it. */
import { constants } from 'node:os';

const { errno } = constants;

/** Where a panic is nobody's business: what was under way is done all the same, in another turn, or nobody waits for it. */
const UNSEEN = new Set([
  'calls.flush',
  'config.failed',
  'entry.close',
  'handle.closed',
  'host.end',
  'host.polled',
  'host.woken',
  'leave',
  'linger',
  'linger.clear',
  'loop.alarm',
  'loop.late',
  'loop.polled',
  'loop.waits',
  'loop.wake',
  'poll.ready',
  'wake',
]);

/** Where somebody may hear of it, or not: the connection ends in any case. */
const ENDING = new Set(['drain', 'socket.abort', 'socket.close', 'socket.failure']);

/** What the system may say there. `''`: nothing comes of it. Elsewhere what sockets can run out of. */
const SAID = /** @type {Record<string, readonly (keyof typeof errno)[]>} */ ({
  read: ['ENOBUFS', 'ENOMEM', 'EPERM', 'EINTR'],
  peek: ['ENOBUFS', 'ENOMEM', 'EPERM', 'EINTR'],
  write: ['ENOBUFS', 'ENOMEM', 'EPERM', 'EINTR'],
  shutdown: ['ENOBUFS', 'ENOMEM', 'EPERM'],
  'attempt.connect': ['EADDRNOTAVAIL', 'ENOBUFS', 'EPERM'],
  'dial.connect': ['EADDRNOTAVAIL', 'ENOBUFS', 'EPERM'],
  'dial.bind': ['EADDRINUSE', 'ENOMEM'],
  'handshake.read': ['ENOBUFS', 'ENOMEM'],
  'handshake.write': ['ENOBUFS', 'ENOMEM', 'EPERM'],
  runtime: ['EAGAIN', 'EMFILE', 'ENOMEM'],
  thread: ['EAGAIN'],
});
const SHORT = /** @type {const} */ (['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM']);

/** Where there is another way, or where trying again shows what is wrong. */
const REPLACED = new Set(['loop.init', 'poll.start']);

/** What the rest of a scenario may say after a failure. Two of them are Node's own. */
const AFTERWARDS = ['ERR_SOCKET_CLOSED', 'ERR_INVALID_STATE', 'ERR_STREAM_DESTROYED'];
const NODES = ['ERR_INVALID_STATE', 'ERR_STREAM_DESTROYED'];

/** What a message tells the reader to do. */
const REMEDY = /\b(check|close|raise|end some|give it|choose|report it)\b/;

/** The plans for a point that is passed `count` times. @param {import('./points.mjs').Point} point @param {number} count @param {boolean} quick */
export function plansFor({ name, system }, count, quick) {
  const said = system ? (SAID[name] ?? SHORT) : [];
  const turns = quick ? [0] : [...new Set([0, count - 1])];
  return turns.flatMap((after) =>
    [undefined, ...said.map((code) => errno[code])].map((number) => {
      return { point: name, after, times: 1, ...(number !== undefined && { errno: number }) };
    }),
  );
}

/** What the system says, by its name. @param {number} number */
const nameOf = (number) => Object.entries(errno).find(([, value]) => value === number)?.[0] ?? '';

/** Whether somebody may hear of it. @param {import('./trial.mjs').Plan} plan */
function mayBeTold({ point, errno: number }) {
  if (number === undefined) return !UNSEEN.has(point);
  return !REPLACED.has(point) && nameOf(number) !== 'EINTR';
}

/** Whether somebody has to. @param {import('./trial.mjs').Plan} plan */
export function isTold(plan) {
  return mayBeTold(plan) && !(plan.errno === undefined && ENDING.has(plan.point));
}

/**
 * What is wrong with a trial, in words. Nothing: it is as it has to be.
 * @param {import('./trial.mjs').Trial} trial @param {import('./trial.mjs').Result} result
 */
export function faults({ scenario, plan }, { outcomes, uncaught, left, health }) {
  const faults = [...uncaught];
  if (left.length > 0) faults.push(`left open: ${left.join(', ')}`);
  for (const one of health) faults.push(`afterwards: ${inWords(one)}`);
  const codes = plan ? [codeOf(plan), ...AFTERWARDS] : [];
  // The next address is tried, which nobody serves.
  if (scenario === 'duplex with a look-up') codes.push('ECONNREFUSED');
  const told = plan === undefined || mayBeTold(plan);
  for (const outcome of outcomes) {
    const { code = '', message = '', wrong = false } = outcome;
    const fits = told && codes.includes(code) && (!wrong || NODES.includes(code)) && !outcome.hung;
    if (!fits) faults.push(inWords(outcome));
    else if (plan && code === codeOf(plan) && !tells(plan, message))
      faults.push(`its message: ${inWords(outcome)}`);
  }
  return faults;
}

/** @param {import('./trial.mjs').Plan} plan */
const codeOf = ({ errno: number }) => (number === undefined ? 'ERR_INTERNAL' : nameOf(number));

/** Whether a message has the words of the panic, and what to do. @param {import('./trial.mjs').Plan} plan @param {string} message */
function tells({ point, errno: number }, message) {
  return REMEDY.test(message) && (number !== undefined || message.includes(`injected at ${point}`));
}

/** Whether somebody was told. @param {import('./trial.mjs').Plan} plan @param {import('./trial.mjs').Result} result */
export function wasTold(plan, { outcomes }) {
  return outcomes.some(({ code }) => code === codeOf(plan));
}

/** @param {import('./trial.mjs').Outcome} outcome */
export function inWords({ name, code, message, hung, thrown }) {
  if (hung) return `${name} never settles`;
  return `${name} ${thrown ? 'throws' : 'rejects with'} ${code ?? 'no code'}: ${message}`;
}
