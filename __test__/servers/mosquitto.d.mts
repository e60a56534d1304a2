import type { Credentials } from '../fixtures/pki.mjs';
import type { Finding } from './daemon.mjs';

/** A running mosquitto, on 127.0.0.1. Ends with this process at the latest, however that ends. */
export interface MosquittoServer extends AsyncDisposable {
  /** Plain. */
  readonly port: number;
  /** TLS. */
  readonly tlsPort: number;
  readonly user: string;
  readonly password: string;
  /** `mqtts://`, with user and password, to localhost. */
  readonly tlsUrl: string;
  readonly pid: number;
  /** What it printed so far: every packet, briefly. */
  log(): string;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** Whether mosquitto is here. */
export const available: Finding;

/** Starts mosquitto and resolves once it accepts connections. It keeps nothing on disk. */
export function startMosquitto(options: {
  credentials: Credentials;
  user?: string;
  password?: string;
}): Promise<MosquittoServer>;
