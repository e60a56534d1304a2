import type { Credentials } from '../fixtures/pki.mjs';

/** A message that the server took. */
export interface Mail {
  to: string[];
  /** Whether it came over TLS. */
  secure: boolean;
  /** How the user had logged in: `'PLAIN'` or `'LOGIN'`. */
  method: string;
  text: string;
}

/** A mail server on 127.0.0.1 that demands TLS and a login. */
export interface MailServer {
  /** STARTTLS. */
  readonly port: number;
  /** TLS from the start. */
  readonly tlsPort: number;
  readonly user: string;
  readonly password: string;
  /** What it got, in order. */
  readonly messages: readonly Mail[];
  stop(): Promise<void>;
}

export function startMailServer(options: { credentials: Credentials }): Promise<MailServer>;
