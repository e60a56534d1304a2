/** Looks names up as the system does, and remembers what it said: the report is to have the addresses. */

import { lookup } from 'node:dns/promises';
import { Failure } from './failure.ts';

/** What `resolve` of a binding is given. What is found is added to `found`, the most wanted first. */
export function lookingUp(found: string[]): (hostname: string) => Promise<string[]> {
  return async (hostname) => {
    const addresses = await lookup(hostname, { all: true, verbatim: true }).catch((error: unknown) => {
      throw unknown(hostname, error as NodeJS.ErrnoException);
    });
    found.splice(0, found.length, ...addresses.map(({ address }) => address));
    return [...found];
  };
}

function unknown(hostname: string, { code = 'ENOTFOUND', message }: NodeJS.ErrnoException): Failure {
  const what =
    code === 'ENOTFOUND'
      ? 'the name is not known; check its spelling'
      : `the name could not be looked up (${message}); check the network and the name server, and try again`;
  return new Failure(`connect ${code} ${hostname}: ${what}`, code);
}
