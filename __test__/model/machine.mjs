/** Performs a sequence with a real socket and a real peer, and holds what comes of it against the model. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { closedPort } from '../fixtures/closed-port.mjs';
import { Actions } from './actions.mjs';
import { agrees, Ledger, wordOf } from './ledger.mjs';
import { begin, makes, notices, operations, refusal } from './model.mjs';
import { Peer } from './peer.mjs';
import { pass, passes } from './sequences.mjs';
import { contradiction, reachable, unique } from './states.mjs';

/** Within this time everything comes that has to come. close() may take a second by itself. */
const DEADLINE_MS = 8000;
/** The happenings after which what the peer had sent need not arrive. */
const LOSSES = ['rst', 'cut', 'spoil'];

/** @typedef {import('./model.mjs').State} State @typedef {import('./sequences.mjs').Sequence} Sequence */
/** @typedef {Awaited<ReturnType<typeof import('./peer.mjs').createTrust>>} Trust */

export class Machine extends Actions {
  ledger = new Ledger();
  /** @type {import('wintersock').Socket[]} */
  sockets = [];
  controller = new AbortController();
  /** @type {State[]} */
  #states = [];
  /** @type {import('./peer.mjs').Peer} */
  peer;

  /** @param {Sequence} sequence @param {Trust} trust */
  constructor(sequence, trust) {
    super();
    this.sequence = sequence;
    this.trust = trust;
  }

  /** Performs it. @throws {Error} if something is not as the model says. */
  async perform() {
    const { way, tls, handshake, refused, halfOpen, highWaterMark, steps, finale } = this.sequence;
    const contexts = this.trust[handshake === 'stranger' ? 'stranger' : 'completes'];
    this.peer = await Peer.open({ handshake, contexts: contexts[tls] });
    try {
      const port = refused ? await closedPort() : this.peer.port;
      const secure = way === 'on';
      this.#states = [
        begin({ halfOpen, secure }, refused ? ['refused:ECONNREFUSED'] : secure ? this.#answer() : ['opens']),
      ];
      this.adopt(
        this.trust.binding.connect(`127.0.0.1:${port}`, {
          secureTransport: way,
          allowHalfOpen: halfOpen,
          signal: this.controller.signal,
          ...(highWaterMark >= 0 && { highWaterMark }),
        }),
      );
      for (const step of steps) await this.#step(step);
      await this.#check('before the end');
      if (finale === 'drop' && this.#isIdle()) {
        await this.#drop();
        return;
      }
      for (const step of this.finaleOf(finale)) await this.#step(step);
      await this.#check('at the end');
      await this.#part();
    } finally {
      this.controller.abort();
      await this.peer.close();
    }
  }

  /** What becomes of a handshake that begins now. @returns {import('./model.mjs').Happening[]} */
  #answer() {
    if (this.sequence.handshake === 'completes') return ['opens'];
    if (this.sequence.handshake === 'garbage') return ['refused:ERR_TLS_PROTOCOL'];
    return this.sequence.handshake === 'stranger' ? ['refused:UNABLE_TO_VERIFY_LEAF_SIGNATURE'] : [];
  }

  /** @param {import('wintersock').Socket} socket */
  adopt(socket) {
    const on = this.sockets.push(socket) - 1;
    this.track('opened', on, socket.opened);
    // Who looks at it waits for it, and keeps the socket.
    if (this.sequence.finale !== 'drop') this.track('closed', on, socket.closed);
  }

  /** A promise that the model knows. @param {import('./model.mjs').Kind} kind @param {number} on @param {Promise<unknown>} promise @param {string} [takes] */
  track(kind, on, promise, takes = '') {
    const name = `${kind} ${this.ledger.entries.length}${on === 1 ? ' of the secure socket' : ''}`;
    const entry = this.ledger.track({ name, on, kind, takes }, promise);
    this.#states = this.#states.map((state) => makes(state, entry));
    return entry;
  }

  /** What a write that is made now may come to although the model knows of nothing: it is taken. @param {number} on */
  mayTake(on) {
    return reachable(this.#states).some(({ sockets }) => ['open', 'ending'].includes(sockets[on].write))
      ? 'resolved'
      : '';
  }

  /** @param {import('./sequences.mjs').Step} step */
  async #step(step) {
    const on = step.old ? 0 : this.sockets.length - 1;
    if (step.do === 'quiet') await this.#check('in between');
    else if (passes(step)) await pass(step);
    else if (step.do in this.peerActions) await this.#happen(step);
    else this.userActions[step.do](on, step);
    this.#agree(`after ${JSON.stringify(step)}`);
  }

  /** What the user does, to all states. @param {string} name @param {number} on @param {string} [word] */
  operate(name, on, word = '') {
    this.#states = unique(reachable(this.#states).map((state) => operations[name](state, on, word)));
  }

  /** @param {number} on */
  upgrade(on) {
    const known = reachable(this.#states);
    let word = '';
    let secure;
    try {
      secure = this.sockets[on].startTls({ ca: this.trust.ca });
    } catch (error) {
      word = wordOf(error);
    }
    const allowed = known.filter((state) => refusal(state, on, this.sequence.way).split('|').includes(word));
    if (allowed.length === 0) {
      const should = new Set(known.map((state) => refusal(state, on, this.sequence.way)));
      throw new Error(`startTls() throws '${word}', and not '${[...should].join("' or '")}'`);
    }
    this.#states = allowed;
    if (secure === undefined) return;
    const left = this.peer.line ? this.peer.line.sentPlain > this.got[0].length : false;
    this.#states = allowed.map((state) => operations.startTls(state, on, ''));
    // What was asked for may be read already, or be in the stream and dropped with it.
    const asked = this.did.has(`stale ${on}`) || this.reads(on);
    const before = this.#states;
    this.#queue([...(left ? ['plain'] : []), ...this.#answer()]);
    if (left && asked)
      this.#states.push(...before.map((state) => ({ ...state, queue: [...state.queue, ...this.#answer()] })));
    this.adopt(secure);
  }

  /** @param {readonly any[]} happenings */
  #queue(happenings) {
    this.#states = this.#states.map((state) => ({ ...state, queue: [...state.queue, ...happenings] }));
  }

  /** The peer does something. @param {import('./sequences.mjs').Step} step */
  async #happen(step) {
    const line = await this.peer.when(step);
    if (line === undefined) return;
    const what = this.peerActions[step.do](line, step);
    if (what === undefined) return;
    if (LOSSES.includes(what)) this.did.add(what);
    const early = this.sequence.way === 'on' || this.sockets.length === 2;
    this.#states = this.#states.map((state) => {
      const last = state.queue.at(-1) ?? '';
      const before = early && !line.tls && (last === 'opens' || last.startsWith('refused:'));
      return { ...state, queue: before ? [...state.queue.slice(0, -1), what, last] : [...state.queue, what] };
    });
  }

  /** Leaves out what cannot be because of how promises have settled. @param {string} when */
  #agree(when) {
    const settled = this.ledger.entries.filter(({ word }) => word !== '');
    const known = reachable(this.#states);
    const possible = known.filter(({ out }) => settled.every((entry) => agrees(entry, out[entry.id])));
    if (possible.length === 0) throw contradiction(when, known, settled, () => false);
    // Whatever else they may come to is found again from the first of them.
    this.#states = possible;
    const [fault] = [...this.ledger.faults, ...this.faults];
    if (fault !== undefined) throw new Error(`${when}: ${fault}`);
  }

  /** Waits until everything has come that has to come. @param {string} when */
  async #check(when) {
    const deadline = performance.now() + DEADLINE_MS;
    for (let wait = 0; ; wait = Math.min(wait + 1, 20)) {
      await (wait < 3 ? turn() : sleep(wait));
      this.#agree(when);
      const { entries } = this.ledger;
      const final = this.#states.filter((state) => !notices(state).some(({ by }) => this.#isDue(by, state)));
      const there = final.filter((state) =>
        entries.every((entry) => agrees(entry, state.out[entry.id]) && !this.#owes(state, entry)),
      );
      // Not only those: what nobody waits for may be noticed later.
      if (there.length > 0) return;
      if (performance.now() > deadline)
        throw contradiction(`${when}, after ${DEADLINE_MS / 1000} s`, final, entries, (state, entry) =>
          this.#owes(state, entry),
        );
    }
  }

  /** Whether something has to be noticed, sooner or later. @param {string} by @param {State} state */
  #isDue(by, state) {
    const on = state.sockets.length - 1;
    const { phase, bound } = state.sockets[on];
    const stalled = this.peer.line?.stalled ?? false;
    if (by === 'flush') return !stalled || (phase === 'closing' && bound);
    if (by === 'handed') return !stalled && state.sockets[0].made;
    if (by === 'doom') return !stalled && phase === 'open';
    if (by === 'break' || phase === 'closing') return false;
    const [head] = state.queue;
    const secure = this.sequence.way === 'on' || this.sockets.length === 2;
    if (head === 'opens' || head.startsWith('refused'))
      return !secure || (!stalled && !this.did.has('unsure'));
    if (this.did.has('unsure')) return false;
    return phase === 'connecting' || this.reads(on) || this.unread(on) === 0;
  }

  /** Whether somebody waits for data. @param {number} on */
  reads(on) {
    return this.ledger.entries.some(
      ({ kind, on: of, word }) => of === on && (kind === 'read' || kind === 'consume') && word === '',
    );
  }

  /** What the peer has sent and was not read. @param {number} on */
  unread(on) {
    const { line } = this.peer;
    if (line === undefined) return 0;
    const sent = this.sequence.way === 'on' || on === 1 ? line.sentSecret : line.sentPlain;
    return sent - this.got[on].length;
  }

  /** Whether a promise that the model leaves open has to settle all the same, because there is data or room. @param {State} state @param {import('./ledger.mjs').Entry} entry */
  #owes({ sockets }, { on, kind, word, takes }) {
    const { phase, read, write } = sockets[on];
    if (word !== '' || phase !== 'open') return false;
    if (kind === 'read')
      return read === 'open' && this.unread(on) > 0 && LOSSES.every((one) => !this.did.has(one));
    if (kind === 'ready' && this.sequence.highWaterMark === 0) return false;
    return takes === 'resolved' && write === 'open' && !(this.peer.line?.stalled ?? false);
  }

  /** Whether nothing is pending, and the connection open. */
  #isIdle() {
    const idle = ['readerClosed', 'writerClosed'];
    const open = this.#states.every(
      ({ sockets, queue }) => sockets.at(-1).phase === 'open' && queue.length === 0,
    );
    // A BYOB read that was let go is still in its stream, and nobody can tell.
    const letGo = this.did.has('let go 0') || this.did.has('let go 1');
    return (
      open && !letGo && this.ledger.entries.every(({ kind, word }) => word !== '' || idle.includes(kind))
    );
  }

  /** Nobody has it any more: garbage collection closes it. */
  async #drop() {
    this.sockets = [];
    this.readers = [];
    this.writers = [];
    // An error whose stack nobody has looked at has all that it was thrown through.
    for (const entry of this.ledger.entries) entry.reason = undefined;
    const { line } = this.peer;
    line?.stall(false);
    const gone = () => line === undefined || line.end !== 'open' || line.tcp.destroyed;
    const deadline = performance.now() + DEADLINE_MS;
    for (let wait = 5; !gone() && performance.now() < deadline; wait = Math.min(2 * wait, 500)) {
      globalThis.gc?.();
      await sleep(wait);
    }
    if (!gone() && globalThis.gc) throw new Error('a socket that nobody has is not closed');
  }

  /** Everything ends, and then nothing may be open. */
  async #part() {
    for (const [on] of this.sockets.entries()) this.userActions.close(on, { do: 'close', which: 'none' });
    await this.#check('after close()');
    const pending = this.ledger.entries.filter(({ word }) => word === '');
    if (pending.length > 0)
      throw new Error(`after close() ${pending.map(({ name }) => name).join(', ')} never settles`);
    await this.checkBytes();
  }
}
