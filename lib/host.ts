/** What a host has decided for sockets: by createBinding(), by setDefaultBinding(), or nothing. */

import { isIP } from 'node:net';
import { type Address, parsePath, UNIX } from './address.ts';
import { Config, connect, type NativeSocket } from './binding.ts';
import { readSettings, type Settings } from './config.ts';
import { Mistakes } from './config/mistakes.ts';
import {
  type Collect,
  type Credentials,
  defaultCredentials,
  type Handshake,
  handshakeOf,
  readTls,
  withoutIdentity,
} from './credentials.ts';
import { quoted, rethrowing, SocketError } from './error.ts';
import { type Idle, IdleWatch } from './idle.ts';
import type { Options } from './options.ts';

/** Looks a name up in place of the system. */
export type Resolve = (hostname: string) => unknown;

export class Host {
  readonly config: Config;
  /** Milliseconds; 0: a socket may be idle for ever. */
  readonly idleTimeout: number;
  readonly resolve: Resolve | undefined;
  /** Milliseconds; 0: no limit. */
  readonly connectTimeout: number;
  /** What it decides, so that sockets without it would go another way, or trust others. */
  readonly decides: Readonly<Record<'network' | 'tls', boolean>>;
  /** Whether names are simply looked up and connected to. */
  readonly plain: boolean;
  /** Whether a connection was begun. */
  used = false;
  readonly #credentials: Credentials | undefined;

  /** @throws {SocketError} that names each member that cannot be used. */
  constructor(config: unknown = undefined) {
    const mistakes = new Mistakes();
    const settings = readSettings(config, mistakes);
    const { native, tls, resolve, idleTimeout } = settings;
    // The environment is read at the first use of TLS, which may never come.
    const collect: Collect = (make) => mistakes.collect(make);
    const credentials =
      Object.keys(tls).length > 0 ? readTls(tls, '', defaultCredentials(), collect) : undefined;
    const options = { ...native, notesActivity: idleTimeout > 0 };
    const proxied = credentialsOfProxy(settings, credentials, collect);
    const made = mistakes.collect(() => rethrowing(() => new Config(options, proxied?.native)));
    mistakes.raise();
    this.config = made as Config;
    this.resolve = resolve;
    this.idleTimeout = idleTimeout;
    this.connectTimeout = native.connectTimeout ?? 0;
    this.#credentials = credentials;
    const { deny, noDelay, refuse, ...others } = native;
    this.plain = native.proxy === undefined && resolve === undefined;
    const limited = deny.length > 0 || Object.keys(others).length > 0 || idleTimeout > 0;
    this.decides = { network: limited || !this.plain, tls: credentials !== undefined };
  }

  /** Of TLS, where a caller says nothing else. */
  get credentials(): Credentials {
    return this.#credentials ?? defaultCredentials();
  }

  /** What TLS from the start needs, if that is wanted. */
  handshake(options: Options, { host }: Address): Handshake | undefined {
    return options.secureTransport === 'on' ? handshakeOf(options, host, this.credentials) : undefined;
  }

  /**
   * Starts to connect.
   * @param lost Told why the host could not look the name up.
   * @param family 4 or 6: addresses that are looked up are to be of that.
   * @throws {SocketError} what is known at once.
   */
  dial(
    address: Address,
    handshake: Handshake | undefined,
    lost: (error: unknown) => void,
    family: 0 | 4 | 6 = 0,
  ): NativeSocket {
    checkPermission(address);
    const { resolve } = this;
    this.used = true;
    const native = rethrowing(() =>
      connect(
        { ...address, family, resolves: resolve !== undefined },
        this.config,
        handshake?.secure,
        handshake?.credentials.native,
      ),
    );
    if (resolve !== undefined && native.asks()) {
      lookUp(resolve, address, native).catch((error) => {
        // Otherwise it is over for another reason.
        if (!native.asks()) return;
        this.failed(error);
        lost(error);
      });
    }
    return native;
  }

  /**
   * Before somebody else looks a name up.
   * @throws {SocketError} ERR_ACCESS_DENIED, if none of its addresses may be connected to.
   */
  check(address: Address): void {
    checkPermission(address);
    const { host, port, text } = address;
    const { name = null } = address;
    rethrowing(() => this.config.check(host, port, text, name));
  }

  /** Counts a failure that only the caller knows of. */
  failed(error: unknown): void {
    this.config.failed(codeOf(error));
  }

  /** Tells when nothing has gone through an open connection for as long as the host allows, if that is limited. */
  watch(native: NativeSocket, { text }: Address, idle: Idle): IdleWatch | undefined {
    if (this.idleTimeout === 0) return undefined;
    const { config } = this;
    return new IdleWatch(native, this.idleTimeout, text, idle, (code) => config.failed(code));
  }
}

/** Node's permission model does not see what an addon does: without asking, `--permission` would not hold here. */
function checkPermission({ text }: Address): void {
  const { permission } = process as { permission?: { has(scope: string): boolean } };
  // Before Node 25 the model does not know the network, and denies nothing of it.
  if (permission === undefined || !process.allowedNodeEnvironmentFlags.has('--allow-net')) return;
  if (permission.has('net')) return;
  const denied = new SocketError(
    `access to ${text} was denied by the permission model; run node with --allow-net`,
    {
      code: 'ERR_ACCESS_DENIED',
    },
  );
  throw Object.assign(denied, { permission: 'Net', resource: text });
}

/** For TLS to a proxy, which is somebody else than those who are connected to. */
function credentialsOfProxy(
  { native, proxyTls }: Settings,
  credentials: Credentials | undefined,
  collect: Collect,
): Credentials | undefined {
  if (native.proxy?.kind !== 'https') return undefined;
  const base = withoutIdentity(credentials ?? defaultCredentials(), proxyTls !== undefined);
  return proxyTls ? readTls(proxyTls, 'proxy.tls.', base, collect) : base;
}

async function lookUp(resolve: Resolve, { host, port, text }: Address, native: NativeSocket): Promise<void> {
  const addresses = readAddresses(await resolve(host), text);
  rethrowing(() => native.answer(addresses, port));
}

let decided: Host | undefined;
let set = false;
const hosts = new WeakMap<object, Host>();

/** Remembers whose `binding` is. */
export function bind<T extends object>(binding: T, host: Host): T {
  hosts.set(binding, host);
  return binding;
}

/**
 * Whose a binding is; without one, the default.
 * @throws {SocketError} ERR_INVALID_OPTION
 */
export function hostOf(binding: unknown): Host {
  if (binding === undefined || binding === null) return defaultHost();
  const host = typeof binding === 'object' ? hosts.get(binding) : undefined;
  if (host !== undefined) return host;
  throw new SocketError('invalid option: `binding` must be what createBinding() has made', {
    code: 'ERR_INVALID_OPTION',
  });
}

/** That of connect(), and of whatever is not of a binding. */
export function defaultHost(): Host {
  decided ??= new Host();
  return decided;
}

/**
 * Before one of Node's own sockets takes the place of one of ours.
 * @param why What ours cannot do.
 * @throws {SocketError} ERR_INVALID_OPTION, if the host has decided something that would not hold there.
 */
export function checkNodes(why: string, ...about: ('network' | 'tls')[]): void {
  if (!set || decided === undefined) return;
  const { decides } = decided;
  if (!about.some((what) => decides[what])) return;
  throw new SocketError(
    `invalid option: ${why} needs a socket of Node's own, for which what the host has decided (setDefaultBinding()) would not hold; leave it out, or let the host decide nothing`,
    { code: 'ERR_INVALID_OPTION' },
  );
}

/** @throws {SocketError} ERR_INVALID_STATE, if it has been set before, or used. */
export function setDefaultHost(config: unknown): Host {
  checkUnset();
  const host = new Host(config);
  // A getter of the configuration may have done anything.
  checkUnset();
  decided = host;
  set = true;
  return host;
}

function checkUnset(): void {
  if (!set && !decided?.used) return;
  throw new SocketError(
    'the default binding has been set, or used, before; call setDefaultBinding() once and first, as with `node --import ./host.mjs app.mjs`',
    { code: 'ERR_INVALID_STATE' },
  );
}

/** @throws {SocketError} ENOTFOUND, ERR_INVALID_IP_ADDRESS, ERR_INVALID_ADDRESS */
function readAddresses(found: unknown, text: string): string[] {
  const iterable = typeof found === 'object' && found !== null && Symbol.iterator in found;
  const addresses: unknown[] = iterable ? [...(found as Iterable<unknown>)] : [found];
  if (addresses.length === 0) throw unknown(text, 'gave no address');
  return addresses.map((address) => {
    if (typeof address === 'string' && isIP(address) !== 0 && !address.includes('%')) return address;
    if (typeof address === 'string' && address.startsWith(UNIX)) {
      return UNIX + parsePath(address.slice(UNIX.length)).host;
    }
    const what = typeof address === 'string' ? quoted(address) : typeof address;
    throw new SocketError(
      `\`resolve\` of the binding gave ${what} for ${text}; let it give an iterable of IP addresses, or of 'unix:/path'`,
      { code: 'ERR_INVALID_IP_ADDRESS' },
    );
  });
}

function unknown(text: string, what: string): SocketError {
  return new SocketError(
    `connect ENOTFOUND ${text}: \`resolve\` of the binding ${what}; let it give IP addresses, or throw an error`,
    { code: 'ENOTFOUND' },
  );
}

function codeOf(error: unknown): string {
  try {
    const code = (error as { code?: unknown } | null | undefined)?.code;
    // Not any text: they are kept.
    return typeof code === 'string' && /^[A-Z][A-Z\d_]{1,40}$/.test(code) ? code : 'ENOTFOUND';
  } catch {
    return 'ENOTFOUND';
  }
}
