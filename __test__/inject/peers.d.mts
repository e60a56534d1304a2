/** Where the peers are: for JSON. */
export interface Places {
  plain: number;
  tls: number;
  http: number;
  https: number;
  socks: number;
  /** Nobody listens there. */
  closed: number;
  unix: string;
  /** Whom to trust. */
  ca: string;
}

/** Starts servers and proxies that do what the first line says that they get. */
export function startPeers(): Promise<{ places: Places; stop(): Promise<void> }>;
