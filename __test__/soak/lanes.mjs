/** Lives of one thread, one after the other and beside each other, at a rate. */
import { setTimeout as sleep } from 'node:timers/promises';
import { failures } from './failures.mjs';
import { good, secure } from './lives.mjs';

/** Milliseconds between two looks at the clock. */
const TICK = 10;
/** Lives of one kind at a time. More, and the machine is what is too slow. */
const TOGETHER = 48;

/**
 * What was counted so far.
 * @typedef {object} Counts
 * @property {number} tcp Connections without TLS that were made, and went as they should.
 * @property {number} tls The same with TLS.
 * @property {Record<string, number>} expected Errors that had to be, by their code.
 * @property {Record<string, number>} wrong Everything else, by the life and what was wrong.
 */

/** Lives of one kind, in turns: each as often as its share. */
class Kind {
  /** How many may begin now. */
  due = 0;
  running = 0;
  #next = 0;
  #turns;

  /** @param {Record<string, import('./lives.mjs').Life>} lives @param {number} rate How many begin in a second. */
  constructor(lives, rate) {
    this.rate = rate;
    const all = Object.entries(lives).flatMap(([name, life]) => {
      return Array.from({ length: life.share ?? 1 }, (_, turn) => ({
        name,
        life,
        at: (turn + 0.5) / (life.share ?? 1),
      }));
    });
    this.#turns = all.sort((one, other) => one.at - other.at);
  }

  next() {
    return this.#turns[this.#next++ % this.#turns.length];
  }
}

export class Lanes {
  /** @type {Counts} */
  counts = { tcp: 0, tls: 0, expected: {}, wrong: {} };
  #ground;
  #kinds;
  #timer;
  #paused = true;
  #last = performance.now();

  /** @param {import('./ground.mjs').Ground} ground @param {{ tcp: number, tls: number, failing: number }} rates */
  constructor(ground, { tcp, tls, failing }) {
    this.#ground = ground;
    this.#kinds = [new Kind(good, tcp), new Kind(secure, tls), new Kind(failures, failing)];
  }

  start() {
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  resume() {
    this.#paused = false;
  }

  /** Begins nothing any more. Resolves when all that was begun is over. */
  async pause() {
    this.#paused = true;
    while (this.#kinds.some(({ running }) => running > 0)) await sleep(TICK);
  }

  async stop() {
    await this.pause();
    clearInterval(this.#timer);
  }

  #tick() {
    const now = performance.now();
    const passed = (now - this.#last) / 1000;
    this.#last = now;
    for (const kind of this.#kinds) {
      // What a rest has held up is made good, within bounds.
      kind.due = Math.min(kind.due + kind.rate * passed, kind.rate * 5);
      while (!this.#paused && kind.due >= 1 && kind.running < TOGETHER) {
        kind.due -= 1;
        this.#live(kind);
      }
    }
  }

  async #live(kind) {
    const { name, life } = kind.next();
    kind.running += 1;
    const { counts } = this;
    const outcome = await outcomeOf(life, this.#ground);
    if (outcome !== (life.fails ?? 'nothing')) add(counts.wrong, `${name}: ${outcome}`);
    else if (life.counts) counts[life.counts] += 1;
    else add(counts.expected, outcome);
    kind.running -= 1;
  }
}

/** The code, name or message of what a life failed with. @param {import('./lives.mjs').Life} life @param {import('./ground.mjs').Ground} ground */
export async function outcomeOf(life, ground) {
  try {
    await life.run(ground);
    return 'nothing';
  } catch ({ code, name, message }) {
    if (typeof code === 'string') return code;
    return name === 'Error' ? message : name;
  }
}

/** @param {Record<string, number>} counts @param {string} name @param {number} [more] */
export function add(counts, name, more = 1) {
  counts[name] = (counts[name] ?? 0) + more;
}

/** What several threads have counted. @param {Counts[]} all @returns {Counts} */
export function total(all) {
  /** @type {Counts} */
  const sum = { tcp: 0, tls: 0, expected: {}, wrong: {} };
  for (const { tcp, tls, expected, wrong } of all) {
    sum.tcp += tcp;
    sum.tls += tls;
    for (const [name, count] of Object.entries(expected)) add(sum.expected, name, count);
    for (const [name, count] of Object.entries(wrong)) add(sum.wrong, name, count);
  }
  return sum;
}
