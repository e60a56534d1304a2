/**
 * `npm run build:rust [-- options of napi build]`: the addon, without paths of the machine that it is built on.
 *
 * Messages of panics name source files. Those of crates are below the home directory of who builds, so their beginning is cut off.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { root } from './workspace.mjs';

const cargoHome = process.env['CARGO_HOME'] ?? join(homedir(), '.cargo');
const registry = join(cargoHome, 'registry', 'src');

/** @param {string} command @param {string[]} args @param {NodeJS.ProcessEnv} [env] */
function run(command, args, env) {
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: env ?? process.env,
  });
  if (error) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

// The directories that sources are unpacked into are named after registries.
run('cargo', ['fetch', '--locked', '--quiet']);
const sources = existsSync(registry) ? readdirSync(registry).map((name) => join(registry, name)) : [];
// Flags are separated by spaces, so a path cannot have one. scripts/package.mjs refuses such an addon for a release.
const cut = [...sources, cargoHome].filter((path) => !/\s/.test(path));
const flags = cut.reverse().map((path) => `--remap-path-prefix=${path}=`);
const env = { ...process.env, RUSTFLAGS: [process.env['RUSTFLAGS'], ...flags].filter(Boolean).join(' ') };

const napi = join(root, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js');
const options = ['--platform', '--release', '--no-js', '--dts', 'binding.d.cts'];
run(process.execPath, [napi, 'build', ...options, ...process.argv.slice(2)], env);
