/** The class Socket of wintersock/node: what tls.TLSSocket has. All of it is on the prototype: some ask whether it is there. */

import { X509Certificate } from 'node:crypto';
import type { CipherNameAndProtocol, DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { TlsOptions } from '../../node.d.ts';
import { opened } from '../channels.ts';
import { handOver } from './life.ts';
import { PARTS, SECURED } from './parts.ts';
import { cipherOf, detailed, rootsOf, type Security } from './security.ts';
import { TcpSocket } from './tcp.ts';

export class Socket extends TcpSocket {
  get encrypted(): boolean {
    return this[PARTS].security !== undefined;
  }

  get authorized(): boolean {
    return this[PARTS].secured !== undefined && this[PARTS].secured.wrong === undefined;
  }

  get authorizationError(): string | null {
    return this[PARTS].secured?.wrong ?? null;
  }

  get alpnProtocol(): string | false | null {
    return this[PARTS].secured ? (this[PARTS].secured.alpn ?? false) : null;
  }

  get servername(): string | undefined {
    return this[PARTS].security?.secure.serverName;
  }

  getProtocol(): string | null {
    return this[PARTS].secured?.agreed.protocol ?? null;
  }

  getCipher(): CipherNameAndProtocol | Record<string, never> {
    return this[PARTS].secured ? cipherOf(this[PARTS].secured.agreed.cipher) : {};
  }

  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate;
  getPeerCertificate(all = false): PeerCertificate {
    const chain = this[PARTS].secured?.agreed.certificates ?? [];
    return all
      ? detailed(chain, true, this[PARTS].security && rootsOf(this[PARTS].security))
      : detailed(chain.slice(0, 1));
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    const [leaf] = this[PARTS].secured?.agreed.certificates ?? [];
    return leaf && new X509Certificate(leaf);
  }

  isSessionReused(): boolean {
    return this[PARTS].secured?.agreed.resumed ?? false;
  }

  #check(
    check: NonNullable<Security['check']>,
    name: string,
    certificate: PeerCertificate,
  ): Error | undefined {
    try {
      return check(name, certificate);
    } catch (error) {
      this.destroy();
      throw error;
    }
  }

  [SECURED](): void {
    const { line, security } = this[PARTS];
    const native = line?.native;
    const agreed = native?.agreed();
    if (!agreed || !security) return;
    this[PARTS].secured = { agreed, alpn: native?.info()?.alpn, wrong: agreed.overlooked };
    if (security.check && this.authorized) {
      const certificate = this.getPeerCertificate(true);
      // Until it has been found in order, also if the check throws.
      this[PARTS].secured.wrong = 'ERR_TLS_CERT_ALTNAME_INVALID';
      const error = this.#check(security.check, security.secure.serverName, certificate);
      this[PARTS].secured.wrong = error
        ? ((error as NodeJS.ErrnoException).code ?? error.message)
        : undefined;
      if (error && security.reject) {
        this.destroy(error);
        return;
      }
    }
    opened(this[PARTS]);
    this.emit('secureConnect');
  }
}

/** A socket that has the connection of `plain` from now on, over TLS. `plain` is silent then, and goes with it. */
export function secured(plain: Socket, options: TlsOptions, secure: Socket = new Socket()): Socket {
  handOver(plain, secure, options);
  return secure;
}
