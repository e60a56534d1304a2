import type { Finding } from './daemon.mjs';

/** Who may use a proxy. */
export interface Account {
  user: string;
  password: string;
}

/** A running proxy on 127.0.0.1. Ends with this process at the latest, however that ends. */
export interface ProxyServer extends AsyncDisposable {
  readonly port: number;
  /** What it printed so far. */
  log(): string;
  /** The destinations that it was asked for, `"host:port"`, as far as it says. */
  requests(): string[];
  /** Kills it and removes its files. */
  stop(): Promise<void>;
}

/** Whether tinyproxy is here. */
export const available: Finding;

/**
 * Starts tinyproxy and resolves once it accepts connections.
 * @param options `account`: nobody else may use it. `connectPorts`: the ports that it connects to; default: all. `blocked`: a host, as
 * it is asked for, that it does not connect to.
 */
export function startTinyproxy(options?: {
  account?: Account | undefined;
  connectPorts?: readonly number[] | undefined;
  blocked?: string | undefined;
}): Promise<ProxyServer>;
