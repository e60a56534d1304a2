import type { Credentials } from '../fixtures/pki.mjs';

/** As much of an AMQP broker as its client's sockets need, in this process, on 127.0.0.1. */
export interface AmqpStub extends AsyncDisposable {
  readonly port: number;
  /** Ends its connections. */
  stop(): Promise<void>;
}

/** Starts it, with TLS if there are credentials. It cuts off who publishes to `sever`. */
export function startAmqpStub(options: {
  credentials?: Credentials;
  user: string;
  password: string;
}): Promise<AmqpStub>;
