/** What a soak needs around it: the peers, PostgreSQL, and the process that is looked at. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Child } from '../../bench/child.mjs';
import { peerExecutable, Server } from '../../bench/server.mjs';
import { clearedEnvironment, slowness } from '../fixtures/environment.mjs';
import { createAuthority } from '../fixtures/pki.mjs';
import { startPostgres } from '../fixtures/postgres.mjs';

/** Where nobody listens. No port that connections come from: one of those could meet itself there. */
const NOBODY = 1;

/** Seconds, times WINTERSOCK_SLOWNESS. */
const patience = (seconds) => seconds * slowness;

const script = (name) => fileURLToPath(new URL(name, import.meta.url));

export class Surroundings {
  /** @type {import('./ground.mjs').Places} */
  places;
  #ends = [];

  /** @param {{ database?: boolean }} [options] */
  static async open({ database = false } = {}) {
    const around = new Surroundings();
    try {
      await around.#open(database);
    } catch (error) {
      await around.close();
      throw error;
    }
    return around;
  }

  async #open(database) {
    const peer = new Child([process.execPath, [script('peer.mjs')]]);
    this.#ends.push(() => peer.end());
    const { ports, ca } = await peer.next(patience(30));
    // Node takes five times as long for a connection: with it, the peer is the limit.
    const plain = { echo: ports.echo, source: ports.source };
    const tls = { echo: ports.echoTls, source: ports.sourceTls };
    this.places = { ports: { ...ports, refused: NOBODY }, plain, tls, ca: [ca] };
    if (existsSync(peerExecutable)) {
      const server = await Server.start();
      this.#ends.push(() => server.end());
      plain.echo = server.ports.plain.echo;
      tls.echo = server.ports.tls.echo;
      this.places.ca.push(server.ca);
    }
    if (!database) return;
    const authority = await createAuthority();
    const credentials = await authority.issue({ names: ['localhost', '127.0.0.1'] });
    const postgres = await startPostgres({ credentials });
    this.#ends.push(() => postgres.stop());
    const { port, user, password } = postgres;
    this.places.database = { port, user, password, database: postgres.database, ca: authority.certPem };
  }

  /**
   * Runs a program of this directory with a job, and gives what it says line by line. Rejects if it does not end by itself, and well, within
   * so many seconds, times WINTERSOCK_SLOWNESS.
   * @param {string} name @param {object} job
   * @param {{ node?: string, io?: string | undefined, seconds: number, env?: NodeJS.ProcessEnv }} options
   * @param {(line: any) => void} told
   */
  async run(name, job, { node = process.execPath, io, seconds, env = {} }, told) {
    const own = { ...clearedEnvironment(), ...env, ...(io && { WINTERSOCK_IO: io }) };
    const args = ['--expose-gc', script(name), JSON.stringify({ places: this.places, ...job })];
    const child = spawn(node, args, { env: own, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    let complaints = '';
    child.stderr.setEncoding('utf8').on('data', (text) => {
      complaints = (complaints + text).slice(-4000);
    });
    createInterface({ input: child.stdout }).on('line', (line) => told(JSON.parse(line)));
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, patience(seconds) * 1000);
    const [code, signal] = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (...how) => resolve(how));
    });
    clearTimeout(timer);
    process.off('exit', kill);
    if (late) throw new Error(`${name} did not end by itself\n${complaints}`);
    if (code !== 0 || complaints !== '')
      throw new Error(`${name}: ${signal ?? `exit code ${code}`}\n${complaints}`);
  }

  async close() {
    for (const end of this.#ends.splice(0).reverse()) await end();
  }
}
