/** Performs a sequence with a real socket and a real peer, and holds what comes of it against the model. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { closedPort } from '../fixtures/closed-port.mjs';
import { Actions } from './actions.mjs';
import { agrees, Ledger, wordOf } from './ledger.mjs';
import { begin, makes, notices, operations, refusal } from './model.mjs';
import { Peer } from './peer.mjs';

/** Within this time everything comes that has to come. close() may take a second by itself. */
const DEADLINE_MS = 8000;
/** More states than sequences of this length come to. */
const MANY = 20_000;
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
    this.track('closed', on, socket.closed);
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
    return this.#reachable().some(({ sockets }) => ['open', 'ending'].includes(sockets[on].write))
      ? 'resolved'
      : '';
  }

  /** @param {import('./sequences.mjs').Step} step */
  async #step(step) {
    const on = step.old ? 0 : this.sockets.length - 1;
    const { line } = this.peer;
    if (step.do === 'quiet') await this.#check('in between');
    else if (step.do === 'microtasks') for (let left = step.times ?? 0; left > 0; left -= 1) await undefined;
    else if (step.do === 'turns') for (let left = step.times ?? 0; left > 0; left -= 1) await turn();
    else if (step.do in this.peerActions) await this.#happen(step, line);
    else this.userActions[step.do](on, step);
    this.#agree(`after ${JSON.stringify(step)}`);
  }

  /** What the user does, to all states. @param {string} name @param {number} on @param {string} [word] */
  operate(name, on, word = '') {
    this.#states = unique(this.#reachable().map((state) => operations[name](state, on, word)));
  }

  /** @param {number} on */
  upgrade(on) {
    const reachable = this.#reachable();
    let word = '';
    let secure;
    try {
      secure = this.sockets[on].startTls({ ca: this.trust.ca });
    } catch (error) {
      word = wordOf(error);
    }
    const allowed = reachable.filter((state) =>
      refusal(state, on, this.sequence.way).split('|').includes(word),
    );
    if (allowed.length === 0) {
      const should = new Set(reachable.map((state) => refusal(state, on, this.sequence.way)));
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

  /** The peer does something. @param {import('./sequences.mjs').Step} step @param {import('./peer.mjs').Line} [line] */
  async #happen(step, line) {
    if (line === undefined) {
      // Whoever has given up may never be there.
      await Promise.race([this.peer.accepted, sleep(20)]);
      line = this.peer.line;
    }
    if (line === undefined) return;
    const waits = ['data', 'fin', 'notify'].includes(step.do) && line.tls && !line.secured;
    if (waits && line.stalled) return;
    if (waits) await Promise.race([new Promise((resolve) => line.tls?.once('secure', resolve)), sleep(100)]);
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

  /** All states that the socket may have come to by itself. */
  #reachable() {
    const found = new Map(this.#states.map((state) => [keyOf(state), state]));
    for (const state of found.values()) {
      for (const { state: next } of notices(state)) {
        if (!found.has(keyOf(next))) found.set(keyOf(next), next);
      }
      if (found.size > MANY) throw new Error('the model does not know any more where it is');
    }
    return [...found.values()];
  }

  /** Leaves out what cannot be because of how promises have settled. @param {string} when */
  #agree(when) {
    const settled = this.ledger.entries.filter(({ word }) => word !== '');
    const reachable = this.#reachable();
    const possible = reachable.filter(({ out }) => settled.every((entry) => agrees(entry, out[entry.id])));
    if (possible.length === 0) throw this.#contradiction(when, reachable, settled);
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
        throw this.#contradiction(`${when}, after ${DEADLINE_MS / 1000} s`, final, entries);
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

  /** Everything ends, and then nothing may be open. */
  async #part() {
    for (const [on] of this.sockets.entries()) this.userActions.close(on, { do: 'close', which: 'none' });
    await this.#check('after close()');
    const pending = this.ledger.entries.filter(({ word }) => word === '');
    if (pending.length > 0)
      throw new Error(`after close() ${pending.map(({ name }) => name).join(', ')} never settles`);
    await this.checkBytes();
  }

  /** @param {string} when @param {State[]} states @param {import('./ledger.mjs').Entry[]} entries */
  #contradiction(when, states, entries) {
    const bests = states.map((state) => ({
      state,
      wrong: entries.filter((entry) => !agrees(entry, state.out[entry.id]) || this.#owes(state, entry)),
    }));
    bests.sort((a, b) => a.wrong.length - b.wrong.length);
    const [{ state, wrong } = { state: undefined, wrong: entries }] = bests;
    const said = wrong.map(({ name, word, id, reason }) => {
      const should = state?.out[id] ?? (word === '' ? 'settled: there is data, or room' : 'pending');
      return `${name} is ${word || 'pending'}, and should be ${should}${reason instanceof Error ? ` (${reason.message})` : ''}`;
    });
    const phases = state?.sockets.map(({ phase, read, write }) => `${phase}/${read}/${write}`).join(', ');
    return new Error(`${when}: ${said.join('; ')} [${phases}; not noticed: ${state?.queue.join(' ')}]`);
  }
}

/** @param {State} state */
const keyOf = ({ sockets, queue, out }) => JSON.stringify([sockets, queue, out]);

/** @param {State[]} states */
const unique = (states) => [...new Map(states.map((state) => [keyOf(state), state])).values()];
