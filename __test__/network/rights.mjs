/** The rights that a line needs: root's, or, where users may have namespaces, those in one of their own. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

/** Bits of CAP_NET_ADMIN and CAP_SYS_ADMIN. */
const NEEDED = (1n << 12n) | (1n << 21n);

/** User namespaces, best first: PostgreSQL does not run as root, but older versions of util-linux know only that. */
const ways = [['--map-current-user', '--keep-caps'], ['--map-root-user']];

function sufficient() {
  const mask = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${mask}`) & NEEDED) === NEEDED;
}

/** Whether whoever this is may make a network namespace so. @param {readonly string[]} way */
function allowed(way) {
  return spawnSync('unshare', ['--user', ...way, '--net', '--', 'true'], { stdio: 'ignore' }).status === 0;
}

/**
 * Runs this program once more in a user namespace, if its rights do not suffice and those in there would.
 * @returns {Promise<number | undefined>} Its exit code. `undefined`: it was not run again.
 */
export async function runWithRights() {
  if (process.platform !== 'linux' || sufficient()) return undefined;
  const way = ways.find(allowed);
  if (way === undefined) return undefined;
  const command = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', ['--user', ...way, '--', ...command], { stdio: 'inherit' });
  process.once('exit', () => child.kill());
  const [code] = await once(child, 'exit');
  return code ?? 1;
}
