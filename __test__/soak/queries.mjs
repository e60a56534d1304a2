/** A driver at work every so often: an unmodified pg, over a duplex that goes over to TLS as PostgreSQL wants it. */
import { setTimeout as sleep } from 'node:timers/promises';

const EVERY = 1000;
const ROWS = 2000;

export class Database {
  done = 0;
  /** @type {string[]} */
  wrong = [];
  #ground;

  /** @param {import('./ground.mjs').Ground} ground */
  constructor(ground) {
    this.#ground = ground;
  }

  /** Connects, asks, and ends, again and again. @param {number} until @param {() => number} now In seconds. */
  async query(until, now) {
    const { database } = this.#ground;
    if (database === undefined) return;
    const { default: pg } = await import('pg');
    while (now() < until) {
      try {
        await this.#once(pg, database);
        this.done += 1;
      } catch (error) {
        this.wrong.push(`a query: ${error}`);
      }
      await sleep(EVERY);
    }
  }

  async #once(pg, { ca, ...access }) {
    const stream = () => this.#ground.postgres({ ca });
    const client = new pg.Client({ ...access, host: '127.0.0.1', ssl: false, stream });
    await client.connect();
    try {
      const { rows } = await client.query(
        'SELECT i, md5(i::text) AS hash FROM generate_series(1, $1::int) i',
        [ROWS],
      );
      if (rows.length !== ROWS || rows[ROWS - 1].i !== ROWS) throw new Error('a result that is not whole');
    } finally {
      await client.end();
    }
  }
}
