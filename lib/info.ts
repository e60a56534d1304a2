/** What `opened` resolves with. */

import type { X509Certificate } from 'node:crypto';
import type { Agreed } from '../binding.d.cts';
import type { SocketInfo, TlsInfo, TlsVersion } from '../index.d.ts';
import type { NativeSocket } from './binding.ts';

/**
 * What is known of a connection that is open. `tls` is put together when it is first asked for, because most never ask: a copy of what was
 * agreed on, which stays. Nobody can be asked any more after the connection has closed, so whoever comes only then gets `null`.
 */
export function infoOf(native: NativeSocket, remoteAddress: string, secure: boolean): SocketInfo {
  const { localAddress = '', alpn = null } = native.info() ?? {};
  if (!secure) return { remoteAddress, localAddress, alpn, tls: null };
  // Whoever keeps the information does not keep the connection.
  const open = new WeakRef(native);
  let tls: TlsInfo | undefined;
  return {
    remoteAddress,
    localAddress,
    alpn,
    get tls() {
      const agreed = tls ? null : open.deref()?.agreed();
      if (agreed) tls = tlsOf(agreed);
      return tls ?? null;
    },
  };
}

function tlsOf({ protocol, cipher, group, resumed, certificates, overlooked }: Agreed): TlsInfo {
  let chain: X509Certificate[] | undefined;
  const parsed = (): X509Certificate[] => {
    // Not imported: loading it takes longer than a connection, and most never ask.
    const crypto = process.getBuiltinModule('node:crypto');
    chain ??= certificates.map((der) => new crypto.X509Certificate(der));
    return chain;
  };
  return {
    version: protocol as TlsVersion,
    cipher,
    group: group ?? null,
    resumed,
    get peerCertificate() {
      return parsed()[0] as X509Certificate;
    },
    get peerCertificates() {
      return parsed();
    },
    authorizationError: overlooked ?? null,
  };
}
