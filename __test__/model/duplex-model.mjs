/**
 * The model of a socket of wintersock/node: what may and what has to come of what was done with it and to it. Facts go in, as they happen;
 * what they allow comes out. In the words of net.Socket: events, and the codes of errors.
 */

/** What a handshake says of whatever else than its answer comes. An end within it is called a reset, as node:tls does. */
const HANDSHAKE = ['ERR_TLS_PROTOCOL', 'ERR_TLS_HANDSHAKE', 'ECONNRESET'];

/** Why there may be an error, by what has happened. @type {Record<string, string[]>} */
const CAUSES = {
  refused: ['ECONNREFUSED'],
  rst: ['ECONNRESET'],
  spoil: ['ERR_TLS_PROTOCOL', 'ECONNRESET'],
  /** Plain text that was not read when TLS began, or that came instead of it. */
  plain: HANDSHAKE,
  garbage: HANDSHAKE,
  /** The peer's end, of any kind, while the handshake was under way. */
  'end within the handshake': HANDSHAKE,
  stranger: ['UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
  'write after end': ['ERR_STREAM_WRITE_AFTER_END'],
  'unshift after end': ['ERR_STREAM_UNSHIFT_AFTER_END_EVENT'],
};

export class DuplexModel {
  /** @type {'connecting' | 'open' | 'securing' | 'secure'} What it is on its way to, if nothing else happens. */
  phase = 'connecting';
  /** @type {Set<string>} */
  facts = new Set();
  /** Reasons it was destroyed with. @type {Set<string>} */
  reasons = new Set();
  /** Its own end was asked for. */
  ends = false;
  destroyed = false;

  /** @param {{ halfOpen: boolean, secure: boolean, refused: boolean }} options */
  constructor({ halfOpen, secure, refused }) {
    this.halfOpen = halfOpen;
    this.secure = secure;
    if (refused) this.facts.add('refused');
  }

  /** @param {string} fact */
  happened(fact) {
    this.facts.add(fact);
  }

  /** Something of the peer that ends. @param {'fin' | 'cut' | 'rst' | 'spoil'} what @param {boolean} within The handshake is not done. */
  peerEnds(what, within) {
    this.facts.add(what);
    if (within) this.facts.add('end within the handshake');
  }

  /** @param {string} [reason] */
  destroys(reason) {
    if (reason !== undefined && !this.destroyed) this.reasons.add(reason);
    this.destroyed = true;
  }

  /** Something is done that the stream itself answers with an error. @param {string} fact */
  errs(fact) {
    this.facts.add(fact);
    this.destroyed = true;
  }

  /** destroySoon(): when all is written. */
  endsSoon() {
    this.ends = true;
    this.facts.add('soon');
    this.facts.delete('corked');
  }

  /** Whether an error with that code may be emitted. @param {string} code */
  allows(code) {
    // What follows an end without close_notify is told as that, which nothing was said of before.
    if (code === 'ERR_TLS_TRUNCATED') return this.facts.has('cut') && this.facts.has('rst');
    return this.reasons.has(code) || [...this.facts].some((fact) => CAUSES[fact]?.includes(code));
  }

  /** Whether something may keep it from what it is on its way to. */
  get troubled() {
    return (
      this.destroyed || [...this.facts].some((fact) => fact in CAUSES || fact === 'fin' || fact === 'cut')
    );
  }

  /** Whether startTls() has to throw, and whether it may. @param {{ unread: boolean, ended: boolean }} now */
  refusal({ unread, ended }) {
    const must = this.secure || this.destroyed || unread || ended;
    return { must, may: must || this.troubled };
  }

  startsTls() {
    this.secure = true;
    this.phase = 'securing';
  }

  /**
   * The events that have to have come. `reads`: somebody reads whatever comes. `room`: the peer reads, too.
   * @param {{ reads: boolean, room: boolean, got: boolean }} now `got`: all that the peer sent was read.
   */
  due({ reads, room, got }) {
    const due = [];
    const { facts } = this;
    if (this.destroyed || facts.has('refused')) return ['close'];
    if (!this.troubled && !this.waits) due.push('connect');
    if (!this.troubled && room && this.phase === 'securing' && !this.waits) due.push('secureConnect');
    if (!reads || !got) return due;
    if (facts.has('rst') && !facts.has('unsure')) return [...due, 'close'];
    if (facts.has('spoil') && !facts.has('unsure') && this.secure) return [...due, 'close'];
    // Whether its end comes first is a matter of luck.
    if (facts.has('soon')) return due;
    const ended =
      facts.has('fin') && !facts.has('rst') && !facts.has('end within the handshake') && !facts.has('plain');
    if (ended && room && !this.hangs) due.push('end');
    if (ended && room && !this.hangs && (!this.halfOpen || this.ends)) due.push('close');
    return due;
  }

  /** The handshake is never answered. */
  waits = false;

  /** It cannot come to an end by itself. */
  get hangs() {
    return this.waits || this.facts.has('garbage') || this.facts.has('stranger') || this.facts.has('corked');
  }
}
