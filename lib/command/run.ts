/** The command as a function: arguments and streams in, exit code out. */

import type { Writable } from 'node:stream';
import { readArguments } from './arguments.ts';
import { exit, problemOf, UsageError } from './failure.ts';
import { help } from './options.ts';
import { Session, type Surroundings } from './session.ts';
import { protocols } from './starttls.ts';

/** Resolves with the exit code. Never rejects. */
export async function run(
  argv: readonly string[],
  { version, ...surroundings }: Surroundings & { version: string },
): Promise<number> {
  const { stdout, stderr } = surroundings;
  // Whoever reads them may have gone; what becomes of data is found out where it is written.
  stdout.on('error', () => {});
  stderr.on('error', () => {});
  try {
    const given = readArguments(argv, protocols);
    if (given.has('help')) return said(stdout, help(protocols));
    if (given.has('version')) return said(stdout, `${version}\n`);
    return await new Session(given, surroundings).run();
  } catch (error) {
    stderr.write(`wintersock: ${problemOf(error).message}\n`);
    if (error instanceof UsageError) stderr.write('wintersock --help lists the options\n');
    return error instanceof UsageError ? exit.usage : exit.broken;
  }
}

function said(stream: Writable, text: string): number {
  stream.write(text);
  return exit.fine;
}
