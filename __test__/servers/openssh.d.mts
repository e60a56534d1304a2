import type { Finding } from './daemon.mjs';

/** A running sshd, on 127.0.0.1. Ends with this process at the latest, however that ends. */
export interface OpensshServer extends AsyncDisposable {
  readonly port: number;
  /** Who runs this process: nobody else can log in. */
  readonly user: string;
  /** The user's key, as OpenSSH writes it. */
  readonly privateKey: string;
  /** Where it is. */
  readonly keyFile: string;
  /** Of the server's key, as ssh-keygen prints it: `SHA256:` and base64. */
  readonly fingerprint: string;
  /** For files of the tests; gone when it stops. */
  readonly directory: string;
  readonly pid: number;
  /** What it printed so far. */
  log(): string;
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** Whether sshd is here. */
export const available: Finding;

/** Starts sshd and resolves once it accepts connections. */
export function startOpenssh(): Promise<OpensshServer>;
