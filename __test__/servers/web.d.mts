import type { Credentials } from '../fixtures/pki.mjs';

/**
 * A web server of this process, on 127.0.0.1: /connection, /private, /large, /upload, /echo, /never, /killed, /broken,
 * /last, and a WebSocket at /socket, which echoes what is no order.
 */
export interface WebServer extends AsyncDisposable {
  /** Plain. */
  readonly port: number;
  /** TLS. */
  readonly tlsPort: number;
  /** TLS, HTTP/2 and nothing else; without the WebSocket. */
  readonly http2Port: number;
  /** For /private, by HTTP's Basic. */
  readonly user: string;
  readonly password: string;
  /** Ends it and its connections. */
  stop(): Promise<void>;
}

export function startWeb(options: { credentials: Credentials }): Promise<WebServer>;
