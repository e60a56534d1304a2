import { spawn } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEADLINE } from '../clause.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const MAIN = 'runners/workerd-worker.mjs';
const GRACE = 4000;

/** Runs clauses inside a worker in workerd: the same bodies, with workerd's own connect(). */
export class WorkerdRunner {
  #host;
  #control;
  #server;

  /** @param {import('../peers/host.mjs').PeerHost} host */
  constructor(host) {
    this.#host = host;
  }

  /**
   * @param {import('../clause.mjs').Clause} clause
   * @returns {Promise<import('../clause.mjs').Result>}
   */
  async run({ id, node, deadline = DEADLINE }) {
    if (node) return { id, status: 'n.a.', message: 'needs Node' };
    this.#server ??= await this.#start();
    const failed = (message) => ({ id, status: 'fail', message, timedOut: true });
    let result;
    try {
      const signal = AbortSignal.timeout(deadline + GRACE);
      const response = await fetch(this.#server.url, { method: 'POST', body: id, signal });
      result = response.ok ? await response.json() : failed(`workerd: ${await response.text()}`);
    } catch (error) {
      result = failed(error.name === 'TimeoutError' ? 'the worker hangs' : `workerd: ${error.message}`);
    }
    // What a clause that timed out left behind must not meet the next one.
    if (result.timedOut) await this.close();
    return result;
  }

  async close() {
    const child = this.#server?.child;
    this.#server = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGKILL');
    });
  }

  async #start() {
    this.#control ??= await this.#host.serve();
    const { trusted, directory } = this.#host.certificates;
    const config = join(directory, 'workerd.capnp');
    await writeFile(config, await configuration(this.#control, trusted.certPem));
    // The package's main module is the path of its binary.
    const { default: binary } = createRequire(import.meta.url)('workerd');
    const child = spawn(binary, ['serve', config, '--control-fd=3'], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    // It would outlive us: it does not notice that nobody is left to ask it.
    const kill = () => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    let complaints = '';
    child.stderr.on('data', (chunk) => {
      complaints = (complaints + chunk).slice(-4000);
    });
    const port = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', () => reject(new Error(`workerd did not start: ${complaints}`)));
      child.stdio[3].on('data', (chunk) => {
        for (const line of String(chunk).split('\n').filter(Boolean)) {
          const event = JSON.parse(line);
          if (event.event === 'listen') resolve(event.port);
        }
      });
    });
    await rm(config);
    return { child, url: `http://127.0.0.1:${port}/` };
  }
}

/** A workerd configuration with this suite as a worker: its network reaches this machine, its TLS trusts `authority`. */
async function configuration(control, authority) {
  const topics = (await readdir(join(ROOT, 'clauses'))).filter((name) => name.endsWith('.mjs'));
  const clauses = topics.map((name) => `clauses/${name}`);
  const names = [MAIN, 'clause.mjs', 'trial.mjs', 'peer.mjs', 'pattern.mjs', 'source.mjs', ...clauses];
  const modules = await Promise.all(
    names.map(async (name) => {
      const source = await readFile(join(ROOT, name), 'utf8');
      return `(name = ${JSON.stringify(name)}, esModule = ${JSON.stringify(source)})`;
    }),
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .suite),
    (name = "internet", network = (
      allow = ["public", "private", "local"],
      tlsOptions = (trustBrowserCas = false, trustedCertificates = [${JSON.stringify(authority)}]),
    )),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const suite :Workerd.Worker = (
  modules = [${modules.join(',\n')}],
  bindings = [(name = "CONTROL", text = ${JSON.stringify(control)})],
  compatibilityDate = "2026-11-01",
);
`;
}
