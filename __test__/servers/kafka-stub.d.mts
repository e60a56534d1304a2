import type { Credentials } from '../fixtures/pki.mjs';

/** What stands in for a Kafka broker, in this process, on 127.0.0.1. Demands a login. */
export interface KafkaStub extends AsyncDisposable {
  /** Plain. */
  readonly port: number;
  /** TLS. */
  readonly tlsPort: number;
  /** By SASL PLAIN. */
  readonly user: string;
  readonly password: string;
  /** Ends it and its connections. */
  stop(): Promise<void>;
}

/**
 * Starts a stub of a broker. Every topic that is asked for exists. The first time that something is produced for a
 * topic whose name begins with "broken", the connection ends instead.
 */
export function startKafkaStub(options: { credentials: Credentials }): Promise<KafkaStub>;
