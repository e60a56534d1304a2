import type { Credentials } from '../fixtures/pki.mjs';
import type { Finding } from './daemon.mjs';

/** A running Redis, on 127.0.0.1 and ::1. Ends with this process at the latest, however that ends. */
export interface RedisServer extends AsyncDisposable {
  /** Plain. */
  readonly port: number;
  /** TLS. */
  readonly tlsPort: number;
  /** Of the user `default`. */
  readonly password: string;
  /** `redis://`, with the password, to localhost. */
  readonly url: string;
  /** `rediss://`, with the password, to localhost. */
  readonly tlsUrl: string;
  readonly pid: number;
  /** What it printed so far. */
  log(): string;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** Whether redis-server is here. */
export const available: Finding;

/** Starts Redis and resolves once it accepts connections. It keeps nothing on disk. */
export function startRedis(options: { credentials: Credentials; password?: string }): Promise<RedisServer>;
