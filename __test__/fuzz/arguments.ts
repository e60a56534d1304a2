/** The many ways to call node:net, read as it reads them; and the command line. */

import net from 'node:net';
import fc from 'fast-check';
import { readArguments as readCommand } from '../../lib/command/arguments.ts';
import { UsageError } from '../../lib/command/failure.ts';
import { options } from '../../lib/command/options.ts';
import { readArguments, readEndpoint, readTarget, textOf } from '../../lib/duplex/arguments.ts';
import { attempted, long, spelt, strange, type Target, target } from './target.ts';

const CODES = ['ERR_MISSING_ARGS', 'ERR_SOCKET_BAD_PORT', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_OPTION'];

const port = fc.oneof(
  fc.integer({ min: -2, max: 70_000 }),
  fc.constantFrom<unknown>(
    '443',
    ' 80 ',
    '0x50',
    '',
    ' ',
    '1e3',
    '0b1',
    '08',
    '-1',
    '65536',
    '1.5',
    -0,
    1.5,
    null,
    undefined,
  ),
  strange,
);
const listener = () => {};
const call = fc.oneof(
  fc
    .tuple(port, fc.oneof(fc.domain(), strange), fc.constantFrom<unknown>(listener, undefined))
    .map((all) => [...all]),
  fc
    .tuple(spelt(['/run/x', '443', ' ', '0x1', '1e2', ':', '.'], 3), fc.constantFrom<unknown>(listener, null))
    .map((all) => [...all]),
  fc.array(strange, { maxLength: 4 }),
);

/** What node:net makes of its arguments. It has no name for it, but the packages that replace it rely on it. */
const { _normalizeArgs: normalize } = net as unknown as {
  _normalizeArgs(given: readonly unknown[]): [Record<string, unknown>, unknown];
};

function checkCall(given: readonly unknown[]): void {
  const read = attempted(() => readArguments(given), CODES);
  if (read === undefined) return;
  const [bag, found] = read;
  if (found !== undefined && typeof found !== 'function') throw new Error('a listener that is none');
  const [first] = given;
  if (typeof first !== 'number' && typeof first !== 'string') return;
  const [expected, expectedListener] = normalize(given);
  for (const name of ['port', 'host', 'path']) {
    const [ours, theirs] = [(bag as Record<string, unknown>)[name], expected[name]];
    // There a port may be a text, too, and is compared as a number.
    const same = Object.is(ours, theirs) || String(ours) === String(theirs);
    if (!same) throw new Error(`${name}: ${String(ours)}, and in node:net ${String(theirs)}`);
  }
  if (found !== undefined && expectedListener !== null && found !== expectedListener)
    throw new Error('another listener');
}

const where = fc.record(
  {
    port,
    host: fc.oneof(fc.domain(), fc.ipV6(), strange),
    hostname: fc.domain(),
    path: fc.oneof(spelt(['/run/x', '\0', 'a', '..', ':', '443', 'é'], 4), strange),
    family: fc.oneof(fc.constantFrom(0, 4, 6, '4', 'IPv6'), strange),
    lookup: fc.oneof(fc.constant(listener), strange),
    localAddress: fc.constantFrom(undefined, null, '::1'),
    onread: fc.constantFrom(undefined, {}),
  },
  { requiredKeys: [] },
);

function checkTarget(given: object): void {
  const read = attempted(() => readTarget(given as Parameters<typeof readTarget>[0]), CODES);
  if (read === undefined) return;
  if (!Number.isInteger(read.port) || read.port < 0 || read.port > 65_535)
    throw new Error(`port ${read.port}`);
  const text = textOf(read);
  const endpoint = readEndpoint(text);
  if (
    read.path === undefined &&
    net.isIP(read.host) &&
    (endpoint?.address !== read.host || endpoint.port !== read.port)
  ) {
    throw new Error(`${text} reads as ${JSON.stringify(endpoint)}`);
  }
}

/** A port is one for both, or for neither. */
function checkPort(given: unknown): void {
  const read = (() => {
    try {
      return readTarget({ port: given as number, host: 'name.invalid' }).port;
    } catch {
      return undefined;
    }
  })();
  let theirs = true;
  try {
    const lookup = () => {};
    net
      .connect({ port: given as number, host: 'name.invalid', lookup: lookup as never })
      .on('error', () => {})
      .destroy();
  } catch {
    theirs = false;
  }
  if ((read !== undefined) !== theirs)
    throw new Error(`port ${String(given)}: ${read}, and in node:net ${theirs}`);
}

const words = spelt(
  [
    ...Object.keys(options).map((name) => `--${name}`),
    '--',
    '-',
    '-q',
    '-vh',
    '=',
    'x',
    'localhost:1',
    'http://user:pw@h:1/',
    '--__proto__',
    '--constructor',
    '--no-tls',
    'postgres',
    'é',
    '\u001b[2J',
    '8',
    '443',
  ],
  3,
);

function checkCommand(argv: readonly string[]): void {
  try {
    const read = readCommand(argv, ['postgres', 'smtp']);
    if (!read.has('help') && !read.has('version') && read.address === '') {
      // An empty text is an argument.
      if (!argv.includes('')) throw new Error('nowhere to go');
    }
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    if (error.message.includes('pw@')) throw new Error(`told: ${error.message}`);
  }
}

export const arguments_: Target[] = [
  target('arguments: calls', [call], checkCall),
  target('arguments: targets', [where], checkTarget),
  target('arguments: ports', [port], checkPort, 0.3),
  target('command: words', [fc.array(words, { maxLength: 6 })], checkCommand),
  target(
    'command: long',
    [long(['--', '-', 'a', 'tls', '=', ':', '/', '@', 'http://', ' '], 10_000)],
    (text) => {
      const start = performance.now();
      for (const argv of [[text], [`--${text}`], ['--starttls', `x${text}`], [`http://${text}`]])
        checkCommand(argv);
      if (performance.now() - start > 10_000) throw new Error('it takes too long');
    },
    0.05,
  ),
];
