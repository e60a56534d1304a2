/** The machine: which processors there are, what runs on them, and how Node is started there. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem, type } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Pinning Which processor each side may use; `undefined`: any.
 * @property {number | undefined} client
 * @property {Record<'one core' | 'two cores', number | undefined>} server
 * @property {string} says In words, for the report.
 */

/** @returns {Pinning} */
export function pinning() {
  const free = { client: undefined, server: { 'one core': undefined, 'two cores': undefined } };
  if (spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status !== 0) {
    return { ...free, says: 'processes were not pinned: there is no taskset' };
  }
  const allowed = listOf(/^Cpus_allowed_list:\s*(.*)$/m.exec(text('/proc/self/status'))?.[1]);
  const [client] = allowed;
  if (client === undefined) return { ...free, says: 'processes were not pinned: no processor is known' };
  // The other half of a processor with two threads would slow the client down.
  const siblings = listOf(text(`/sys/devices/system/cpu/cpu${client}/topology/thread_siblings_list`));
  const other = allowed.find((cpu) => !siblings.includes(cpu) && cpu !== client) ?? allowed[1];
  if (other === undefined) {
    return {
      client,
      server: { 'one core': client, 'two cores': client },
      says: `there is one processor only, ${client}: "two cores" is one core here`,
    };
  }
  return {
    client,
    server: { 'one core': client, 'two cores': other },
    says: `clients on processor ${client}; the server on the same ("one core") or on ${other} ("two cores")`,
  };
}

/** A command that runs on one processor. @param {string} command @param {string[]} args @param {number} [cpu] */
export function pinned(command, args, cpu) {
  return cpu === undefined ? [command, args] : ['taskset', ['-c', String(cpu), command, ...args]];
}

/** Moves a process, and what it will start, to a processor. @param {number} pid @param {number} [cpu] */
export function pin(pid, cpu) {
  if (cpu !== undefined)
    spawnSync('taskset', ['-a', '-c', '-p', String(cpu), String(pid)], { stdio: 'ignore' });
}

/** The program that is the process of a subject. */
export const runner = fileURLToPath(new URL('runner.mjs', import.meta.url));

/**
 * How a subject's process is started in Node.
 * @param {string} name @param {{ node: string }} context @param {{ args?: string[], env?: object }} [change]
 */
export function nodeRunner(name, { node }, { args = [], env = {} } = {}) {
  return { command: node, args: ['--expose-gc', '--no-warnings', ...args, runner, name], env };
}

/** Of the package in a directory, relative to this one; `undefined` if it is not there. @param {string} directory */
export function packageVersion(directory) {
  const manifest = new URL(`${directory}/package.json`, import.meta.url);
  return existsSync(manifest) ? JSON.parse(readFileSync(manifest, 'utf8')).version : undefined;
}

/** What a program says of its version, `undefined` if it is not on PATH. @param {string} command */
export function programVersion(command) {
  const { status, stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  return status === 0 ? /\d+\.\d+[\w.-]*/.exec(stdout)?.[0] : undefined;
}

/** The share of the processors' time that others take at the moment, 0 to 1; 0 where the system does not tell. */
export async function busyness() {
  const before = cpus();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const times = cpus().map(({ times }, at) => {
    const sum = (all) => Object.values(all).reduce((total, one) => total + one, 0);
    return { all: sum(times) - sum(before[at].times), idle: times.idle - before[at].times.idle };
  });
  const all = times.reduce((sum, one) => sum + one.all, 0);
  return all > 0 ? 1 - times.reduce((sum, one) => sum + one.idle, 0) / all : 0;
}

/** The machine in words. */
export function describeMachine() {
  const model = cpus()[0]?.model.trim() || process.arch;
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${model}, ${availableParallelism()} processors, ${gibibytes} GiB, ${type()} ${release().replace(/-.*/, '')}`;
}

/** The numbers of a list such as "0-2,5". @param {string | undefined} list @returns {number[]} */
function listOf(list = '') {
  return list
    .trim()
    .split(',')
    .filter(Boolean)
    .flatMap((range) => {
      const [first, last = first] = range.split('-').map(Number);
      return Array.from({ length: last - first + 1 }, (_, i) => first + i);
    });
}

/** @param {string} path */
function text(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}
