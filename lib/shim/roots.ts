/** The authorities that a process trusts, if it has been told by `tls.setDefaultCACertificates()`. */

import tls from 'node:tls';

interface Stores {
  /** Node 22.15 and later. The same frozen array until it is replaced. */
  getCACertificates?(type: 'default' | 'bundled' | 'extra'): readonly string[];
  /** Node 22.19 and later. */
  setDefaultCACertificates?: unknown;
}

let seen: readonly string[] | undefined;
let replaced: readonly string[] | undefined;

/**
 * The roots that replace the default ones for the whole process. Undefined while Node's are the ones that Rust has as well: with fewer,
 * a certificate that Node refuses must not be accepted.
 */
export function rootsOfProcess(): readonly string[] | undefined {
  const { getCACertificates, setDefaultCACertificates } = tls as Stores;
  if (setDefaultCACertificates === undefined || getCACertificates === undefined) return undefined;
  const roots = getCACertificates('default');
  if (roots !== seen) {
    seen = roots;
    replaced = isUsual(new Set(roots), getCACertificates('bundled'), getCACertificates('extra'))
      ? undefined
      : roots;
  }
  return replaced;
}

function isUsual(roots: ReadonlySet<string>, bundled: readonly string[], extra: readonly string[]): boolean {
  const usual = new Set([...bundled, ...extra]);
  return roots.size === usual.size && [...usual].every((root) => roots.has(root));
}
