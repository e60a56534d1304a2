/**
 * One command of a longer run: its output is shown as it comes and kept, and it is ended at its deadline.
 */
import { spawn, spawnSync } from 'node:child_process';
import { root } from './workspace.mjs';

/**
 * @typedef {object} Outcome
 * @property {boolean} ok Whether it ended by itself, with exit code 0.
 * @property {string} output What it wrote, to either stream.
 * @property {string} ending How it ended, in words.
 */

/**
 * Runs a command, without standard input. Never rejects.
 * @param {string} command @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, minutes?: number }} [options]
 * @returns {Promise<Outcome>}
 */
export function runStep(command, args, { cwd = root, env = process.env, minutes = 10 } = {}) {
  // npm and its relatives are .cmd files on Windows, which only a shell can start.
  const shell = process.platform === 'win32' && !/\.exe$/i.test(command) && command !== 'cargo';
  // A group of its own on POSIX, so that the deadline reaches what the command has started as well.
  const options = { cwd, env, shell, detached: process.platform !== 'win32', windowsHide: true };
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let late = false;
  const deadline = setTimeout(() => {
    late = true;
    end(child);
  }, minutes * 60_000);

  for (const [stream, shown] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text;
      shown.write(text);
    });
  }

  // Ctrl-C does not reach a group of its own.
  const interrupt = () => {
    end(child);
    process.exit(130);
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);

  return new Promise((resolve) => {
    /** @param {boolean} ok @param {string} ending */
    const settle = (ok, ending) => {
      clearTimeout(deadline);
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      resolve({ ok, output, ending });
    };
    child.once('error', (error) => settle(false, error.message));
    child.once('close', (code, signal) => {
      if (late) settle(false, `not done after ${minutes} minutes`);
      else settle(code === 0, signal ?? `exit code ${code}`);
    });
  });
}

/** @param {import('node:child_process').ChildProcess} child */
function end(child) {
  if (child.pid === undefined) return;
  if (process.platform === 'win32') spawnSync('taskkill', ['/pid', String(child.pid), '/t', '/f']);
  else process.kill(-child.pid, 'SIGKILL');
}
