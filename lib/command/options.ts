/** The options of the command: what they are called and take, and what the help says of them. */

export interface Option {
  /** What stands for its value in the help. Without it the option is a switch. */
  value?: string;
  /** Whether it may be given more than once. */
  several?: true;
  short?: string;
  /** Whether it is about TLS, so that it needs `--tls` or `--starttls`. */
  secure?: true;
  says: string;
}

export const options = {
  tls: { says: 'TLS from the first byte.' },
  starttls: { value: 'protocol', says: 'Plain text first, then TLS, as the protocol has it:' },
  check: { says: 'Report, close and exit: no data.' },
  json: { says: 'The report as one line of JSON: with --check on stdout, else on stderr at the end.' },
  quiet: { short: 'q', says: 'Only errors.' },
  verbose: { short: 'v', says: 'The whole report also without --check, and what is said before StartTLS.' },

  ca: {
    value: 'file',
    several: true,
    secure: true,
    says: 'Trust these authorities in place of the default ones.',
  },
  'extra-ca': { value: 'file', several: true, secure: true, says: 'Trust these authorities as well.' },
  'system-ca': { secure: true, says: "Trust what the system's own store holds as well." },
  cert: { value: 'file', secure: true, says: 'Certificate chain of this client, leaf first. Needs --key.' },
  key: { value: 'file', secure: true, says: 'Its private key.' },
  'passphrase-file': { value: 'file', secure: true, says: 'Holds the passphrase of an encrypted key.' },
  sni: { value: 'name', secure: true, says: 'The name to send and to check. Default: the host.' },
  alpn: { value: 'list', secure: true, says: 'Protocols to offer, with commas: h2,http/1.1.' },
  'min-version': { value: 'version', secure: true, says: '1.2 (default) or 1.3.' },
  'max-version': { value: 'version', secure: true, says: '1.2 or 1.3 (default).' },
  pin: {
    value: 'pin',
    several: true,
    secure: true,
    says: 'Accept this public key only: sha256/... as reported.',
  },
  insecure: {
    secure: true,
    says: 'Accept any certificate. Anybody on the way can read and change the data.',
  },

  proxy: {
    value: 'url',
    says: "http://, https://, socks5:// or socks5h://; 'env': as the environment says (HTTPS_PROXY, NO_PROXY ...).",
  },
  allow: {
    value: 'rule',
    several: true,
    says: 'Connect only where a rule allows it: public, 10.0.0.0/8, *:443 ...',
  },
  deny: { value: 'rule', several: true, says: 'Do not connect where a rule denies it: private, *:25 ...' },
  'connect-timeout': { value: 'ms', says: 'For all that comes before the data. Default 30000; 0: no limit.' },
  'idle-timeout': { value: 'ms', says: 'End after so long without data. Default 0: never.' },

  'half-open': { says: 'Go on sending after the server has ended.' },
  'no-end': { says: 'Do not tell the server that stdin has ended.' },
  help: { short: 'h', says: 'This text.' },
  version: { says: 'The version of the package.' },
} as const satisfies Record<string, Option>;

export type OptionName = keyof typeof options;

/** What a list holds that is most like a text; `undefined` if nothing is. */
export function nearest(text: string, names: readonly string[]): string | undefined {
  const wanted = text.toLowerCase();
  const ranked = names
    .map((name) => ({ name, distance: name.startsWith(wanted) ? 0.5 : distance(wanted, name) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  return best !== undefined && best.distance <= Math.max(1, wanted.length / 3) ? best.name : undefined;
}

/** Levenshtein's: how many characters are to be put in, left out or replaced. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (const [index, character] of [...a].entries()) {
    const next = [index + 1];
    for (const [column, other] of [...b].entries()) {
      const replaced = (row[column] ?? 0) + (character === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/** What `--help` prints. */
export function help(protocols: readonly string[]): string {
  const rows = Object.entries<Option>(options).flatMap(([name, { value, short, says }]) => {
    const left = `${short ? `-${short}, ` : ''}--${name}${value ? ` ${value}` : ''}`;
    const rest = name === 'starttls' ? wrapped(protocols) : [];
    return [`  ${left.padEnd(24)}${says}`, ...rest.map((line) => ' '.repeat(28) + line)];
  });
  return `Usage: wintersock [options] host:port
       wintersock [options] unix:/path

Connects, says on stderr what happened, and then copies stdin to the server and what the server sends to stdout.

${rows.join('\n')}

Exit codes: 0 fine; 1 could not connect, or the connection broke; 2 wrong usage; 3 certificate refused; 4 timed out;
            5 not let there, by a rule or the proxy; 6 no TLS as it was asked for; 128 and the number of a signal.
Examples:   wintersock example.com:443 --tls --alpn h2,http/1.1 --check
            wintersock db.example:5432 --starttls postgres --ca ca.pem --check --json
            echo PING | wintersock localhost:6379
More:       https://github.com/wintersock/wintersock/blob/main/docs/command.md
`;
}

function wrapped(names: readonly string[]): string[] {
  const half = Math.ceil(names.length / 2);
  return [`${names.slice(0, half).join(', ')},`, `${names.slice(half).join(', ')}.`];
}
