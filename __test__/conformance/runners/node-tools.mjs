import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';

const SOLO = fileURLToPath(new URL('node-solo.mjs', import.meta.url));

/**
 * Runs `script` in a process of its own, with the same subject.
 *
 * @param {(subject: object, args: object) => unknown} script is sent as text: it sees its arguments and globals only
 * @param {{ args?: object, env?: Record<string, string | undefined>, node?: string[], patience?: number,
 *   linger?: number }} [options] `patience` is how long it may take, `linger` how long it may live on after its first output
 * @returns {Promise<{ exited: boolean, code: number | null, signal: string | null, stdout: string, stderr: string }>}
 *   `exited` is false if it had to be killed
 */
function solo(script, { args = {}, env = {}, node = [], patience = 4000, linger } = {}) {
  const child = spawn(
    process.execPath,
    ['--no-warnings', ...node, SOLO, String(script), JSON.stringify(args)],
    {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let exited = true;
  const kill = () => {
    exited = false;
    child.kill('SIGKILL');
  };
  let timer = setTimeout(kill, patience);
  if (linger !== undefined) {
    child.stdout.once('data', () => {
      clearTimeout(timer);
      timer = setTimeout(kill, linger);
    });
  }
  return new Promise((resolve) => {
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ exited, code, signal, stdout: stdout.trim(), stderr: stderr.trim() });
    });
  });
}

/** How many sockets this process has open, `null` where the system does not tell. */
function openSockets() {
  try {
    return readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
      } catch {
        return false;
      }
    }).length;
  } catch {
    return null;
  }
}

/** Whether this Node knows a command line flag. */
const takesFlag = (flag) => process.allowedNodeEnvironmentFlags.has(flag);

export const nodeTools = { solo, openSockets, inspect, takesFlag };
