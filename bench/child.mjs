/** A process that is spoken to in lines of JSON: the servers, and the process of a subject. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';

export class Child {
  #process;
  #complaints = '';
  #lines = [];
  #waiting;
  #ending;
  #exited;

  /**
   * @param {[string, string[]]} command The program and its arguments.
   * @param {{ env?: Record<string, string | undefined>, cwd?: string }} [options]
   */
  constructor([command, args], { env = process.env, cwd } = {}) {
    // A group of its own on POSIX, so that what it has started can be killed with it.
    const child = spawn(command, args, {
      env,
      cwd,
      detached: process.platform !== 'win32',
      windowsHide: true,
    });
    this.#process = child;
    const kill = () => this.#kill();
    process.once('exit', kill);
    child.stdin.on('error', () => {});
    child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#complaints = (this.#complaints + text).slice(-2000);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (this.#waiting) this.#waiting.resolve(line);
      else this.#lines.push(line);
    });
    this.#exited = new Promise((resolve) => {
      const gone = (how) => {
        process.off('exit', kill);
        this.#ending = new Error(`${command} ended (${how}) ${this.#complaints}`.trim());
        this.#waiting?.reject(this.#ending);
        resolve();
      };
      child.once('error', (error) => gone(error.message));
      child.once('close', (code, signal) => gone(signal ?? `exit code ${code}`));
    });
  }

  /** The next line, parsed. @param {number} seconds How long to wait for it. */
  async next(seconds) {
    const line = this.#lines.shift();
    if (line !== undefined) return JSON.parse(line);
    if (this.#ending) throw this.#ending;
    let timer;
    try {
      return JSON.parse(
        await new Promise((resolve, reject) => {
          this.#waiting = { resolve, reject };
          timer = setTimeout(() => reject(new Error(`no answer within ${seconds} s`)), seconds * 1000);
        }),
      );
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
    }
  }

  /** Says a line and waits for the answer. @param {string} line @param {number} seconds */
  ask(line, seconds) {
    this.#process.stdin.write(`${line}\n`);
    return this.next(seconds);
  }

  /** Ends it, and waits until it is gone. */
  async end() {
    this.#process.stdin.end();
    const timer = setTimeout(() => this.#kill(), 2000);
    await this.#exited;
    clearTimeout(timer);
  }

  #kill() {
    const { pid } = this.#process;
    if (process.platform === 'win32' || pid === undefined) this.#process.kill('SIGKILL');
    else process.kill(-pid, 'SIGKILL');
  }
}
