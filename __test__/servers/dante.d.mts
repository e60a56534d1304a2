import type { Finding } from './daemon.mjs';
import type { ProxyServer } from './tinyproxy.mjs';

/** Whether danted is here. */
export const available: Finding;

/**
 * Starts Dante and resolves once it accepts connections.
 * @param options `blocked`: a port that it does not connect to; its log says of each attempt what it was asked for.
 */
export function startDante(options?: {
  blocked?: number | undefined;
}): Promise<Omit<ProxyServer, 'requests'>>;
