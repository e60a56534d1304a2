/** The clock of a process that runs JavaScript itself: Node, and what imitates it. */
import { performance } from 'node:perf_hooks';
import process from 'node:process';

/** Whether the runtime says how busy its event loop is. Deno and Bun have the function, but it tells nothing. */
const tellsLoop = !process.versions.bun && !process.versions.deno;

/** @type {import('./workloads.mjs').Clock} */
export const processClock = {
  now: () => performance.now() * 1000,
  usage() {
    const { user, system } = process.cpuUsage();
    return {
      now: performance.now() / 1000,
      cpu: (user + system) / 1e6,
      rss: process.memoryUsage().rss,
      ...(tellsLoop ? { loop: performance.eventLoopUtilization() } : {}),
    };
  },
  collect() {
    if (globalThis.gc) globalThis.gc();
    else globalThis.Bun?.gc(true);
  },
};
