/** What packages get for `node:tls`: its clients are encrypted in Rust, everything else is its own. */

import tls from 'node:tls';
import type { TlsOptions } from '../../node.d.ts';
import { readArguments } from '../duplex/arguments.ts';
import { handOver } from '../duplex/life.ts';
import { PARTS } from '../duplex/parts.ts';
import { TcpSocket } from '../duplex/tcp.ts';
import { createSecureContext, optionsOf } from './context.ts';
import { checkNodes } from '../host.ts';
import { beyondTcp, beyondTls } from './reach.ts';
import { rootsOfProcess } from './roots.ts';
import { SecureSocket, TLSSocket } from './secure-socket.ts';
import { standIn } from './stand-in.ts';

type Options = Readonly<Record<string, unknown>>;

/**
 * As `tls.connect()`. Over a stream that is not ours, and with what TLS in Rust does not know, it is Node's own: nothing that was asked
 * for is left out where that would be less secure.
 */
function connect(...given: unknown[]): unknown {
  const [place, listener] = readArguments(given);
  // Options may also come after the port.
  const [first, ...others] = given;
  const more = typeof first === 'object' ? undefined : others.find((value) => typeof value === 'object');
  const options: Options = { ...place, ...(more as object | undefined) };
  const { socket: plain } = options;
  const settings = settingsOf(options);
  const beyond = settings && beyondTls(settings);
  if (settings === undefined || beyond !== undefined || !isOurs(plain, options)) {
    const why = beyond ?? (settings ? beyondTcp(options) : 'secureContext');
    // One of ours that is over carries nothing. The peer can bring that about, and Node's own tells of it by an event.
    if (!(plain instanceof TcpSocket && plain.destroyed)) {
      const about = plain ? (['tls'] as const) : (['tls', 'network'] as const);
      checkNodes(why === undefined ? 'TLS over that stream' : `\`${why}\``, ...about);
    }
    return tls.connect(options as tls.ConnectionOptions, listener);
  }
  const { allowHalfOpen } = plain || options;
  const secure = new SecureSocket({ ...options, allowHalfOpen: Boolean(allowHalfOpen) });
  if (listener) secure.once('secureConnect', listener);
  const security = tlsOptions(settings);
  if (!plain)
    return secure.connect({ ...options, ...security, secureContext: undefined, secureTransport: 'on' });
  try {
    handOver(plain, secure, security);
  } catch (error) {
    // The peer can bring this about, and drivers are in a callback here: an event, as with Node's.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_INVALID_STATE') throw error;
    plain.destroy();
    process.nextTick(() => secure.destroy(error as Error));
  }
  return secure;
}

/** Whether a connection is, or would be, one of ours, and can go over to TLS. */
function isOurs(plain: unknown, options: Options): plain is TcpSocket | undefined | null {
  if (!plain) return beyondTcp(options) === undefined;
  if (!(plain instanceof TcpSocket) || plain.destroyed) return false;
  const { line, security } = plain[PARTS];
  return line !== undefined && security === undefined;
}

/** A context knows nothing of the peer: Node passes over these where one is made, and reads them where it is used. */
const OF_THE_PEER = [
  'rejectUnauthorized',
  'checkServerIdentity',
  'servername',
  'host',
  'ALPNProtocols',
  'pskCallback',
  'requestOCSP',
] as const;

/** The options, with those of a secure context in the place of theirs. Undefined if nobody knows what that was made of. */
function settingsOf(options: Options): Options | undefined {
  const { secureContext } = options;
  if (!secureContext) return options;
  const made = optionsOf(secureContext);
  if (made === undefined) return undefined;
  const { ca, cert, key, passphrase, minVersion, maxVersion, ...others } = options;
  const own = Object.fromEntries(OF_THE_PEER.map((name) => [name, options[name]]));
  return { ...others, ...made, ...own };
}

/** The options of TLS for a socket of ours. What is not given is left out. */
function tlsOptions(settings: Options): TlsOptions {
  const {
    ca,
    cert,
    key,
    passphrase,
    servername,
    host,
    rejectUnauthorized,
    ALPNProtocols,
    checkServerIdentity,
  } = settings;
  return {
    ca: ca || rootsOfProcess(),
    cert: cert || undefined,
    key: key || undefined,
    passphrase: passphrase || undefined,
    servername: servername || host || undefined,
    // What is not given is as the host has it.
    rejectUnauthorized: rejectUnauthorized ?? undefined,
    ALPNProtocols,
    checkServerIdentity: checkServerIdentity ?? undefined,
    minVersion: settings['minVersion'] ?? undefined,
    maxVersion: settings['maxVersion'] ?? undefined,
  } as TlsOptions;
}

export default standIn(tls, { TLSSocket, connect, createSecureContext });
