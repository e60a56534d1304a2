import type { TlsOptions } from 'node:tls';
import type { Credentials } from '../fixtures/pki.mjs';

/** A server of this process on 127.0.0.1. */
interface OwnServer extends AsyncDisposable {
  readonly port: number;
  /** Its connections. */
  readonly open: ReadonlySet<unknown>;
  stop(): Promise<void>;
}

/** Ends TLS, and hands what is within it on to `port` of this machine: what makes a proxy of `http://` one of `https://`. */
export function startTlsEnd(
  options: { credentials: Credentials; port: number } & Omit<TlsOptions, 'cert' | 'key'>,
): Promise<
  OwnServer & {
    /** Takes no more from those who are connected now. */
    pause(): void;
    /** Takes from them again. */
    resume(): void;
  }
>;

/** HTTP's CONNECT, where each side may end before the other: tinyproxy and microsocks end both. */
export function startConnect(): Promise<OwnServer & { requests(): string[] }>;
