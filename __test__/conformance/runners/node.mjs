import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { DEADLINE } from '../clause.mjs';

const CHILD = fileURLToPath(new URL('node-child.mjs', import.meta.url));

/** Beyond its deadline a clause may need this long to tidy up, in milliseconds. */
const GRACE = 4000;

/** Runs clauses against a module in child processes: a subject that hangs or crashes costs its clause alone. */
export class NodeRunner {
  #host;
  #env;
  #child;

  /**
   * @param {import('../peers/host.mjs').PeerHost} host
   * @param {{ subject: string, defect?: string }} what
   */
  constructor(host, { subject, defect }) {
    this.#host = host;
    this.#env = {
      ...process.env,
      NODE_EXTRA_CA_CERTS: host.certificates.trustedFile,
      SSL_CERT_FILE: undefined,
      SSL_CERT_DIR: undefined,
      NODE_OPTIONS: undefined,
      NODE_TLS_REJECT_UNAUTHORIZED: undefined,
      CONFORMANCE_SUBJECT: subject,
      CONFORMANCE_DEFECT: defect,
    };
  }

  /**
   * @param {import('../clause.mjs').Clause} clause
   * @returns {Promise<import('../clause.mjs').Result>}
   */
  async run({ id, deadline = DEADLINE }) {
    this.#child ??= await this.#start();
    const child = this.#child;
    const result = await new Promise((resolve) => {
      const timer = setTimeout(resolve, deadline + GRACE, {
        id,
        status: 'fail',
        message: 'the process hangs',
        timedOut: true,
      });
      child.onResult = (told) => {
        clearTimeout(timer);
        resolve(told);
      };
      child.onExit = (code, signal) => {
        clearTimeout(timer);
        const message = `the process died: ${signal ?? `exit code ${code}`}`;
        resolve({ id, status: 'fail', message, crashed: true });
      };
      child.process.send({ run: id });
    });
    // What a clause that timed out left behind must not meet the next one.
    if (result.timedOut || result.crashed) await this.close();
    return result;
  }

  async close() {
    const process = this.#child?.process;
    this.#child = undefined;
    if (!process || process.exitCode !== null || process.signalCode !== null) return;
    await new Promise((resolve) => {
      process.once('exit', resolve);
      process.kill('SIGKILL');
    });
  }

  #start() {
    const child = {
      process: fork(CHILD, { env: this.#env, execArgv: ['--no-warnings'] }),
      onResult() {},
      onExit() {},
    };
    return new Promise((resolve, reject) => {
      child.onExit = (code, signal) => reject(new Error(`the process died at start: ${signal ?? code}`));
      child.process.on('exit', (code, signal) => child.onExit(code, signal));
      child.process.on('error', reject);
      child.process.on('message', (message) => {
        if (message.ask) this.#answer(child.process, message);
        else if (message.result) child.onResult(message.result);
        else if (message.ready) resolve(child);
        else if (message.broken) reject(new Error(message.broken));
      });
    });
  }

  async #answer(process, { ask, operation, args }) {
    const answer = { answer: ask };
    try {
      answer.value = (await this.#host.perform(operation, args)) ?? null;
    } catch (error) {
      answer.error = String(error?.message ?? error);
    }
    if (process.connected) process.send(answer, () => {});
  }
}
