/** Checkouts of the drivers, outside this repository. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runStep } from '../step.mjs';
import { root } from '../workspace.mjs';

/** What a checkout is: `8.23.1`, or `8.23.0-11-gc9e57617` eleven commits after that. */
export async function versionOf({ manifest, tag }, checkout) {
  const { version } = JSON.parse(await readFile(join(checkout, manifest), 'utf8'));
  const options = ['describe', '--tags', '--match', tag('*')];
  const { stdout, status } = spawnSync('git', ['-C', checkout, ...options], { encoding: 'utf8' });
  return status === 0 ? stdout.trim().slice(tag('').length) : version;
}

/**
 * Clones the tag of the version in node_modules and makes it ready. What is there already is used as it is.
 * @returns {Promise<string>} The directory.
 */
export async function clone({ id, repository, tag, preparation }, directory) {
  const { version } = JSON.parse(await readFile(join(root, 'node_modules', id, 'package.json'), 'utf8'));
  const checkout = join(directory, `${id}-${version}`);
  if (existsSync(checkout)) return checkout;
  await step(
    'git',
    ['clone', '--quiet', '--depth', '1', '--branch', tag(version), repository, checkout],
    directory,
  );
  for (const [command, ...args] of preparation) await step('npx', ['--yes', command, ...args], checkout);
  return checkout;
}

async function step(command, args, cwd) {
  const { ok, ending } = await runStep(command, args, { cwd, minutes: 15 });
  if (!ok) throw new Error(`${command} ${args.join(' ')}: ${ending}`);
}
