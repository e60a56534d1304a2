/** TLS credentials: whom a connection trusts and who it is, from the members that index.d.ts calls TlsConfig. */

import type { CredentialsOptions, Secure } from '../binding.d.cts';
import type { TlsVersion } from '../index.d.ts';
import { Credentials as Native } from './binding.ts';
import { rethrowing, SocketError } from './error.ts';
import {
  describe,
  dictionary,
  invalid,
  type Options,
  readAlpn,
  readServerName,
  secureOf,
} from './options.ts';
import { keyLogOfHost, logged, readKeyLog } from './key-log.ts';
import { readKey, readPem } from './pem.ts';
import { warn } from './warning.ts';

/** What credentials were made from. */
export let optionsOf: (credentials: Credentials) => Readonly<CredentialsOptions>;

/** Parsed, with what they were parsed from: startTls() puts its options on top of that. Made once, used many times. */
export class Credentials {
  // Neither a property nor a getter: who looks at a socket with all it has must not see a private key.
  readonly #options: Readonly<CredentialsOptions>;
  #native: Native | undefined;

  static {
    optionsOf = (credentials) => credentials.#options;
  }

  constructor(options: Readonly<CredentialsOptions>) {
    this.#options = options;
  }

  /** Made when it is first needed: the default may only be what others are made from. */
  get native(): Native {
    return this.checked().#native as Native;
  }

  /** Makes it now, so that what is wrong is told now. */
  checked(): this {
    this.#native ??= rethrowing(() => new Native(logged(this.#options)));
    return this;
  }
}

/** What a handshake needs. */
export interface Handshake {
  readonly secure: Secure;
  readonly credentials: Credentials;
}

/** Members that were given, converted. */
export interface Members {
  alpn?: string[] | undefined;
  ca?: Buffer[] | undefined;
  cert?: Buffer[] | undefined;
  /** Not by a member: whether the name is checked here. */
  checkName?: boolean;
  extraCa?: Buffer[] | undefined;
  key?: Buffer | undefined;
  /** A path, or none. */
  keyLog?: string | false | undefined;
  maxVersion?: TlsVersion | undefined;
  minVersion?: TlsVersion | undefined;
  pins?: Buffer[] | undefined;
  sessionResumption?: boolean | undefined;
  systemCa?: boolean | undefined;
  verify?: boolean | undefined;
}

const PIN = /^sha256\/([A-Za-z0-9+/]{43}=)$/;

/** Runs what reads a member. What that throws is thrown, or told later with what else is wrong: then the result is undefined. */
export type Collect = <T>(make: () => T) => T | undefined;

const atOnce: Collect = (make) => make();

/**
 * Credentials of a dictionary, over those that it does not mention. Members are read in WebIDL's order.
 * @param where What stands before a member's name in messages, as in `'proxy.tls.'`.
 * @throws {SocketError} ERR_INVALID_OPTION, ERR_INVALID_CA, ERR_INVALID_CERT or ERR_INVALID_KEY; or what a getter throws.
 */
export function readTls(
  bag: Readonly<Record<string, unknown>>,
  where = '',
  base: Credentials = defaultCredentials(),
  collect: Collect = atOnce,
): Credentials {
  let mistaken = false;
  const noted: Collect = (make) =>
    collect(() => {
      try {
        return make();
      } catch (error) {
        mistaken = true;
        throw error;
      }
    });
  const members = readMembers(bag, where, noted);
  const made = mistaken ? undefined : noted(() => over(base, members, where));
  return made ? loud(members, made) : base;
}

/** What connect() needs. */
export function handshakeOf(options: Options, host: string, credentials = defaultCredentials()): Handshake {
  const secure = secureOf(options, host);
  checkName(secure.serverName);
  return { secure, credentials };
}

/** A Unix domain socket has no name of its own. */
function checkName(serverName: string): void {
  if (!/^[/@]/.test(serverName)) return;
  throw invalid(
    `TLS over unix:${serverName} needs \`sni\`: a path is no name that a certificate could be for`,
  );
}

/**
 * What startTls() needs. Drivers pass bags of their own, so unknown members are ignored.
 * @throws {SocketError} as readTls(); ERR_INVALID_SNI if what is connected to is no name that a certificate can have.
 */
export function readStartTls(given: unknown, base: Credentials, options: Options, host: string): Handshake {
  const bag = dictionary(given, 'the options of startTls()');
  const { alpn, ...members } = readMembers(bag, '');
  const inherited = secureOf(options, host);
  const secure = { ...inherited, serverName: readServerName(bag) ?? inherited.serverName };
  checkName(secure.serverName);
  if (alpn) secure.alpn = alpn;
  const credentials = loud(members, over(base, members));
  rethrowing(() => credentials.native.check(secure));
  return { secure, credentials };
}

/** The members of TlsConfig. `null` counts as left out. */
export function readMembers(
  bag: Readonly<Record<string, unknown>>,
  where: string,
  collect: Collect = atOnce,
): Members {
  const given = (name: string): unknown => bag[name] ?? undefined;
  const alpn = collect(() => readAlpn(given('alpn'), `${where}alpn`));
  const ca = collect(() => readPem(given('ca'), `${where}ca`, 'ERR_INVALID_CA'));
  const chain = given('cert');
  const cert = collect(() => readPem(chain, `${where}cert`, 'ERR_INVALID_CERT'));
  const extraCa = collect(() => readPem(given('extraCa'), `${where}extraCa`, 'ERR_INVALID_CA'));
  const pem = given('key');
  const keys = collect(() => readPem(pem, `${where}key`, 'ERR_INVALID_KEY'));
  const keyLog = collect(() => readKeyLog(given('keyLog'), `${where}keyLog`));
  const maxVersion = collect(() => readVersion(given('maxVersion'), `${where}maxVersion`));
  const minVersion = collect(() => readVersion(given('minVersion'), `${where}minVersion`));
  const passphrase = collect(() => readPassphrase(given('passphrase'), `${where}passphrase`));
  const pins = collect(() => readPins(given('pins'), `${where}pins`));
  const reject = given('rejectUnauthorized');
  const sessionResumption = collect(() => readFlag(given('sessionResumption'), `${where}sessionResumption`));
  const systemCa = collect(() => readFlag(given('systemCa'), `${where}systemCa`));
  // Under Node's name it is never a mistake: whatever is not `false` asks for verification.
  const verify =
    collect(() => readFlag(given('verify'), `${where}verify`)) ??
    (reject === undefined ? undefined : reject !== false);
  collect(() => {
    if ((chain === undefined) !== (pem === undefined)) {
      throw invalid(`\`${where}cert\` and \`${where}key\` belong together; pass both, or neither`);
    }
    if (passphrase && pem === undefined)
      throw invalid(`\`${where}passphrase\` is that of \`${where}key\`, which is missing`);
  });
  const key = collect(() => keys && readKey(keys, passphrase, `${where}key`));
  const roots = { ca, extraCa, systemCa };
  const versions = { minVersion, maxVersion };
  return { alpn, ...roots, cert, key, keyLog, ...versions, pins, sessionResumption, verify };
}

/** Credentials with some members changed. They are the same object if none is. */
export function over(base: Credentials, members: Members, where = ''): Credentials {
  const { alpn, ca, cert, extraCa, key, keyLog, pins, systemCa, verify } = members;
  if (Object.values(members).every((member) => member === undefined)) return base;
  const options: CredentialsOptions = { ...optionsOf(base) };
  if (verify === false && options.reject === true) {
    throw invalid(
      `\`${where}verify: false\` (or \`rejectUnauthorized: false\`) is not for this connection: the host has decided \`verify: true\`; trust the authority with \`ca\``,
    );
  }
  if (ca) {
    options.ca = ca;
    // In place of all that was trusted before.
    delete options.extraCa;
    options.system = false;
  }
  if (extraCa) options.extraCa = [...(options.extraCa ?? []), ...extraCa];
  if (systemCa !== undefined) options.system = systemCa;
  if (cert && key) Object.assign(options, { cert, key });
  if (alpn) options.alpn = alpn;
  if (pins) options.pins = pins;
  if (keyLog === false) delete options.keyLog;
  else if (keyLog !== undefined) options.keyLog = keyLog;
  if (verify !== undefined) options.reject = verify;
  if (members.checkName !== undefined) options.checkName = members.checkName;
  if (members.maxVersion) options.maxVersion = members.maxVersion;
  if (members.minVersion) options.minVersion = members.minVersion;
  if (members.sessionResumption !== undefined) options.resumption = members.sessionResumption;
  return made(options, where);
}

/**
 * Whom credentials trust and how they speak, without who they are: for the TLS of a proxy, which is somebody else.
 * @param verified Whether the proxy is verified whatever holds for others. Without their pins, nobody would be.
 */
export function withoutIdentity(credentials: Credentials, verified: boolean): Credentials {
  const { cert, key, pins, reject, ...others } = optionsOf(credentials);
  const off = reject === false && !verified && pins === undefined;
  return made({ ...others, alpn: [], ...(off && { reject }) }, '');
}

function made(options: CredentialsOptions, where: string): Credentials {
  try {
    return new Credentials(options).checked();
  } catch (error) {
    if (where === '') throw error;
    const { code, message } = error as SocketError;
    throw new SocketError(message.replaceAll(/`(\w+)`/g, `\`${where}$1\``), { code });
  }
}

let shared: Credentials | undefined;

/** What holds where nobody says anything: the host's environment, which is read at the first use of TLS. */
export function defaultCredentials(): Credentials {
  shared ??= new Credentials({
    ...named('nodeExtra', 'NODE_EXTRA_CA_CERTS'),
    ...named('certFile', 'SSL_CERT_FILE'),
    ...named('certDir', 'SSL_CERT_DIR'),
    ...keyLogOfHost(),
    alpn: [],
    system: usesSystemStore(),
  });
  return shared;
}

function named(member: string, variable: string): Record<string, string> {
  const value = process.env[variable];
  return value ? { [member]: value } : {};
}

function usesSystemStore(): boolean {
  const flags = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  return flags.includes('--use-system-ca') || process.env['NODE_USE_SYSTEM_CA'] === '1';
}

function readVersion(value: unknown, name: string): TlsVersion | undefined {
  if (value === undefined || value === 'TLSv1.2' || value === 'TLSv1.3') return value;
  throw invalid(`\`${name}\` must be 'TLSv1.2' or 'TLSv1.3', not ${describe(value)}`);
}

function readPassphrase(value: unknown, name: string): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  throw invalid(`\`${name}\` must be a string, not ${describe(value)}`);
}

function readPins(value: unknown, name: string): Buffer[] | undefined {
  if (value === undefined) return undefined;
  // An empty list would say that no key is good, or that any is: somebody has made a mistake.
  if (!Array.isArray(value) || value.length === 0)
    throw invalid(`\`${name}\` must be a list of at least one pin`);
  return value.map((pin: unknown) => {
    const [, base64 = ''] = (typeof pin === 'string' && PIN.exec(pin)) || [];
    const hash = Buffer.from(base64, 'base64');
    if (base64 !== '' && hash.toString('base64') === base64) return hash;
    throw invalid(
      `\`${name}\` holds ${describe(pin)}, which is no pin; write 'sha256/' and the 44 characters of base64 of the SHA-256 of a public key`,
    );
  });
}

function readFlag(value: unknown, name: string): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalid(`\`${name}\` must be true or false, not ${describe(value)}`);
}

/** Says once what was asked for, if that is that nobody is verified. */
export function loud({ verify }: Members, credentials: Credentials): Credentials {
  if (verify === false && !optionsOf(credentials).pins) {
    warn(
      'WINTERSOCK_VERIFY_OFF',
      'certificate verification is off (`verify: false` or `rejectUnauthorized: false`): anybody between here and the server can read and change everything; trust its authority with `ca`, or pin its key with `pins`',
    );
  }
  return credentials;
}
