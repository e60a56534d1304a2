import type { Credentials } from '../fixtures/pki.mjs';
import type { Finding } from './daemon.mjs';

/** A running MariaDB on 127.0.0.1. Ends with this process at the latest, however that ends. */
export interface MariadbServer extends AsyncDisposable {
  /** Plain, and TLS for clients that ask for it. */
  readonly port: number;
  /** May do everything in `database`, and end its own connections. */
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly pid: number;
  /** What it printed so far. */
  log(): string;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** Whether mariadbd and mariadb-install-db are here. */
export const available: Finding;

/** Makes an empty MariaDB and resolves once it accepts connections. It lives in a temporary directory. */
export function startMariadb(options: {
  credentials: Credentials;
  password?: string;
}): Promise<MariadbServer>;
