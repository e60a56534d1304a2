/**
 * Two network namespaces and the line between them: the program in link/. It is told what the line is to be like; when it ends, or is
 * killed, nothing of it is left.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { runStep } from '../../scripts/step.mjs';
import { root } from '../../scripts/workspace.mjs';

/** Conditions, by name: what the line is like in both directions. Times in ms, rates in bits per second. */
export const conditions = {
  good: '',
  far: 'delay=40 jitter=10',
  lossy: 'loss=0.02 delay=5',
  bad: 'loss=0.04 delay=10 jitter=5 reorder=0.05 duplicate=0.02 corrupt=0.01',
  slow: 'rate=20000000 queue=65536 delay=20',
  narrow: 'rate=400000 queue=32768 delay=20',
};

/** In words, for the report. */
export const says = {
  good: 'nothing wrong',
  far: 'delay 40 ± 10 ms each way',
  lossy: '2 % lost, delay 5 ms',
  bad: '4 % lost, 5 % out of order, 2 % twice, 1 % with a flipped bit, delay 10 ± 5 ms',
  slow: '20 Mbit/s, 64 KiB of queue, delay 20 ms',
  narrow: '400 kbit/s, 32 KiB of queue, delay 20 ms',
};

/** The addresses of the two ends, and one that never answers in either family. */
export const addresses = { v4: '10.77.0.2', v6: 'fd77::2', black4: '10.77.0.99', black6: 'fd77::99' };

/** Turns of a workload: nothing goes through any more; all is as it was. @type {{ line: (members: string) => string[] }} */
export const cut = { line: () => ['line both loss=1'] };
/** @type {{ line: (members: string) => string[] }} */
export const heal = { line: (members) => ['refuse both nothing', `line both ${members}`] };

/** What is not ours runs without what is preloaded into Node for sanitizers. */
function plainEnvironment() {
  const { LD_PRELOAD, ...env } = process.env;
  return env;
}

const target = process.env.CARGO_TARGET_DIR ?? join(root, 'target');
const executable = join(target, 'release', 'wintersock-bad-line');

/** Builds the program unless that has been done. Resolves with what is missing; `undefined`: nothing. Rejects if it cannot be built. */
export async function prepareLine() {
  if (process.platform !== 'linux') return 'network namespaces are Linux’s';
  const args = ['build', '--locked', '--release', '--quiet', '-p', 'wintersock-bad-line'];
  const { ok, ending } = await runStep('cargo', args, { env: plainEnvironment(), minutes: 10 });
  if (/ENOENT/.test(ending)) return 'cargo is missing: install Rust from https://rustup.rs';
  if (!ok || !existsSync(executable)) throw new Error(`cargo ${args.join(' ')} failed: ${ending}`);
  const nsenter = (process.env.PATH ?? '')
    .split(delimiter)
    .some((directory) => existsSync(join(directory, 'nsenter')));
  if (!nsenter) return 'nsenter is missing (util-linux)';
  return missing('own');
}

/** What the machine lacks for a line of that kind, in words; `undefined`: nothing. @param {'own' | 'netem'} kind */
export async function missing(kind) {
  try {
    const line = await Line.start({ kind, seed: 0 });
    await line.stop();
    return line.v6 ? undefined : 'IPv6 is switched off';
  } catch (error) {
    return error.message;
  }
}

export class Line {
  #child;
  #answers;
  #last = Promise.resolve('');
  /** Paths of the namespaces. */
  client = '';
  server = '';
  v6 = false;
  /** @type {'own' | 'netem'} */
  kind = 'own';

  /**
   * @param {object} options
   * @param {'own' | 'netem'} options.kind Whose line: our program's, or the kernel's.
   * @param {number} options.seed Of its dice.
   * @param {boolean} [options.impatient] Whether the system gives up what is not answered after seconds.
   */
  static async start({ kind, seed, impatient = false }) {
    const line = new Line();
    line.kind = kind;
    const args = [kind, `seed=${seed}`, ...(impatient ? ['impatient'] : [])];
    line.#child = spawn(executable, args, {
      env: plainEnvironment(),
      stdio: ['pipe', 'pipe', 'pipe'],
      // Out of reach of Ctrl-C: it ends when its stdin does.
      detached: true,
    });
    let wrong = '';
    line.#child.stderr.setEncoding('utf8').on('data', (text) => {
      wrong += text;
    });
    line.#child.stdin.on('error', () => {});
    line.#answers = createInterface({ input: line.#child.stdout })[Symbol.asyncIterator]();
    try {
      const [client, server, v6] = (await line.#answer()).split(' ');
      Object.assign(line, { client, server, v6: v6 === 'v6=true' });
    } catch {
      await line.stop();
      throw new Error(wrong.trim() || 'the line ended at once');
    }
    return line;
  }

  /** Says commands of link/src/command.rs, one after the other. @param {readonly string[]} commands */
  tell(commands) {
    for (const command of commands) {
      this.#last = this.#last.then(() => {
        this.#child.stdin.write(`${command}\n`);
        return this.#answer();
      });
    }
    return this.#last;
  }

  /** What has happened to packets so far. netem tells how many there were, and were lost. */
  counts() {
    return this.#numbers('counts');
  }

  /** How often either side has sent FIN and RST over the connections to a port: nothing if the line is none of ours. @param {number} port */
  async ends(port) {
    return this.kind !== 'own' ? {} : this.#numbers(`ends ${port}`);
  }

  /** @returns {Promise<Record<string, number>>} */
  async #numbers(command) {
    const pairs = (await this.tell([command])).split(' ').map((pair) => pair.split('='));
    return Object.fromEntries(pairs.map(([name, count]) => [name, Number(count)]));
  }

  async stop() {
    const { exitCode, signalCode } = this.#child;
    this.#child.stdin.end();
    if (exitCode === null && signalCode === null) await once(this.#child, 'exit');
  }

  async #answer() {
    const { value = 'error the line has ended' } = await this.#answers.next();
    const [, kind, text] = /^(ok|error) ?(.*)$/.exec(value) ?? [];
    if (kind !== 'ok') throw new Error(text ?? value);
    return text;
  }
}

/** A command that runs in a namespace. @param {string} namespace @param {string} command @param {string[]} args */
export function inside(namespace, command, args) {
  return ['nsenter', [`--net=${namespace}`, command, ...args]];
}
