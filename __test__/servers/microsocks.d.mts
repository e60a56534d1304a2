import type { Finding } from './daemon.mjs';
import type { Account, ProxyServer } from './tinyproxy.mjs';

/** Whether microsocks is here. */
export const available: Finding;

/**
 * Starts microsocks and resolves once it accepts connections.
 * @param options `account`: nobody else may use it.
 */
export function startMicrosocks(options?: {
  account?: Account | undefined;
}): Promise<Omit<ProxyServer, 'requests'>>;
