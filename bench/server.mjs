/** The servers that all subjects talk to: `serve` of bench/peer. */
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { Child } from './child.mjs';
import { pinned } from './machine.mjs';

const suffix = process.platform === 'win32' ? '.exe' : '';

/** The built peer. */
export const peerExecutable = fileURLToPath(
  new URL(`../target/release/wintersock-bench-peer${suffix}`, import.meta.url),
);

export class Server {
  #child;
  #cpus;

  /** @param {number | undefined} cpu The only processor it may use. */
  static async start(cpu) {
    const server = new Server();
    server.#child = new Child(pinned(peerExecutable, ['serve'], cpu));
    const { plain, tls, ca, cpus = availableParallelism() } = await server.#child.next(20);
    server.ports = { plain, tls };
    server.ca = ca;
    server.#cpus = cpu === undefined ? cpus : 1;
    return server;
  }

  /** Seconds of CPU so far, and when that was. */
  async usage() {
    const { cpu } = await this.#child.ask('cpu', 20);
    return { cpu, now: performance.now() / 1000 };
  }

  /** The share of what it could have done, 0 to 1, since `before`. */
  async load(before) {
    const after = await this.usage();
    return (after.cpu - before.cpu) / (after.now - before.now) / this.#cpus;
  }

  end() {
    return this.#child.end();
  }
}
