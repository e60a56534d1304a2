/** Names that are looked up here, because the caller wants to do it, or one family only. */

import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { type Address, parseAddress, parsePath } from '../address.ts';
import { SocketError, timeoutError } from '../error.ts';
import type { Host } from '../host.ts';
import type { Target } from './arguments.ts';

/** Whether that is to be done here at all, and not by the native half, or by who decides for the connection. */
export function isOurs({ host, path, lookup, family }: Target, by: Host): boolean {
  if (path !== undefined || isIP(host) !== 0) return false;
  return lookup !== undefined || (family !== 0 && by.plain);
}

/** Where a target is, as it was asked for. */
export function addressOf({ host, port, path }: Target): Address {
  return path === undefined ? parseAddress({ hostname: host, port }) : parsePath(path);
}

/** Where it is, by what was looked up. */
export function addressesOf({ host, port, lookup }: Target, found: readonly string[]): Address[] {
  return found.map((hostname) => {
    const address = parseAddress({ hostname, port });
    // The caller's own function may say anything: rules that let a name through do not let through what that says.
    return lookup === undefined ? { ...address, name: host } : address;
  });
}

/**
 * Resolves the host of `target` to addresses, most wanted first.
 * @throws {SocketError} ERR_ACCESS_DENIED, if it may not be connected to, whatever its addresses are.
 * @param said Told what the event 'lookup' says: the error, or each address and its family.
 */
export function resolve(
  { host, port, lookup, family }: Target,
  by: Host,
  said: (error: Error | null, address?: string, family?: number) => void,
  resolved: (error: Error | null, addresses: readonly string[]) => void,
): void {
  const asked = { host, port, text: `${host}:${port}` };
  by.check(asked);
  let timer: NodeJS.Timeout | undefined;
  const late = () => resolved(timeoutError(asked.text, `looking up ${host}`, by.connectTimeout), []);
  if (by.connectTimeout > 0) timer = setTimeout(late, by.connectTimeout).unref();
  const look = (lookup ?? dns.lookup) as LookupFunction;
  // As node:net asks: for all, unless one family is wanted.
  const wanted = { family, hints: 0, all: family === 0 } as Parameters<LookupFunction>[1];
  look(host, wanted, (error, found, itsFamily) => {
    clearTimeout(timer);
    if (error) {
      said(error);
      resolved(error, []);
      return;
    }
    const all = Array.isArray(found) ? found : [{ address: found as string, family: itsFamily as number }];
    for (const one of all) said(null, one.address, one.family);
    const wrong = all.length === 0 ? { address: undefined } : all.find(({ address }) => isIP(address) === 0);
    if (wrong === undefined) {
      resolved(
        null,
        all.map(({ address }) => address),
      );
      return;
    }
    const detail = `\`lookup\` gave ${JSON.stringify(wrong.address)} for ${host}; let it give IP addresses`;
    resolved(new SocketError(detail, { code: 'ERR_INVALID_IP_ADDRESS' }), []);
  });
}
