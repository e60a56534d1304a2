/** The command line, read as a whole: what is wrong with it is said before anything is done. */

import { parseArgs } from 'node:util';
import { bare, UsageError } from './failure.ts';
import { nearest, type Option, type OptionName, options } from './options.ts';

/** What is asked for: values by the names of the options. */
export interface Arguments {
  address: string;
  /** Whether a switch is on. */
  has(name: OptionName): boolean;
  /** The value of an option, the last one if there are several. */
  value(name: OptionName): string | undefined;
  values(name: OptionName): readonly string[];
}

/** @throws {UsageError} that says what to write instead. */
export function readArguments(argv: readonly string[], protocols: readonly string[]): Arguments {
  const given = parse(argv);
  const has = (name: OptionName): boolean => given.options.has(name);
  const values = (name: OptionName): readonly string[] => given.options.get(name) ?? [];
  const value = (name: OptionName): string | undefined => values(name).at(-1);
  const read = { has, value, values, address: '' };
  if (has('help') || has('version')) return read;

  checkTogether(read);
  oneOf('starttls', value('starttls'), protocols);
  return { ...read, address: addressOf(given.positionals, read) };
}

interface Given {
  positionals: string[];
  options: Map<OptionName, string[]>;
}

function parse(argv: readonly string[]): Given {
  const known = Object.entries<Option>(options).map(([name, { value, short }]) => [
    name,
    { type: value ? 'string' : 'boolean', ...(short && { short }) } as const,
  ]);
  // Not strict: what Node says of mistakes is meant for programmers.
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(known),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: Given = { positionals: [], options: new Map() };
  for (const token of tokens) {
    if (token.kind === 'positional') given.positionals.push(token.value);
    if (token.kind === 'option') takeOption(given, token);
  }
  return given;
}

function takeOption(
  given: Given,
  {
    name,
    rawName,
    value,
    inlineValue,
  }: { name: string; rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
): void {
  if (!Object.hasOwn(options, name)) {
    const like = nearest(name, Object.keys(options));
    throw new UsageError(`there is no option ${bare(rawName)}${like ? `; did you mean --${like}?` : ''}`);
  }
  const known = name as OptionName;
  const option: Option = options[known];
  if (option.value === undefined) {
    if (value !== undefined) throw new UsageError(`--${name} takes no value`);
  } else if (value === undefined || value === '') {
    throw new UsageError(`--${name} needs a value: --${name} ${option.value}`);
  } else if (!inlineValue && value.startsWith('-')) {
    const shown = bare(value);
    throw new UsageError(
      `--${name} needs a value, and ${shown} looks like an option; if it is meant, write --${name}=${shown}`,
    );
  }
  const before = given.options.get(known) ?? [];
  if (before.length > 0 && value !== undefined && !option.several) {
    throw new UsageError(`--${name} is given more than once`);
  }
  given.options.set(known, value === undefined ? before : [...before, value]);
}

function checkTogether({ has, value }: Arguments): void {
  const together = (a: OptionName, b: OptionName): void => {
    if (has(a) && has(b)) throw new UsageError(`--${a} and --${b} exclude each other`);
  };
  together('tls', 'starttls');
  together('quiet', 'verbose');
  together('check', 'half-open');
  together('check', 'no-end');
  if (has('cert') !== has('key')) throw new UsageError('--cert and --key need each other');
  if (has('passphrase-file') && !has('key')) throw new UsageError('--passphrase-file needs --key');
  if (has('tls') || has('starttls')) return;
  // Trust is also what an https:// proxy is checked against.
  const trust: readonly string[] = value('proxy')?.startsWith('https:')
    ? ['ca', 'extra-ca', 'system-ca']
    : [];
  const secure = Object.entries<Option>(options).filter(
    ([name, option]) => option.secure && !trust.includes(name),
  );
  const unused = secure.find(([name]) => has(name as OptionName))?.[0];
  if (unused !== undefined) throw new UsageError(`--${unused} needs --tls or --starttls`);
}

/** A value of a list, or the nearest one in the complaint. */
export function oneOf(name: OptionName, value: string | undefined, known: readonly string[]): void {
  if (value === undefined || known.includes(value)) return;
  const like = nearest(value, known);
  const rest = like ? `did you mean ${like}?` : `it takes ${known.join(', ')}`;
  throw new UsageError(`--${name} does not know ${JSON.stringify(bare(value))}; ${rest}`);
}

function addressOf(positionals: readonly string[], { has }: Arguments): string {
  const [address, port, ...more] = positionals;
  if (address === undefined) throw new UsageError('where to? pass host:port, or unix:/path');
  if (port !== undefined) {
    const meant = more.length === 0 && /^\d+$/.test(port) ? `; write ${bare(address)}:${port}` : '';
    const shown = JSON.stringify(bare(port));
    throw new UsageError(`one address is enough, and ${shown} is another argument${meant}`);
  }
  const url = address.includes('://') && URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined) return address;
  const [usual, secure] = schemes[url.protocol.slice(0, -1)] ?? ['port'];
  const tls = secure && !has('tls') ? ' --tls' : '';
  // Not quoted: it may hold a password.
  throw new UsageError(`a URL is not an address; write ${url.hostname}:${url.port || usual}${tls}`);
}

/** Ports of URLs that have none, and whether they mean TLS from the first byte. */
const schemes: Readonly<Record<string, readonly [port: string, secure?: true]>> = {
  http: ['80'],
  https: ['443', true],
  ws: ['80'],
  wss: ['443', true],
  postgres: ['5432'],
  postgresql: ['5432'],
  mysql: ['3306'],
  redis: ['6379'],
  rediss: ['6379', true],
  ldap: ['389'],
  ldaps: ['636', true],
};
