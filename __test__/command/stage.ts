/** Calls of the command: within this process, or as one of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { run } from '../../lib/command/run.ts';
import { temporaryDirectory } from '../behaviour/trust.ts';

export interface Outcome {
  code: number;
  stdout: Buffer;
  stderr: string;
}

/** Runs the command in this process. `input`: all of stdin; nothing else comes. Default: none, without an end. */
export async function command(
  argv: readonly string[],
  {
    input,
    signal = new AbortController().signal,
  }: { input?: Uint8Array | string; signal?: AbortSignal } = {},
): Promise<Outcome> {
  const stdin = new PassThrough();
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const output = Promise.all([buffer(stdout), text(stderr)]);
  // In pieces, as from a pipe.
  if (input !== undefined) Readable.from(piecesOf(Buffer.from(input))).pipe(stdin);
  const code = await run(argv, { stdin, stdout, stderr, signal, version: '1.2.3' });
  stdout.end();
  stderr.end();
  const [out, err] = await output;
  return { code, stdout: out, stderr: err };
}

function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let from = 0; from < bytes.length; from += 65_536) yield bytes.subarray(from, from + 65_536);
}

/** What `--check --json` printed. Nothing else may be there. */
export async function reportOf(...argv: readonly string[]): Promise<Record<string, unknown> & Shape> {
  const { code, stdout, stderr } = await command([...argv, '--check', '--json']);
  const report = JSON.parse(stdout.toString());
  if (stderr !== '' || report.exitCode !== code) throw new Error(`${code} ${stdout} ${stderr}`);
  return report;
}

/** As much of the report as tests look into. */
export interface Shape {
  ok: boolean;
  exitCode: number;
  timings: Record<string, number | null> | null;
  tls: Record<string, unknown> | null;
  certificates: { subject: string; names: string[]; pin: string; daysLeft: number; problems: string[] }[];
  warnings: string[];
  hints: string[];
  error: { code: string; message: string } | null;
}

export const built = fileURLToPath(new URL('../../dist/command.mjs', import.meta.url));

/** Starts the built command. It is killed when the test ends. */
export function start(argv: readonly string[], options: { node?: string } = {}) {
  const child = spawn(options.node ?? process.execPath, [built, ...argv], {
    stdio: 'pipe',
    windowsHide: true,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  child.stdin.on('error', () => {}); // the command may end before it has read everything
  return { child, ended: endOf(child), stderr: text(child.stderr as Readable) };
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  const [code, signal] = await once(child, 'exit');
  return signal ?? code;
}

/** A file that is removed after the tests. */
export async function file(name: string, content: string): Promise<string> {
  const path = join(await temporaryDirectory(), name);
  await writeFile(path, content);
  return path;
}
