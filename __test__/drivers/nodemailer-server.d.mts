import type { Credentials } from '../fixtures/pki.mjs';

/** A mail server of this process, on 127.0.0.1, that answers a message with what it got, as JSON. */
export interface MailServer {
  /** STARTTLS. */
  readonly port: number;
  /** TLS from the start. */
  readonly tlsPort: number;
  readonly user: string;
  readonly password: string;
  stop(): Promise<void>;
}

/**
 * Starts a mail server that demands TLS and a login. The recipient nobody is refused, at killer the connection ends,
 * and behind a message to last@example.org as well.
 */
export function startMail(options: { credentials: Credentials }): Promise<MailServer>;
