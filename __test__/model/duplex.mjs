/** Performs a sequence with a real socket of wintersock/node and a real peer, and holds what comes of it against the model. */
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { createConnection } from 'wintersock/node';
import { closedPort } from '../fixtures/closed-port.mjs';
import { checkBytes } from './duplex-bytes.mjs';
import { DuplexModel } from './duplex-model.mjs';
import { finales } from './duplex-sequences.mjs';
import { wordOf } from './ledger.mjs';
import { patternAt, Received } from './pattern.mjs';
import { Peer } from './peer.mjs';
import { pass, passes } from './sequences.mjs';

/** Within this time everything comes that has to come. */
const DEADLINE_MS = 8000;
/** Events that come once at most. */
const ONCE = ['connect', 'ready', 'secureConnect', 'end', 'finish', 'error', 'close'];
/** A timer of setTimeout() is no end. */
const EVENTS = [...ONCE, 'timeout', 'drain'];

/** @typedef {import('./sequences.mjs').Step} Step @typedef {import('./peer.mjs').Line} Line */

export class DuplexMachine {
  /** Events in their order. @type {string[]} */
  #events = [];
  #got = new Received();
  /** Bytes of the plain part, and over TLS, of what was handed out. What is unshifted comes again. */
  #issued = 0;
  /** Callbacks of writes, and how often each was called. @type {{ size: number, calls: number, word: string }[]} */
  #writes = [];
  /** @type {Buffer | undefined} */
  #last;
  #reads = false;
  /** @type {string[]} */
  #faults = [];
  /** Bytes that were written before TLS. */
  #before = 0;

  /** @param {import('./duplex-sequences.mjs').DuplexSequence} sequence @param {import('./machine.mjs').Trust} trust */
  constructor(sequence, trust) {
    this.sequence = sequence;
    this.trust = trust;
    this.model = new DuplexModel({
      halfOpen: sequence.halfOpen,
      secure: sequence.secure,
      refused: sequence.refused,
    });
  }

  async perform() {
    const { secure, tls, handshake, refused, halfOpen, highWaterMark, steps, finale } = this.sequence;
    this.peer = await Peer.open({
      handshake,
      contexts: this.trust[handshake === 'stranger' ? 'stranger' : 'completes'][tls],
    });
    try {
      this.socket = createConnection({
        port: refused ? await closedPort() : this.peer.port,
        host: '127.0.0.1',
        allowHalfOpen: halfOpen,
        secureTransport: secure ? 'on' : 'off',
        ca: this.trust.ca,
        ...(highWaterMark >= 0 && { highWaterMark }),
      });
      if (secure) this.#securing();
      this.#watch(this.socket);
      for (const step of steps) await this.#step(step);
      await this.#check('before the end');
      for (const step of finales[finale]) await this.#step(step);
      await this.#check('at the end');
      this.#user.destroy({ do: 'destroy' });
      await this.#check('after destroy()');
      await checkBytes({
        ...{
          line: this.peer.line,
          model: this.model,
          events: this.#events,
          got: this.#got,
          issued: this.#issued,
        },
        plainly: this.sequence.secure ? 0 : this.#before,
      });
    } finally {
      this.socket?.on('error', () => {}).destroy();
      await this.peer.close();
    }
  }

  /** @param {import('wintersock/node').Socket} socket */
  #watch(socket) {
    for (const event of EVENTS) {
      socket.on(event, (/** @type {unknown} */ value) => {
        if (this.#events.includes('close')) this.#faults.push(`${event} after close`);
        if (ONCE.includes(event) && this.#events.includes(event)) this.#faults.push(`${event} twice`);
        this.#events.push(event);
        if (event === 'error' && !this.model.allows(wordOf(value)))
          this.#faults.push(`the error ${wordOf(value)}: ${/** @type {any} */ (value)?.message}`);
      });
    }
  }

  /** TLS begins, or is going to. */
  #securing() {
    const { handshake } = this.sequence;
    this.model.startsTls();
    if (handshake === 'silent') this.model.waits = true;
    else if (handshake !== 'completes') this.model.happened(handshake);
  }

  /** @param {Step} step */
  async #step(step) {
    if (step.do === 'quiet') await this.#check('in between');
    else if (passes(step)) await pass(step);
    else if (step.do in this.#peer) {
      const line = await this.peer.when(step);
      if (line) this.#peer[step.do](line, step);
    } else this.#user[step.do](step);
    if (this.#faults.length > 0)
      throw new Error(
        `after ${JSON.stringify(step)}: ${this.#faults.join('; ')} [${this.#events.join(' ')}]`,
      );
  }

  /** @param {Line} line @param {'fin' | 'cut' | 'rst' | 'spoil'} what @param {() => void} end */
  #peerEnds(line, what, end) {
    if (line.over) return;
    this.model.peerEnds(what, this.model.secure && !line.secured);
    end();
  }

  /** @type {Record<string, (line: Line, step: Step) => void>} */
  #peer = {
    data: (line, { size = 1 }) => {
      if (line.over) return;
      if (this.model.secure && !line.tls) this.model.happened('plain');
      line.data(size);
    },
    fin: (line) => this.#peerEnds(line, 'fin', () => line.fin()),
    notify: (line) => line.tls && this.#peerEnds(line, 'fin', () => line.notify()),
    cut: (line) => line.tls && this.#peerEnds(line, 'cut', () => line.cut()),
    spoil: (line) => line.tls && this.#peerEnds(line, 'spoil', () => line.spoil()),
    rst: (line) => {
      if (line.tcp.destroyed) return;
      if (line.over) this.model.happened('unsure');
      this.model.peerEnds('rst', this.model.secure && !line.secured);
      line.rst();
    },
    stall: (line) => line.stall(true),
    unstall: (line) => line.stall(false),
  };

  /** Once it is closed, only read() still gives what is left: as net.Socket's. @param {Buffer | string} chunk @param {string} last */
  #arrived(chunk, last = 'close') {
    if (this.#events.includes('end') || this.#events.includes(last)) this.#faults.push('data after the end');
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk;
    this.#last = bytes;
    this.#got.add(bytes);
  }

  /** @type {Record<string, (step: Step) => void>} */
  #user = {
    write: ({ size = 0 }) => {
      if (this.model.ends && !this.socket.destroyed) this.model.errs('write after end');
      const write = { size, calls: 0, word: '' };
      this.#writes.push(write);
      const counts = !this.model.ends && !this.socket.destroyed;
      const at = this.#issued;
      if (counts) this.#issued += size;
      this.socket.write(patternAt(at, size), (error) => {
        write.calls += 1;
        write.word = error ? wordOf(error) : 'taken';
        if (write.calls > 1) this.#faults.push('a callback of write() is called twice');
      });
    },
    flow: () => {
      if (!this.#reads) this.socket.on('data', (chunk) => this.#arrived(chunk));
      this.#reads = true;
      this.socket.resume();
    },
    read: ({ size }) => {
      if (this.#reads) return;
      const chunk = this.socket.read(size);
      if (chunk !== null) this.#arrived(chunk, 'end');
    },
    pause: () => void this.socket.pause(),
    resume: () => this.#user.flow({ do: 'flow' }),
    setEncoding: () => void (this.socket.readableLength === 0 && this.socket.setEncoding('latin1')),
    unshift: () => {
      const bytes = this.#last;
      if (!bytes || this.socket.readableEnded || this.socket.destroyed || this.#events.includes('end'))
        return;
      this.#last = undefined;
      this.#got.back(bytes.length);
      this.socket.unshift(this.socket.readableEncoding ? bytes.toString('latin1') : bytes);
    },
    cork: () => {
      this.model.happened('corked');
      this.socket.cork();
    },
    uncork: () => {
      this.socket.uncork();
      if (this.socket.writableCorked === 0) this.model.facts.delete('corked');
    },
    end: ({ size = 0 }) => {
      if (this.model.ends) return;
      if (size > 0) this.#user.write({ do: 'write', size });
      this.socket.end();
      this.model.ends = true;
      // The end lets go of what is corked.
      this.model.facts.delete('corked');
    },
    destroy: ({ which }) => {
      const error =
        which === 'error' ? Object.assign(new Error('destroyed'), { code: 'DESTROYED' }) : undefined;
      this.model.destroys(error?.code);
      this.socket.destroy(error);
    },
    destroySoon: () => {
      this.socket.destroySoon();
      this.model.endsSoon();
    },
    resetAndDestroy: () => {
      this.model.destroys();
      this.model.happened('reset');
      this.socket.resetAndDestroy();
    },
    startTls: () => {
      const { socket, model } = this;
      const { must, may } = model.refusal({
        unread: socket.readableLength > 0,
        ended: socket.writableEnded || this.#events.includes('end'),
      });
      const left = (this.peer.line?.sentPlain ?? 0) > socket.bytesRead;
      let word = '';
      try {
        socket.startTls({ ca: this.trust.ca });
      } catch (error) {
        word = wordOf(error);
      }
      if (word !== '' && word !== 'ERR_INVALID_STATE') this.#faults.push(`startTls() throws ${word}`);
      if (word === '' && must) this.#faults.push('startTls() does not throw');
      if (word !== '' && !may) this.#faults.push('startTls() throws');
      if (word !== '') return;
      if (left) model.happened('plain');
      if (this.peer.line?.over) model.happened('end within the handshake');
      this.#before = this.#issued;
      this.#issued = 0;
      this.#got = new Received();
      this.#last = undefined;
      this.#securing();
    },
    setTimeout: ({ size = 0 }) => void this.socket.setTimeout(size),
    unref: () => void this.socket.unref(),
    ref: () => void this.socket.ref(),
  };

  /** Waits until everything has come that has to come. @param {string} when */
  async #check(when) {
    const deadline = performance.now() + DEADLINE_MS;
    for (let wait = 0; ; wait = Math.min(wait + 1, 20)) {
      await (wait < 3 ? turn() : sleep(wait));
      if (this.#faults.length > 0)
        throw new Error(`${when}: ${this.#faults.join('; ')} [${this.#events.join(' ')}]`);
      const missing = this.#missing();
      if (missing.length === 0) return;
      if (performance.now() > deadline)
        throw new Error(
          `${when}, after ${DEADLINE_MS / 1000} s: no ${missing.join(', no ')} [${this.#events.join(' ')}]`,
        );
    }
  }

  /** What has to have come, and has not. */
  #missing() {
    const { line } = this.peer;
    const sent = this.model.secure ? line?.sentSecret : line?.sentPlain;
    const reads = this.#reads && !this.socket.isPaused();
    const room = !(line?.stalled ?? false);
    const due = this.model.due({
      reads,
      room,
      got: this.#got.length >= (sent ?? 0) || this.model.facts.has('rst'),
    });
    const missing = due.filter((event) => !this.#events.includes(event));
    const flows = room && !this.model.troubled && !this.model.waits && !this.model.facts.has('corked');
    const over = this.#events.includes('close');
    const called = this.#writes.every(({ calls }) => calls === 1);
    if (!called && (flows || over)) missing.push('callback of a write');
    if (
      reads &&
      !this.model.troubled &&
      !this.model.facts.has('soon') &&
      !this.model.waits &&
      this.#got.length < (sent ?? 0)
    )
      missing.push('data that was sent');
    return missing;
  }
}
