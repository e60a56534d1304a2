import type { Credentials } from '../fixtures/pki.mjs';

/** Something that speaks TDS as far as a login goes, on 127.0.0.1. */
export interface TdsStub extends AsyncDisposable {
  /** TDS 7: TLS, if the client wants it, within messages of the pre-login. */
  readonly port: number;
  /** TDS 8, "strict": TLS from the first byte, with the ALPN protocol tds/8.0. */
  readonly strictPort: number;
  readonly user: string;
  readonly password: string;
  /** Ends it with all its connections. */
  stop(): Promise<void>;
}

/**
 * Starts it. Batches are words: `rows <n>` gives n rows of 1 KiB, `digest <text>` length and SHA-256 of the batch, `encrypted` how the connection looks from here,
 * `fail` an error, `SELECT 42 AS answer` 42, `die` ends the connection, `wait` is answered when it is cancelled; others are nothing.
 */
export function startTdsStub(options: { credentials: Credentials; password?: string }): Promise<TdsStub>;
