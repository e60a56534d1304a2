/** Names that are looked up here, because the caller wants to do it, or one family only. */

import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { SocketError } from '../error.ts';
import type { Target } from './arguments.ts';

/** Whether that is to be done here at all. */
export function isOurs({ host, path, lookup, family }: Target): boolean {
  return path === undefined && isIP(host) === 0 && (lookup !== undefined || family !== 0);
}

/**
 * Resolves the host of `target` to addresses, most wanted first.
 * @param said Told what the event 'lookup' says: the error, or each address and its family.
 */
export function resolve(
  { host, lookup, family }: Target,
  said: (error: Error | null, address?: string, family?: number) => void,
  resolved: (error: Error | null, addresses: readonly string[]) => void,
): void {
  const look = (lookup ?? dns.lookup) as LookupFunction;
  // As node:net asks: for all, unless one family is wanted.
  const wanted = { family, hints: 0, all: family === 0 } as Parameters<LookupFunction>[1];
  look(host, wanted, (error, found, itsFamily) => {
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
