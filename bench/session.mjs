/**
 * A run: row by row, repetition by repetition, all subjects in rotating order, each measurement in a process of its
 * own.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';
import { Database } from './database.mjs';
import { pinned } from './machine.mjs';
import { jobOf } from './rows.mjs';
import { Server } from './server.mjs';
import { rotated } from './statistics.mjs';

/** What would change how a client works, or whom it trusts. */
const removed = /^(NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_USE_\w+|SSL_CERT_\w+|WINTERSOCK_\w+|PG\w+)$/;
const root = fileURLToPath(new URL('..', import.meta.url));
/** Seconds that a measurement may take at most. */
const PATIENCE = 60;

/**
 * @typedef {object} Measurement One subject, one row, one version of Node.
 * @property {string} row
 * @property {string} subject
 * @property {string} node The version.
 * @property {(Record<string, number> | undefined)[]} repetitions `undefined`: it failed.
 * @property {number[]} load Of the server, 0 to 1, in each repetition.
 * @property {string} [error] The first.
 *
 * @typedef {{ version: string, executable: string }} Node
 */

/** A directory that goes with this process, however it ends. */
function scratchDirectory() {
  const directory = mkdtempSync(join(tmpdir(), 'wintersock-bench-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

export class Session {
  #pinning;
  #quick;
  #repetitions;
  #scratch = scratchDirectory();
  #ca;
  /** @type {Partial<Record<import('./rows.mjs').Row['cores'], Server>>} */
  #servers = {};
  #database;

  /** @param {{ pinning: import('./machine.mjs').Pinning, quick: boolean, repetitions: number }} how */
  constructor({ pinning, quick, repetitions }) {
    this.#pinning = pinning;
    this.#quick = quick;
    this.#repetitions = repetitions;
  }

  /**
   * Measures one row.
   * @param {import('./rows.mjs').Row} row @param {readonly import('./subjects.mjs').Subject[]} subjects
   * @param {Node} node
   * @returns {Promise<Measurement[]>}
   */
  async measure(row, subjects, node) {
    const measured = subjects.map(({ name }) => ({
      row: row.id,
      subject: name,
      node: node.version,
      repetitions: [],
      load: [],
    }));
    let server;
    let job;
    try {
      server = await this.#server(row.cores);
      job = { ...jobOf(row, this.#quick), ...(await this.#place(row, server)) };
    } catch (error) {
      // A row without its server does not take the other rows with it.
      return measured.map((measurement) => ({ ...measurement, error: error.message }));
    }
    const repetitions = this.#quick && row.steady ? 1 : this.#repetitions;
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      for (const subject of rotated(subjects, repetition)) {
        const measurement = measured.find(({ subject: name }) => name === subject.name);
        try {
          const { figures, load } = await this.#once(subject, { node: node.executable, row }, server, job);
          measurement.repetitions[repetition] = figures;
          if (row.workload !== 'pg') measurement.load.push(load);
        } catch (error) {
          measurement.repetitions[repetition] = undefined;
          measurement.error ??= error.message;
        }
      }
    }
    return measured;
  }

  async #once(subject, context, server, job) {
    const { command, args, env } = subject.launch(context);
    const child = new Child(pinned(command, args, this.#pinning.client), {
      cwd: root,
      env: {
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !removed.test(name))),
        NODE_EXTRA_CA_CERTS: this.#ca,
        ...env,
      },
    });
    try {
      await child.next(PATIENCE);
      const before = await server.usage();
      const { error, ...figures } = await child.ask(JSON.stringify(job), PATIENCE);
      if (error) throw new Error(error);
      return { figures, load: await server.load(before) };
    } finally {
      await child.end();
    }
  }

  async #server(cores) {
    this.#servers[cores] ??= await Server.start(this.#pinning.server[cores]);
    return this.#servers[cores];
  }

  /** Where a job finds its server, and what vouches for it. */
  async #place({ workload, tls, cores, noTickets }, { ports, ca }) {
    this.#ca = join(this.#scratch, 'ca.pem');
    writeFileSync(this.#ca, ca);
    const { echo_no_tickets: first, ...usual } = ports[tls ? 'tls' : 'plain'];
    const place = { host: '127.0.0.1', ports: noTickets ? { ...usual, echo: first } : usual, ca };
    if (workload !== 'pg') return place;
    this.#database ??= await Database.start(this.#scratch, this.#pinning.server[cores]);
    return { ...place, database: this.#database.access };
  }

  /** Stops all that was started. */
  async end() {
    await Promise.all([...Object.values(this.#servers).map((server) => server.end()), this.#database?.end()]);
  }
}
