import type { Credentials } from '../fixtures/pki.mjs';

/** As much of MongoDB as its driver's sockets need, in this process, on 127.0.0.1. */
export interface MongoStub extends AsyncDisposable {
  readonly port: number;
  /** Ends its connections. */
  stop(): Promise<void>;
}

/**
 * Starts it, with TLS if there are credentials. Beyond MongoDB's, it has the commands `sever` (it ends the connection) and `wait` (it never
 * answers).
 */
export function startMongoStub(options: {
  credentials?: Credentials;
  user: string;
  password: string;
}): Promise<MongoStub>;
