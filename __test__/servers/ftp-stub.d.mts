import type { Credentials } from '../fixtures/pki.mjs';

/** As much of an FTP server as its client's sockets need, in this process, on 127.0.0.1. */
export interface FtpStub extends AsyncDisposable {
  readonly port: number;
  /** Ends its connections. */
  stop(): Promise<void>;
}

/**
 * Starts it. It knows AUTH TLS, or, if it is `implicit`, TLS from the start. For tests: `SITE RESUMED` tells how many data connections went
 * on with a session of TLS, `SITE SEVER` cuts the connection off.
 */
export function startFtpStub(options: {
  credentials: Credentials;
  user: string;
  password: string;
  implicit?: boolean;
}): Promise<FtpStub>;
