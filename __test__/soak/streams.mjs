/** Connections that live as long as the soak: some carry data all the time, some are idle and have to work at its end. */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { exchange, flow, stream, trip } from './talk.mjs';

/** What is sent and comes back in one round: chunks small and large. */
const ROUND = [1, 3, 1000, 65_000, 17, 40_000, 9000, 65_000, 65_000];
/** Milliseconds between two rounds: they are to be there, not to keep others from working. */
const PAUSE = 50;
/** Of each kind. */
const IDLE = 3;

export class Streams {
  /** Bytes that went there and back, and were the same. */
  verified = 0;
  /** @type {string[]} */
  wrong = [];
  #idle = [];
  #busy;
  #working = new Set();
  #going = true;
  #gate = Promise.resolve();
  #open = () => {};

  /** @param {import('./ground.mjs').Ground} ground */
  constructor(ground) {
    const { plain, tls } = ground;
    const on = { secureTransport: 'on' };
    const webs = [ground.web(plain.echo), ground.web(tls.echo, on)];
    const duplexes = [ground.duplex(plain.echo), ground.duplex(tls.echo, on)];
    const opened = [...webs.map((web) => web.opened), ...duplexes.map((duplex) => once(duplex, 'connect'))];
    this.#busy = [
      ...webs.map((socket) =>
        this.#flow(
          () => stream(socket, ROUND),
          () => socket.close(),
        ),
      ),
      ...duplexes.map((duplex) =>
        this.#flow(
          () => flow(duplex, ROUND),
          () => duplex.end(),
        ),
      ),
    ];
    for (let count = 0; count < IDLE; count += 1) {
      for (const [port, options] of [[plain.echo], [tls.echo, on]]) {
        const [web, duplex] = [ground.web(port, options), ground.duplex(port, options)];
        opened.push(web.opened, once(duplex, 'connect'));
        this.#idle.push(
          () => trip(web).then(() => web.close()),
          () => exchange(duplex),
        );
      }
    }
    this.count = this.#idle.length + this.#busy.length;
    /** Resolves when all are there. */
    this.opened = Promise.all(opened);
  }

  async #flow(round, close) {
    try {
      while (this.#going) {
        await this.#gate;
        const working = round();
        this.#working.add(working);
        await working.finally(() => this.#working.delete(working));
        this.verified += ROUND.reduce((sum, size) => sum + size, 0);
        await sleep(PAUSE);
      }
      await close();
    } catch (error) {
      this.wrong.push(String(error));
    }
  }

  /** Resolves when no round is under way. */
  async pause() {
    this.#gate = new Promise((resolve) => {
      this.#open = resolve;
    });
    await Promise.allSettled([...this.#working]);
  }

  resume() {
    this.#open();
  }

  /** Lets the idle ones show that they still work, and ends all. */
  async end() {
    this.#going = false;
    this.resume();
    await Promise.all(this.#busy);
    const ends = await Promise.allSettled(this.#idle.splice(0).map((end) => end()));
    for (const { reason } of ends) if (reason) this.wrong.push(`idle: ${reason}`);
  }
}
