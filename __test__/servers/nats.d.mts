import type { Credentials } from '../fixtures/pki.mjs';
import type { Finding } from './daemon.mjs';

/** A running NATS, on 127.0.0.1. Ends with this process at the latest, however that ends. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly pid: number;
  /** What it printed so far. */
  log(): string;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

export interface NatsOptions {
  /** With them it wants every connection upgraded to TLS. */
  credentials?: Credentials;
  /** Clients must show a certificate of this authority. */
  clientAuthority?: string;
  user?: string;
  password?: string;
}

/** Whether nats-server is here. */
export const available: Finding;

/** Starts NATS and resolves once it accepts connections. It keeps nothing on disk. */
export function startNats(options?: NatsOptions): Promise<NatsServer>;

/** Lets clients that begin with TLS through to a plain NATS, which it tells them to be encrypted. */
export function startTlsFirst(options: { credentials: Credentials; port: number }): Promise<
  AsyncDisposable & {
    readonly port: number;
    /** Resolves when its clients have gone. */
    stop(): Promise<void>;
  }
>;
