/** One test process of a suite. */
import { spawn } from 'node:child_process';
import { clearedEnvironment } from '../../__test__/fixtures/environment.mjs';

/** How often a test may fail before it has failed: some of them measure time. */
export const ATTEMPTS = 4;

/** Milliseconds after which a process that has not ended by itself has failed. */
const DEADLINE = 40_000;

/**
 * How a test ended.
 * @typedef {{ file: string, name: string, ok: boolean, why?: string }} Result
 */

/**
 * Runs Node to its end. Never rejects.
 * @param {readonly string[]} args @param {{ cwd: string, env: Record<string, string>, deadline?: number }} options
 * @returns {Promise<{ ok: boolean, late: boolean, why: string }>} `why`: the end of what it printed, and how it ended.
 */
export function runTest(args, { cwd, env, deadline = DEADLINE }) {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...clearedEnvironment(), USER: 'postgres', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output = (output + text).slice(-4000);
    });
  }
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, deadline);
  const interrupt = () => child.kill('SIGKILL');
  process.once('exit', interrupt);
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ ok: false, late, why: error.message }));
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      process.off('exit', interrupt);
      const ending = late ? `did not end within ${deadline / 1000} s` : (signal ?? `exit code ${code}`);
      resolve({ ok: code === 0, late, why: `${output.trim()}\n${ending}` });
    });
  });
}
