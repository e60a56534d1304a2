/** A line with a process at each end: the peer, and the client in which the package runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { root } from '../../scripts/workspace.mjs';
import { clearedEnvironment, slowness } from '../fixtures/environment.mjs';
import { conditions, inside, Line } from './line.mjs';

/** A Node process in a namespace that is asked by messages. */
class Program {
  #child;
  #gone;
  #asked = new Map();
  #nextId = 1;
  output = '';
  /** @type {(message: object) => void} */
  heard = () => {};

  /** @param {string} namespace @param {string} node @param {string[]} args @param {object} env */
  constructor(namespace, node, args, env = {}) {
    const [command, all] = inside(namespace, node, args);
    this.#child = spawn(command, all, {
      cwd: root,
      env: { ...clearedEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text;
      });
    }
    this.ended = once(this.#child, 'close').then(([code, signal]) => {
      const how = signal ?? `exit code ${code}`;
      this.#gone = new Error(`${args.at(-1)} ended with ${how}\n${this.output}`);
      for (const { reject } of this.#asked.values()) reject(this.#gone);
      return how;
    });
    this.#child.on('message', (message) => {
      const asked = this.#asked.get(message.id);
      if (message.method !== undefined || asked === undefined) return this.heard(message);
      this.#asked.delete(message.id);
      if (message.error === undefined) asked.resolve(message.result);
      else asked.reject(new Error(message.error));
    });
  }

  ask(method, params = {}) {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#gone) return reject(this.#gone);
      this.#asked.set(id, { resolve, reject });
      this.say({ id, method, params });
    });
  }

  say(message) {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** How it ends by itself; undefined if it does not. @param {number} patience */
  async end(patience) {
    let timer;
    const late = new Promise((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    const how = await Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
    if (how === undefined) await this.kill();
    return how;
  }

  async kill() {
    this.#child.kill('SIGKILL');
    await this.ended;
  }
}

const file = (name) => fileURLToPath(new URL(name, import.meta.url));

export class Stage {
  #line;
  #peer;
  #client;
  #authority;

  /**
   * @param {object} options
   * @param {string} options.node The executable of the client.
   * @param {string} options.io Its WINTERSOCK_IO.
   * @param {'own' | 'netem'} options.kind @param {number} options.seed @param {boolean} options.impatient As Line.start().
   */
  static async open({ node, io, kind, seed, impatient }) {
    const stage = new Stage();
    stage.#line = await Line.start({ kind, seed, impatient });
    const { client, server } = stage.#line;
    try {
      stage.#peer = new Program(server, process.execPath, [file('peer.mjs')], { LD_PRELOAD: '' });
      stage.#client = new Program(client, node, ['--expose-gc', file('client.mjs')], { WINTERSOCK_IO: io });
      stage.#authority = await stage.#peer.ask('authority');
    } catch (error) {
      await stage.kill();
      throw error;
    }
    return stage;
  }

  /**
   * Runs a workload with several kinds of connections at a time.
   * @param {import('./workloads/index.mjs').Workload} workload
   * @param {{ condition: string, size: number, subjects: { api: string, security: string }[] }} how
   * @returns {Promise<{ results: object[], wrong: string[], packets: Record<string, number> }>} `packets`: what the line did meanwhile, by its counters.
   */
  async run(workload, { condition, size, subjects }) {
    const members = conditions[condition];
    const own = this.#line.kind === 'own' ? ['drop', 'refuse both nothing'] : [];
    await this.#line.tell([...own, `line both ${members}`]);
    const prepared = await this.#peer.ask('prepare', { workload: workload.name, size });
    const listening = await Promise.all(
      subjects.map(async ({ api, security }) => {
        const port = await this.#peer.ask('open', { workload: workload.name, security, size });
        return { api, security, port };
      }),
    );
    const before = await this.#line.counts();
    const done = new Promise((resolve, reject) => {
      this.#client.heard = async ({ id, method, params, done }) => {
        if (done) return resolve(done);
        let answer;
        try {
          answer = { id, result: await this.#serve(workload, members, method, params) };
        } catch (error) {
          answer = { id, error: error.stack };
        }
        this.#client.say(answer);
      };
      const params = { name: workload.name, subjects: listening, ca: this.#authority.ca, size, prepared };
      // It answers by `done`, and rejects if the process ends.
      this.#client.ask('run', params).catch(reject);
      this.#peer.ask('end').catch(reject);
    });
    const outcome = await done;
    const after = await this.#line.counts();
    await this.#peer.ask('close');
    const packets = Object.fromEntries(
      Object.entries(after).map(([name, count]) => [name, count - before[name]]),
    );
    return { ...outcome, packets };
  }

  async #serve(workload, members, method, params) {
    if (method === 'seen') return this.#peer.ask('seen', params);
    if (method === 'ends') return this.#line.ends(params.port);
    const { line, peer } = workload.turns[params.name];
    if (line) await this.#line.tell(line(members));
    if (peer) await this.#peer.ask(peer);
  }

  /** Lets the client go. Rejects if it does not end by itself, and well. */
  async close() {
    this.#client.say({ method: 'end' });
    const how = await this.#client.end(30_000 * slowness);
    await this.kill();
    if (how !== 'exit code 0')
      throw new Error(`the client ended with ${how ?? 'nothing'}\n${this.#client.output}`);
    if (this.#client.output !== '') throw new Error(`the client said:\n${this.#client.output}`);
  }

  async kill() {
    await this.#client?.kill();
    await this.#peer?.kill();
    await this.#line.stop();
  }
}
